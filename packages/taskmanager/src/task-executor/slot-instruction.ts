// What a slot is told when the leader says something to a whole job.
import type { TaskExecutorMessage } from '@millrace/proto';
import type { SlotInstruction } from './task-executor-messages.ts';

/** Messages that go on to each slot of an attempt. */
export type ForwardedMessage = Extract<
  TaskExecutorMessage,
  { kind: 'trigger-checkpoint' | 'checkpoint-complete' | 'checkpoint-aborted' | 'align-watermarks' }
>;

export function instructionOf(message: ForwardedMessage): SlotInstruction {
  switch (message.kind) {
    case 'trigger-checkpoint': {
      const { kind, checkpointId, timestampMs, completedCheckpointId, mode } = message;
      return { kind, trigger: { checkpointId, timestampMs, completedCheckpointId, mode } };
    }
    case 'align-watermarks':
      return { kind: message.kind, limitsMs: message.limitsMs };
    default:
      return { kind: message.kind, checkpointId: message.checkpointId };
  }
}
