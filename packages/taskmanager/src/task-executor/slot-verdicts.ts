// Small judgements about slots and their reports, for the TaskExecutor's core.
import { MillraceError, toWireError, type WireError } from '@millrace/common';
import type { AddressedMessage, TaskExecutorMessage } from '@millrace/proto';
import type { SlotReportBody } from '@millrace/runtime';
import type { Slot } from './slot-table.ts';
import type { WorkerKey } from './task-executor-messages.ts';

export function keyOf(slot: Slot): WorkerKey {
  return { slotIndex: slot.index, generation: slot.generation };
}

/** Without these the leader would wait for ever; everything else is soft, or its checkpoint expires. */
export function mustNotBeMissed({ kind }: SlotReportBody): boolean {
  return (
    kind === 'slot-prepared' || kind === 'slot-running' || kind === 'slot-failed' || kind === 'end-of-input'
  );
}

export function staleEpoch(message: TaskExecutorMessage, leaderEpoch: number): WireError {
  return toWireError(
    new MillraceError(
      'MR_STALE_EPOCH',
      `Cannot obey "${message.kind}" of leader epoch ${message.leaderEpoch}: epoch ${leaderEpoch} leads now`,
      {
        details: { messageEpoch: message.leaderEpoch, leaderEpoch },
      },
    ),
  );
}

export function otherInstance({ kind, instanceId }: AddressedMessage): WireError {
  return toWireError(
    new MillraceError('MR_PROTOCOL', `Cannot obey "${kind}": it is meant for another process of this name`, {
      details: { instanceId },
    }),
  );
}

export function workerLost(slot: Slot): WireError {
  return toWireError(
    new MillraceError(
      'MR_WORKER_LOST',
      `Lost the worker thread of slot ${slot.index}: it ended without being asked to`,
      {
        details: { slotIndex: slot.index },
      },
    ),
  );
}
