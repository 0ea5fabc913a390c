// `run --embedded`: the whole cluster in this process, slots as threads; `--threads 0`: everything on this one thread.
import { randomBytes } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { executeJob, startEmbeddedCluster } from '@millrace/embedded';
import { compileJobGraph } from '@millrace/jobmanager';
import { asJobId, MillraceError, silentLogger } from '@millrace/common';
import { describeStreamGraph, type PlannableJob } from '@millrace/api';
import type { JobStatus, SubmissionContext } from '@millrace/proto';
import type { ExitCode } from '../exit-code.ts';
import { bundleJob } from '../artifact/bundle-job.ts';
import { planArtifact } from '../artifact/plan-artifact.ts';
import { attach, type JobClient } from './attach.ts';
import { isEnded, printLines } from './context.ts';
import { outputPaths, prepareJob, TYPES_NOT_CHECKED, type RunOptions } from './prepare-job.ts';
import { submissionContext } from './submission.ts';

export async function runEmbedded(
  file: string,
  args: readonly string[],
  options: RunOptions,
): Promise<ExitCode> {
  refuseClusterOptions(options);
  if (options.threads === 0) return runOnThisThread(file, args, options);
  const { submission, artifact } = await prepareJob(file, args, options);
  // With the parallelism `auto` there are as many slots as cores, for a job that follows the slots.
  const { slotCount } = compileJobGraph(submission.streamGraph, {
    slots: availableParallelism(),
    ...(options.parallelism === undefined ? {} : { parallelism: options.parallelism }),
  });
  const isJson = options.json === true;
  if (!isJson) printLines([TYPES_NOT_CHECKED]);
  const startedMs = performance.now();
  const cluster = await startEmbeddedCluster({ slotCount, log: silentLogger });
  try {
    await cluster.submit(submission, (path) => artifact.files.get(path) ?? new Uint8Array());
    return await attach(cluster, {
      jobId: submission.jobId,
      isJson,
      ...outputPaths(submission.streamGraph),
      startedMs,
      isEmbedded: true,
    });
  } finally {
    await cluster.close();
  }
}

/**
 * Options about a cluster say nothing of a run without one: refused rather than left out of account.
 * @throws {MillraceError} MR_USAGE
 */
export function refuseClusterOptions(options: RunOptions): void {
  const refuse = (message: string): never => {
    throw new MillraceError('MR_USAGE', message);
  };
  if (options.fromSavepoint !== undefined || options.fromCheckpoint !== undefined)
    refuse('Cannot restore a savepoint in an embedded run: submit the job to a cluster');
  if (options.detached === true)
    refuse(
      'Cannot detach from an embedded run: it ends with this process. Leave out -d, or submit the job to a cluster',
    );
  if (options.jobmanager !== undefined)
    refuse('Cannot use a JobManager in an embedded run: leave out either --jobmanager or --embedded');
  if (options.wait === true)
    refuse('Cannot wait for slots in an embedded run: it has as many as the job needs. Leave out --wait');
  if (options.retainCheckpoints === true)
    refuse('Cannot keep the checkpoints of an embedded run: submit the job to a cluster');
  const isOverridden = options.checkpointInterval !== undefined || options.checkpointMode !== undefined;
  if (options.threads === 0 && isOverridden)
    refuse(
      '--threads 0 takes the checkpoint options of the job only: leave out --checkpoint-…, or --threads 0',
    );
  if (options.threads !== undefined && options.threads !== 0)
    refuse('--threads takes only 0: everything on one thread. Without it, each slot is a thread');
}

async function runOnThisThread(
  file: string,
  args: readonly string[],
  options: RunOptions,
): Promise<ExitCode> {
  const startedMs = performance.now();
  const submission = submissionContext({
    args,
    environmentNames: options.env ?? [],
    baseDirectory: process.cwd(),
  });
  const { job, graph } = await planArtifact(await bundleJob(file), submission, file);
  const isJson = options.json === true;
  if (!isJson) printLines([TYPES_NOT_CHECKED]);
  return attach(clientOnThisThread(job, submission, options.parallelism), {
    jobId: asJobId(randomBytes(16).toString('hex')),
    isJson,
    ...outputPaths(describeStreamGraph(graph)),
    startedMs,
    isEmbedded: true,
  });
}

/** A job on this thread, followed as one of a cluster is; it begins when it is watched. */
function clientOnThisThread(
  job: PlannableJob,
  submission: SubmissionContext,
  parallelism: number | 'auto' | undefined,
): JobClient {
  const abort = new AbortController();
  return {
    async watch(_jobId, onEvent) {
      let last: JobStatus | undefined;
      try {
        await executeJob(
          job,
          { ...submission, ...(parallelism === undefined ? {} : { parallelism }), signal: abort.signal },
          {
            onEvent: (event) => {
              if (event.kind === 'status') last = event.status;
              onEvent(event);
            },
          },
        );
      } catch (error) {
        if (last === undefined || !isEnded(last)) throw error; // Else the last status has the error.
      }
    },
    cancel() {
      abort.abort();
      return Promise.resolve();
    },
  };
}
