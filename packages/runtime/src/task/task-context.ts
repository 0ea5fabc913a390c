// What all tasks of a slot get from it.
import type { ExecutionAttemptId } from '@millrace/common';
import type { SlotDeployment, SubtaskDeployment } from '@millrace/proto';
import type { SlotPorts } from '../slot/slot-ports.ts';
import type { Mailbox } from './mailbox.ts';

export interface TaskContext {
  readonly deployment: SlotDeployment;
  readonly subtask: SubtaskDeployment;
  readonly ports: SlotPorts;
  readonly mailbox: Mailbox;
  /** Fails the slot; for what happens outside `runOnce`. */
  readonly fail: (error: unknown, executionAttemptId: ExecutionAttemptId) => void;
  /** Subtask metrics are current when the end of input is reported. */
  readonly reportMetrics: () => void;
}
