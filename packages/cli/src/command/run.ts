// `run`: bundles, plans, submits and, unless detached, stays with the job to its end.
import { isMillraceError, MillraceError } from '@millrace/common';
import type { DispatcherClient } from '@millrace/jobmanager';
import type { JobSubmission, RestoreReport } from '@millrace/proto';
import type { Artifact } from '../artifact/bundle-job.ts';
import { ExitCode } from '../exit-code.ts';
import { restoreLines } from '../terminal/restore-table.ts';
import { attach } from './attach.ts';
import { printJson, printLines, withDispatcher } from './context.ts';
import {
  prepareJob,
  outputPaths,
  TYPES_NOT_CHECKED,
  type PreparedJob,
  type RunOptions,
} from './prepare-job.ts';
import { restoreFrom } from './restore-from.ts';
import { runEmbedded } from './run-embedded.ts';

export async function run(file: string, args: readonly string[], options: RunOptions): Promise<ExitCode> {
  if (options.embedded === true || options.threads !== undefined) return runEmbedded(file, args, options);
  const prepared = await prepareJob(file, args, options);
  return withDispatcher(options, async (client) => {
    const submission = { ...prepared.submission, ...(await restoreFrom(client, options)) };
    return submitAndAttach(client, { ...prepared, submission }, options);
  });
}

/** Submits, and stays with the job unless detached. Exit code: 0 finished, 3 failed, 130 cancelled by Ctrl-C. */
export async function submitAndAttach(
  client: DispatcherClient,
  prepared: PreparedJob,
  options: RunOptions,
): Promise<ExitCode> {
  const startedMs = performance.now();
  const { submission, artifact } = prepared;
  const restore = await submitOnce(client, submission, artifact);
  if (options.json === true) {
    const { jobId: jid, streamGraph } = submission;
    if (options.detached === true) printJson({ jid, name: streamGraph.name, ...restoreJson(restore) });
  } else {
    printLines([`Job has been submitted with JobID ${submission.jobId}`, TYPES_NOT_CHECKED]);
    if (restore !== undefined) printLines(restoreLines(restore));
  }
  if (options.detached === true) return ExitCode.Ok;
  return attach(client, {
    jobId: submission.jobId,
    isJson: options.json === true,
    ...outputPaths(submission.streamGraph),
    startedMs,
  });
}

/** What a script sees of a restore; nothing for a job that starts anew. */
function restoreJson(restore: RestoreReport | undefined): Record<string, unknown> {
  if (restore === undefined) return {};
  const { path, checkpointId, isDrained, operators } = restore;
  return { restore: { path, checkpointId, drained: isDrained, operators } };
}

/** How long a submission whose answer was lost is tried again, while a JobManager is started anew. */
const RESUBMIT_TIMEOUT_MS = 30_000;
const RESUBMIT_DELAY_MS = 200;

/** A submission is made again when its answer was lost: the id makes it the same job. */
async function submitOnce(
  client: DispatcherClient,
  submission: JobSubmission,
  artifact: Artifact,
): Promise<RestoreReport | undefined> {
  const readFile = (path: string): Uint8Array => {
    const bytes = artifact.files.get(path);
    if (bytes === undefined)
      throw new MillraceError('MR_INTERNAL', `Invariant violated: no artifact file ${path}`);
    return bytes;
  };
  const deadlineMs = performance.now() + RESUBMIT_TIMEOUT_MS;
  for (;;) {
    try {
      return (await client.submit(submission, readFile)).restore;
    } catch (error) {
      const isLost = isMillraceError(error) && error.code === 'MR_CHANNEL_CLOSED';
      if (!isLost || performance.now() > deadlineMs) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, RESUBMIT_DELAY_MS));
  }
}
