// Where a test may have the JobManager die: around its store, its checkpoint files and its links, which are all it does.
import type { BlobStore } from '@millrace/common';
import { areCrashPointsEnabled, crashPoint } from '@millrace/common/node';
import type { AddressedMessage } from '@millrace/proto';
import type { StoreOperation } from '../core/effects.ts';
import { decodeRecord, recordKeys, type JobProgressRecord } from '../core/job-records.ts';
import type { JobStore } from '../job-store.ts';

/** `store` itself, or one that dies behind durable writes where a test armed it. */
export function withCrashPoints(store: JobStore): JobStore {
  if (!areCrashPointsEnabled) return store;
  const progress = new ProgressCrashPoints();
  return {
    load: () => store.load(),
    write: async (operations) => {
      await store.write(operations);
      for (const operation of operations) dieBehind(operation, progress);
    },
    close: () => store.close(),
  };
}

function dieBehind(operation: StoreOperation, progress: ProgressCrashPoints): void {
  if (operation.type === 'del') return;
  const { key, value } = operation;
  if (key.startsWith(recordKeys.jobPrefix)) crashPoint('jobmanager-submission-stored');
  else if (key.startsWith(recordKeys.pointerPrefix)) crashPoint('jobmanager-pointer-written');
  else if (key.startsWith(recordKeys.progressPrefix))
    progress.written(key, decodeRecord<JobProgressRecord>(key, value));
}

/** Knows what a job's progress said before, so that it sees what a write is about. Bounds: one entry a job. */
class ProgressCrashPoints {
  readonly #last = new Map<string, JobProgressRecord>();

  written(key: string, record: JobProgressRecord): void {
    const last = this.#last.get(key);
    this.#last.set(key, record);
    if (record.state === 'FINISHED') crashPoint('jobmanager-job-finished');
    else if (record.stop !== undefined) crashPoint('jobmanager-stop-recorded');
    const rescales = record.rescaleCount ?? 0;
    if (rescales > (last?.rescaleCount ?? 0)) crashPoint('jobmanager-rescale-noted');
    if (rescales > 0 && record.attemptNumber > (last?.attemptNumber ?? 0))
      crashPoint('jobmanager-rescale-attempt-reserved');
  }
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

/** Dies behind the first of a checkpoint's triggers where a test armed it. */
export function crashAfterSending(message: AddressedMessage): void {
  if (message.kind !== 'trigger-checkpoint') return;
  crashPoint(message.mode === 'continue' ? 'jobmanager-checkpoint-triggered' : 'jobmanager-stop-triggered');
}
