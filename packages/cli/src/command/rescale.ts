// `rescale`: asks the cluster for another parallelism of a job, and follows it until all of the job runs with it.
import { isMillraceError, MillraceError, type JobId } from '@millrace/common';
import type { DispatcherClient } from '@millrace/jobmanager';
import type { JobStatus, RescaleProgress, RescaleRequest } from '@millrace/proto';
import { ExitCode } from '../exit-code.ts';
import { formatDuration } from '../terminal/table.ts';
import {
  findJob,
  isEnded,
  jobReferenceLine,
  printJson,
  printLines,
  withDispatcher,
  type GlobalOptions,
} from './context.ts';
import { slotsOf } from './describe.ts';

export interface RescaleOptions extends GlobalOptions {
  readonly parallelism?: number | 'auto';
  /** Each `name=n`. */
  readonly vertex?: readonly string[];
  readonly detached?: boolean;
}

/** A change that takes longer goes on without the command. */
const FOLLOW_TIMEOUT_MS = 10 * 60_000;
/** While the JobManager is started anew it does not answer; after this long it is given up. */
const REACH_TIMEOUT_MS = 60_000;
const POLL_MS = 50;

export async function rescale(reference: string, options: RescaleOptions): Promise<ExitCode> {
  const { parallelism, vertex = [], detached = false } = options;
  if (parallelism === undefined && vertex.length === 0)
    throw new MillraceError('MR_USAGE', 'Cannot rescale: give -p <n>, -p auto or --vertex <name>=<n>');
  vertex.forEach(vertexParallelism);
  const before = await askUntilHeard(reference, options);
  if (detached) {
    if (options.json === true) printJson({ jid: before.jobId, name: before.name });
    else printLines([`${jobReferenceLine(before)} will be rescaled`]);
    return ExitCode.Ok;
  }
  const after = await followChange(before.jobId, options);
  show(before, after, options.json === true);
  return isRunning(after) ? ExitCode.Ok : ExitCode.Failure;
}

function vertexParallelism(text: string): RescaleRequest['vertices'][number] {
  const at = text.lastIndexOf('=');
  const count = text.slice(at + 1);
  if (at < 1 || !/^[1-9]\d{0,8}$/.test(count))
    throw new MillraceError(
      'MR_USAGE',
      `Cannot rescale "${text}": write --vertex <name>=<n> with a whole number, at least 1`,
    );
  return { name: text.slice(0, at), parallelism: Number(count) };
}

/** A wish whose answer was lost is made again: a job that has the parallelism already is left as it is. */
async function askUntilHeard(reference: string, options: RescaleOptions): Promise<JobStatus> {
  const { parallelism, vertex = [] } = options;
  const startedMs = performance.now();
  let found: JobStatus | undefined;
  let wasAway = false;
  for (;;) {
    try {
      return await withDispatcher(options, async (client) => {
        found = findJob(await client.list(), found?.jobId ?? reference);
        await client.rescale({
          jobId: found.jobId,
          vertices: vertex.map(vertexParallelism),
          ...(parallelism === undefined ? {} : { parallelism }),
        });
        return found;
      });
    } catch (error) {
      wasAway ||= isAway(error);
      // TaskManagers come back a little after the JobManager.
      const isPassing =
        isAway(error) || (wasAway && isMillraceError(error) && error.code === 'MR_TOO_FEW_SLOTS');
      // Before anything was asked there is nothing to go on with.
      if (found === undefined || !isPassing || performance.now() - startedMs > REACH_TIMEOUT_MS) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** True for the error of a JobManager that is down, or was while it should have answered. */
function isAway(error: unknown): boolean {
  return isMillraceError(error) && /^MR_(NO_CLUSTER|CHANNEL_CLOSED|CANCELLED)$/.test(error.code);
}

/** The change is stored: whichever JobManager leads makes it, so that one that is started anew is waited for. */
async function followChange(jobId: JobId, options: RescaleOptions): Promise<JobStatus> {
  const startedMs = performance.now();
  let lastHeardMs = startedMs;
  let shown = '';
  for (;;) {
    let status: JobStatus | undefined;
    try {
      status = await withDispatcher(options, (client) => poll(client, jobId));
    } catch (error) {
      if (!isAway(error) || performance.now() - lastHeardMs > REACH_TIMEOUT_MS) throw error;
    }
    if (status !== undefined) {
      lastHeardMs = performance.now();
      if (isSettled(status) || lastHeardMs - startedMs > FOLLOW_TIMEOUT_MS) return status;
      const line = progressLine(status.rescale);
      if (line !== shown && options.json !== true) process.stderr.write(`${line}\n`);
      shown = line;
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** Asks until there is something new to show, over one connection. */
async function poll(client: DispatcherClient, jobId: JobId): Promise<JobStatus> {
  const first = await client.describe(jobId);
  let status = first;
  while (!isSettled(status) && progressLine(status.rescale) === progressLine(first.rescale)) {
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    status = await client.describe(jobId);
  }
  return status;
}

function isRunning({ state, rescale: change }: JobStatus): boolean {
  return state === 'RUNNING' && (change === undefined || change.phase === 'done');
}

function isSettled(status: JobStatus): boolean {
  return isEnded(status) || isRunning(status);
}

function progressLine(change: RescaleProgress | undefined): string {
  if (change === undefined) return 'Starting again';
  const { from, to, phase, checkpointId } = change;
  if (phase === 'checkpointing') return 'Taking a checkpoint';
  const origin = checkpointId === undefined ? '' : ` from checkpoint ${checkpointId}`;
  return `Starting${origin} with ${to} ${to === 1 ? 'slot' : 'slots'} instead of ${from}`;
}

function show(before: JobStatus, after: JobStatus, isJson: boolean): void {
  const { rescale: change, vertices } = after;
  if (isJson) {
    printJson({
      jid: after.jobId,
      name: after.name,
      state: after.state,
      slots: { from: change?.from ?? before.parallelism, to: after.parallelism },
      checkpointId: change?.checkpointId ?? null,
      durationMs: change?.durationMs ?? null,
      stoppedMs: change?.stoppedMs ?? null,
      vertices: vertices.map(({ vertexId, name, parallelism }) => ({ id: vertexId, name, parallelism })),
    });
    return;
  }
  const took =
    change?.durationMs === undefined
      ? ''
      : ` after ${formatDuration(change.durationMs)}${change.stoppedMs === undefined ? '' : `, ${formatDuration(change.stoppedMs)} of it stopped`}`;
  printLines([
    isRunning(after)
      ? `${jobReferenceLine(after)} runs with ${slotsOf(after)} ${after.parallelism === 1 ? 'slot' : 'slots'}${took}`
      : `${jobReferenceLine(after)} is ${after.state}`,
    ...vertices.map(({ name, parallelism }) => `  ${parallelism}  ${name}`),
  ]);
}
