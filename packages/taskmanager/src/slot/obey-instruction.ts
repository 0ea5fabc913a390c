// What a slot's runtime does when the TaskExecutor says so.
import { unreachable } from '@millrace/common';
import type { SlotRuntime } from '@millrace/runtime';
import type { SlotInstruction } from '../task-executor/task-executor-messages.ts';

/** Hands one instruction to the slot that runs. Threading: the slot's thread. */
export function obeyInstruction(slot: SlotRuntime, instruction: SlotInstruction): void {
  switch (instruction.kind) {
    case 'trigger-checkpoint':
      slot.triggerCheckpoint(instruction.checkpointId, instruction.timestampMs);
      return;
    case 'checkpoint-complete':
      slot.checkpointCompleted(instruction.checkpointId);
      return;
    case 'checkpoint-aborted':
      slot.checkpointAborted(instruction.checkpointId);
      return;
    case 'finish':
      slot.finish();
      return;
    case 'cancel':
      slot.cancel();
      return;
    default:
      unreachable(instruction);
  }
}
