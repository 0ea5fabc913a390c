// The jobs that a store holds, each record checked. One damaged record: nothing is started.
import type { JobId } from '@millrace/common';
import { decodeCheckpointPointerV1 } from '@millrace/proto';
import type { StoredJob } from './core/job-manager-core.ts';
import {
  decodeRecord,
  recordKeys,
  storeCorrupt,
  type JobProgressRecord,
  type JobRecord,
} from './core/job-records.ts';

/**
 * Returns all jobs of a store.
 * @throws {MillraceError} MR_STORE_CORRUPT naming the record that is damaged or missing
 */
export function readJobs(entries: ReadonlyMap<string, Uint8Array>): readonly StoredJob[] {
  const jobs: StoredJob[] = [];
  for (const [key, bytes] of entries) {
    if (!key.startsWith(recordKeys.jobPrefix)) continue;
    const record = decodeRecord<JobRecord>(key, bytes);
    const { jobId } = record.submission;
    const progressKey = recordKeys.progress(jobId);
    const progress = entries.get(progressKey);
    if (progress === undefined) throw storeCorrupt(`the record "${progressKey}" is missing`);
    const pointer = entries.get(recordKeys.pointer(jobId));
    jobs.push({
      record,
      progress: decodeRecord<JobProgressRecord>(progressKey, progress),
      pointer: pointer === undefined ? undefined : { bytes: pointer, retained: readPointer(jobId, pointer) },
    });
  }
  return jobs;
}

function readPointer(jobId: JobId, bytes: Uint8Array) {
  try {
    const pointer = decodeCheckpointPointerV1(bytes);
    if (pointer.jobId === jobId) return pointer.retained;
  } catch (cause) {
    throw storeCorrupt(`the checkpoint pointer of job ${jobId} is damaged`, cause);
  }
  throw storeCorrupt(`the checkpoint pointer of job ${jobId} is another job's`);
}
