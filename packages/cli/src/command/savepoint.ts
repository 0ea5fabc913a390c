// `savepoint` and `stop`: takes a savepoint, shows how far it is, and says where it is.
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { isMillraceError, MillraceError } from '@millrace/common';
import { disposeSavepoint, type DispatcherClient } from '@millrace/jobmanager';
import type { JobStatus, SavepointEvent, SavepointReference, SavepointRequest } from '@millrace/proto';
import { ExitCode } from '../exit-code.ts';
import { formatBytes } from '../terminal/table.ts';
import {
  findJob,
  isEnded,
  jobReferenceLine,
  printJson,
  printLines,
  withDispatcher,
  type GlobalOptions,
} from './context.ts';

/** A stop goes on while a JobManager is started anew; it is asked for again this long. */
const ASK_AGAIN_TIMEOUT_MS = 60_000;
const ASK_AGAIN_DELAY_MS = 200;
/** What a JobManager answers that has just been started anew. */
const PASSING: ReadonlySet<string> = new Set(['MR_JOB_NOT_RUNNING', 'MR_JOB_FINISHED']);

export interface SavepointOptions extends GlobalOptions {
  readonly dispose?: string;
}

export interface StopOptions extends GlobalOptions {
  readonly savepointPath?: string;
  readonly drain?: boolean;
}

/** `savepoint <job> [dir]` and `savepoint --dispose <path>`. */
export async function savepoint(
  reference: string | undefined,
  directory: string | undefined,
  options: SavepointOptions,
): Promise<ExitCode> {
  if (options.dispose !== undefined) {
    if (reference !== undefined)
      throw new MillraceError('MR_USAGE', 'Cannot take and dispose of a savepoint at once: leave one away');
    return dispose(options.dispose, options);
  }
  if (reference === undefined)
    throw new MillraceError('MR_USAGE', 'Cannot take a savepoint: name a job, as `millrace list` shows it');
  return withDispatcher(options, async (client) => {
    const job = findJob(await client.list(), reference);
    const taken = await client.takeSavepoint(requestOf(job, 'continue', directory), shower(options));
    show(job, taken, options);
    return ExitCode.Ok;
  });
}

/** `stop <job>`: the job ends behind its savepoint. */
export async function stop(reference: string, options: StopOptions): Promise<ExitCode> {
  return withDispatcher(options, async (client) => {
    const job = findJob(await client.list(), reference);
    if (isEnded(job))
      throw new MillraceError(
        'MR_JOB_FINISHED',
        `Cannot stop ${jobReferenceLine(job)}: it is ${job.state} already`,
      );
    const mode = options.drain === true ? 'drain' : 'stop';
    const taken = await stopOnce(client, requestOf(job, mode, options.savepointPath), shower(options));
    show(job, taken, options);
    return ExitCode.Ok;
  });
}

/**
 * The same stop again is the same stop. One whose answer was lost is asked for again, unless the job has ended meanwhile:
 * then its status says where the savepoint is.
 */
async function stopOnce(
  client: DispatcherClient,
  request: SavepointRequest,
  onEvent: (event: SavepointEvent) => void,
): Promise<SavepointReference> {
  const deadlineMs = performance.now() + ASK_AGAIN_TIMEOUT_MS;
  let isLost = false;
  for (;;) {
    try {
      if (isLost) {
        const job = await client.describe(request.jobId);
        if (isEnded(job)) return endedWith(job);
      }
      return await client.takeSavepoint(request, onEvent);
    } catch (error) {
      // A job that has just ended says so with its next status.
      const isPassing =
        isMillraceError(error) && (error.code === 'MR_CHANNEL_CLOSED' || (isLost && PASSING.has(error.code)));
      if (!isPassing || performance.now() > deadlineMs) throw error;
      if (!isLost && error.code === 'MR_CHANNEL_CLOSED')
        process.stderr.write('The JobManager does not answer; waiting for it to come back\n');
      isLost = true;
    }
    await new Promise((done) => setTimeout(done, ASK_AGAIN_DELAY_MS));
  }
}

function endedWith(job: JobStatus): SavepointReference {
  const { savepoint: taken } = job;
  if (job.state === 'FINISHED' && taken !== undefined && taken.mode !== 'continue') return taken;
  throw new MillraceError(
    'MR_SAVEPOINT_FAILED',
    `Cannot stop ${jobReferenceLine(job)} with a savepoint: it is ${job.state}${job.error === undefined ? '' : `, because of this: ${job.error.message}`}`,
  );
}

/** Relative paths are those of this directory, wherever the JobManager is. */
function requestOf(
  { jobId }: JobStatus,
  mode: SavepointRequest['mode'],
  directory: string | undefined,
): SavepointRequest {
  return { jobId, mode, ...(directory === undefined ? {} : { directory: resolve(directory) }) };
}

/** Standard error carries the progress: one line that is written over at a terminal, one a step elsewhere. */
function shower({ json }: GlobalOptions): (event: SavepointEvent) => void {
  if (json === true) return () => undefined;
  const isTerminal = process.stderr.isTTY === true;
  let lastKind = '';
  return (event) => {
    const text = progressText(event);
    if (isTerminal) process.stderr.write(`\r\u001B[K${text}`);
    else if (event.kind !== lastKind && text !== '') process.stderr.write(`${text}\n`);
    lastKind = event.kind;
  };
}

function progressText(event: SavepointEvent): string {
  switch (event.kind) {
    case 'checkpoint':
      return `Checkpoint ${event.checkpointId}: ${event.acknowledged} of ${event.subtasks} subtasks`;
    case 'copying':
      return `Copying: ${formatBytes(event.bytes)} of ${formatBytes(event.totalBytes)}`;
    case 'committing':
      return 'Committing';
    default:
      return '';
  }
}

function show(job: JobStatus, taken: SavepointReference, options: GlobalOptions): void {
  const { path, checkpointId, totalBytes, mode } = taken;
  const isStopped = mode !== 'continue';
  if (options.json === true) {
    const { jobId: jid, name } = job;
    printJson({
      jid,
      name,
      path,
      checkpointId,
      bytes: totalBytes,
      stopped: isStopped,
      drained: mode === 'drain',
    });
    return;
  }
  printLines([
    ...(isStopped ? [`${jobReferenceLine(job)} is FINISHED`] : []),
    `Savepoint  ${path}`,
    `Size       ${formatBytes(totalBytes)}, of checkpoint ${checkpointId}`,
    `Start from it: millrace run -s ${path} <job.ts>`,
  ]);
}

async function dispose(path: string, options: GlobalOptions): Promise<ExitCode> {
  if (!existsSync(path))
    throw new MillraceError(
      'MR_SAVEPOINT_NOT_FOUND',
      `Cannot dispose of "${path}": there is nothing here. A savepoint on another machine is disposed of there`,
      { details: { path } },
    );
  const disposed = await disposeSavepoint(path);
  if (options.json === true) printJson({ path: disposed.path, bytes: disposed.bytes });
  else printLines([`Disposed of ${disposed.path}, ${formatBytes(disposed.bytes)}`]);
  return ExitCode.Ok;
}
