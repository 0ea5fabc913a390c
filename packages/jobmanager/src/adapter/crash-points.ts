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
  return {
    load: () => store.load(),
    write: async (operations) => {
      await store.write(operations);
      operations.forEach(dieBehind);
    },
    close: () => store.close(),
  };
}

function dieBehind(operation: StoreOperation): void {
  if (operation.type === 'del') return;
  const { key, value } = operation;
  if (key.startsWith(recordKeys.jobPrefix)) crashPoint('jobmanager-submission-stored');
  else if (key.startsWith(recordKeys.pointerPrefix)) crashPoint('jobmanager-pointer-written');
  else if (key.startsWith(recordKeys.progressPrefix)) {
    const { state, stop } = decodeRecord<JobProgressRecord>(key, value);
    if (state === 'FINISHED') crashPoint('jobmanager-job-finished');
    else if (stop !== undefined) crashPoint('jobmanager-stop-recorded');
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
