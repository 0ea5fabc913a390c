// Where a test may have the JobManager die: around its store, its checkpoint files and its links, which are all it does.
import type { BlobStore } from '@millrace/common';
import { areCrashPointsEnabled, crashPoint, type CrashPoint } from '@millrace/common/node';
import { stopsInput, type AddressedMessage } from '@millrace/proto';
import type { StoreOperation } from '../core/effects.ts';
import { decodeRecord, recordKeys, type JobProgressRecord } from '../core/job-records.ts';
import type { JobStore } from '../job-store.ts';

/** `store` itself, or one that dies behind durable writes where a test armed it. */
export function withCrashPoints(store: JobStore): JobStore {
  if (!areCrashPointsEnabled) return store;
  const before = new Map<string, JobProgressRecord>();
  return {
    load: () => store.load(),
    write: async (operations) => {
      await store.write(operations);
      for (const operation of operations) dieBehind(operation, before);
    },
    close: () => store.close(),
  };
}

/** Dies behind what a batch made durable; each point once a change. */
function dieBehind(operation: StoreOperation, before: Map<string, JobProgressRecord>): void {
  if (operation.type === 'del') return;
  const { key, value } = operation;
  if (key === recordKeys.epoch) crashPoint('jobmanager-epoch-stored');
  else if (key.startsWith(recordKeys.jobPrefix)) crashPoint('jobmanager-submission-stored');
  else if (key.startsWith(recordKeys.pointerPrefix)) crashPoint('jobmanager-pointer-written');
  else if (key.startsWith(recordKeys.progressPrefix)) {
    const record = decodeRecord<JobProgressRecord>(key, value);
    for (const point of reachedBy(record, before.get(key))) crashPoint(point);
    before.set(key, record);
  }
}

function reachedBy(record: JobProgressRecord, before: JobProgressRecord | undefined): readonly CrashPoint[] {
  const { state, stop, isPrepared, attemptNumber, inputFigures } = record;
  const points: CrashPoint[] = [];
  if (state === 'FINISHED') points.push('jobmanager-job-finished');
  else if (state === 'FAILED' || state === 'CANCELED') points.push('jobmanager-job-ended');
  else if (state === 'CANCELLING') points.push('jobmanager-cancel-stored');
  else if (stop !== undefined) points.push('jobmanager-stop-recorded');
  if (before === undefined) return points;
  const rescales = record.rescaleCount ?? 0;
  if (rescales > (before.rescaleCount ?? 0)) points.push('jobmanager-rescale-noted');
  if (rescales > 0 && attemptNumber > before.attemptNumber)
    points.push('jobmanager-rescale-attempt-reserved');
  if (isPrepared && !before.isPrepared) points.push('jobmanager-prepare-stored');
  if (attemptNumber > before.attemptNumber) points.push('jobmanager-attempt-stored');
  if (inputFigures !== undefined && before.inputFigures === undefined)
    points.push('jobmanager-input-end-stored');
  return points;
}

/** `blobStore` itself, or one that dies behind a durable write; the JobManager writes nothing but metadata. */
export function withMetadataCrashPoint<Store extends BlobStore>(blobStore: Store): BlobStore {
  if (!areCrashPointsEnabled) return blobStore;
  return {
    put: async (name, bytes) => {
      await blobStore.put(name, bytes);
      crashPoint('jobmanager-metadata-written');
    },
    get: (name) => blobStore.get(name),
    has: (name) => blobStore.has(name),
    list: (prefix) => blobStore.list(prefix),
    delete: (name) => blobStore.delete(name),
  };
}

const SENT: Partial<Record<AddressedMessage['kind'], CrashPoint>> = {
  deploy: 'jobmanager-deployed',
  'checkpoint-complete': 'jobmanager-completion-sent',
  'checkpoint-aborted': 'jobmanager-abort-sent',
  finish: 'jobmanager-finish-sent',
};

/** Dies behind the first message of a kind where a test armed it. */
export function crashAfterSending(message: AddressedMessage): void {
  const point = SENT[message.kind];
  if (point !== undefined) crashPoint(point);
  else if (message.kind === 'trigger-checkpoint')
    crashPoint(stopsInput(message.mode) ? 'jobmanager-stop-triggered' : 'jobmanager-checkpoint-triggered');
}
