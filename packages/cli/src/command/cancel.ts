// `cancel`: asks the cluster to end a job, and waits until it has.
import { MillraceError } from '@millrace/common';
import { ExitCode } from '../exit-code.ts';
import { keptLine } from './checkpoints.ts';
import {
  findJob,
  isEnded,
  jobReferenceLine,
  printJson,
  printLines,
  withDispatcher,
  type GlobalOptions,
} from './context.ts';

const CANCEL_TIMEOUT_MS = 20_000;
const POLL_MS = 50;

export async function cancel(reference: string, options: GlobalOptions): Promise<ExitCode> {
  const { job, kept } = await withDispatcher(options, async (client) => {
    const found = findJob(await client.list(), reference);
    if (isEnded(found)) {
      throw new MillraceError(
        'MR_JOB_FINISHED',
        `Cannot cancel ${jobReferenceLine(found)}: it is ${found.state} already`,
      );
    }
    await client.cancel(found.jobId);
    const deadlineMs = performance.now() + CANCEL_TIMEOUT_MS;
    let now = await client.describe(found.jobId);
    while (!isEnded(now) && performance.now() < deadlineMs) {
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      now = await client.describe(found.jobId);
    }
    return { job: now, kept: isEnded(now) ? keptLine(await client.checkpoints(found.jobId)) : undefined };
  });
  if (options.json === true) printJson({ jid: job.jobId, name: job.name, state: job.state });
  else printLines([`${jobReferenceLine(job)} is ${job.state}`, ...(kept === undefined ? [] : [kept])]);
  return isEnded(job) ? ExitCode.Ok : ExitCode.Failure;
}
