// What `run -s` names: the directory of a savepoint or checkpoint, that of a job's checkpoints, or a job that the cluster knows.
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { isMillraceError, MillraceError } from '@millrace/common';
import type { DispatcherClient } from '@millrace/jobmanager';
import type { JobStatus, JobSubmission } from '@millrace/proto';
import { findJob, jobManagerAddress } from './context.ts';
import type { RunOptions } from './prepare-job.ts';

const LOOPBACK = /^(127\.[\d.]+|localhost|\[?::1\]?):\d+$/;

/**
 * The part of a submission that says where its state is; empty for one that starts anew.
 * @throws {MillraceError} MR_USAGE, MR_SAVEPOINT_NOT_FOUND, MR_JOB_AMBIGUOUS
 */
export async function restoreFrom(
  client: DispatcherClient,
  options: RunOptions,
): Promise<Pick<JobSubmission, 'restoreFrom' | 'restoreCheckpointId'>> {
  const { fromSavepoint: reference, fromCheckpoint: checkpointId } = options;
  if (reference === undefined) {
    if (checkpointId === undefined) return {};
    throw new MillraceError(
      'MR_USAGE',
      `Cannot tell whose checkpoint ${checkpointId} is: name the job, or the directory of its checkpoints, with -s`,
    );
  }
  const path = resolve(reference);
  const isHere = existsSync(path);
  const job = isHere ? undefined : jobNamed(await client.list(), reference);
  if (job !== undefined) return { restoreFrom: await checkpointOf(client, job, checkpointId) };
  // Another machine's cluster may see files that are not here; one on this machine sees what we see.
  if (!isHere && LOOPBACK.test(jobManagerAddress(options))) {
    throw new MillraceError(
      'MR_SAVEPOINT_NOT_FOUND',
      `Cannot start from "${path}": there is nothing, and no job "${reference}". Name the directory of a savepoint or of a checkpoint, such as <job>/chk-<epoch>-<id>, or a job`,
      { details: { path } },
    );
  }
  return { restoreFrom: path, ...(checkpointId === undefined ? {} : { restoreCheckpointId: checkpointId }) };
}

function jobNamed(jobs: readonly JobStatus[], reference: string): JobStatus | undefined {
  try {
    return findJob(jobs, reference);
  } catch (error) {
    if (isMillraceError(error) && error.code === 'MR_JOB_NOT_FOUND') return undefined;
    throw error;
  }
}

/** Directory of one of a job's complete checkpoints; of the newest when none is named. */
async function checkpointOf(
  client: DispatcherClient,
  { jobId, name, state }: JobStatus,
  checkpointId: number | undefined,
): Promise<string> {
  const { directory, retained } = await client.checkpoints(jobId);
  const chosen =
    checkpointId === undefined
      ? retained.at(-1)
      : retained.find((kept) => kept.checkpointId === checkpointId);
  if (chosen !== undefined) return join(directory, `chk-${chosen.epoch}-${chosen.checkpointId}`);
  const there =
    retained.length === 0
      ? 'none is kept'
      : `kept are ${retained
          .map((kept) => kept.checkpointId)
          .toReversed()
          .join(', ')}`;
  throw new MillraceError(
    'MR_SAVEPOINT_NOT_FOUND',
    `Cannot start from ${checkpointId === undefined ? 'a checkpoint' : `checkpoint ${checkpointId}`} of job ${name} (${jobId}), which is ${state}: ${there}`,
    { details: { jobId } },
  );
}
