// What a slot's runtime does when the TaskExecutor says so.
import { unreachable } from '@millrace/common';
import type { SlotRuntime } from '@millrace/runtime';
import type { SlotInstruction } from '../task-executor/task-executor-messages.ts';

/**
 * Hands one instruction to the slot that runs. `onEnded` is called when the slot has closed everything, after `finish`
 * or `cancel`. Threading: the slot's thread.
 */
export function obeyInstruction(slot: SlotRuntime, instruction: SlotInstruction, onEnded: () => void): void {
  switch (instruction.kind) {
    case 'trigger-checkpoint':
      slot.triggerCheckpoint(instruction.trigger);
      return;
    case 'checkpoint-complete':
      slot.checkpointCompleted(instruction.checkpointId);
      return;
    case 'checkpoint-aborted':
      slot.checkpointAborted(instruction.checkpointId);
      return;
    case 'align-watermarks':
      slot.alignWatermarks(instruction.limitsMs);
      return;
    case 'finish':
      void slot.finish().finally(onEnded);
      return;
    case 'cancel':
      void slot.cancel().finally(onEnded);
      return;
    default:
      unreachable(instruction);
  }
}
