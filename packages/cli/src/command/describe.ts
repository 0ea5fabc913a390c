// `list` and `describe`: jobs as tables and as JSON.
import type { JobStatus, VertexProgress } from '@millrace/proto';
import { ExitCode } from '../exit-code.ts';
import { describeWireError } from '../terminal/show-error.ts';
import { formatWatermark } from '../terminal/progress.ts';
import { formatBytes, formatDuration, formatTable } from '../terminal/table.ts';
import { droppedOf, droppedOfVertex, newestDropped, sampleLines } from './dropped.ts';
import { metricLines, metricsJson } from './operator-metrics.ts';
import { keptLine } from './checkpoints.ts';
import { heldBackBy, timeLines } from './event-time.ts';
import {
  findJob,
  isEnded,
  isoTime,
  printJson,
  printLines,
  withDispatcher,
  type GlobalOptions,
} from './context.ts';

export interface ListOptions extends GlobalOptions {
  readonly all?: boolean;
  readonly running?: boolean;
}

/** A job as scripts read it; the keys are those of Flink's REST where the meaning is the same. */
export function jobJson(job: JobStatus): Record<string, unknown> {
  return {
    jid: job.jobId,
    name: job.name,
    state: job.state,
    'start-time': job.startTimeMs,
    'end-time': job.endTimeMs ?? -1,
    duration: durationMs(job),
    parallelism: job.parallelism,
    isAutoParallel: job.isAutoParallel === true,
    rescales: job.rescaleCount ?? 0,
    rescale: job.rescale ?? null,
    attempt: job.attemptNumber,
    restarts: job.restartCount,
    recordsRead: job.recordsRead,
    inputShare: job.inputShare ?? null,
    watermark: isoTime(job.watermarkMs),
    stateBytes: job.stateBytes,
    dropped: droppedOf(job),
    droppedSamples: newestDropped(job),
    checkpoints: {
      completed: job.checkpoints.completedCount,
      failed: job.checkpoints.failedCount,
      lastCompletedId: job.checkpoints.lastCompletedId ?? null,
      lastDurationMs: job.checkpoints.lastDurationMs ?? null,
      lastBytes: job.checkpoints.lastBytes ?? null,
      lastFailure: job.checkpoints.lastFailure ?? null,
    },
    regions: (job.regions ?? []).map(({ vertexIds, slots, attemptNumber, isRunning }) => ({
      vertices: vertexIds,
      slots,
      attempt: attemptNumber,
      running: isRunning,
    })),
    savepoint: savepointJson(job),
    vertices: job.vertices.map(vertexJson),
    ...(job.error === undefined ? {} : { error: { code: job.error.code, message: job.error.message } }),
  };
}

/** The last savepoint that was taken; null: none was. */
function savepointJson({ savepoint }: JobStatus): Record<string, unknown> | null {
  if (savepoint === undefined) return null;
  const { path, checkpointId, totalBytes, timestampMs, mode } = savepoint;
  return { path, checkpointId, bytes: totalBytes, time: isoTime(timestampMs), stopped: mode !== 'continue' };
}

/** By the wall clock, which may have been set back meanwhile. */
function durationMs({ startTimeMs, endTimeMs }: JobStatus): number {
  return Math.max(0, (endTimeMs ?? Date.now()) - startTimeMs);
}

function vertexJson(vertex: VertexProgress): Record<string, unknown> {
  return {
    id: vertex.vertexId,
    name: vertex.name,
    parallelism: vertex.parallelism,
    recordsIn: vertex.recordsIn,
    recordsOut: vertex.recordsOut,
    busyShare: vertex.busyShare,
    backPressuredShare: vertex.backPressuredShare,
    watermark: isoTime(vertex.watermarkMs),
    watermarkSplit: vertex.watermarkSplit ?? null,
    waitsFor: vertex.waitsFor ?? null,
    recordsAhead: vertex.recordsAhead ?? 0,
    dropped: droppedOfVertex(vertex),
    metrics: metricsJson(vertex),
  };
}

export async function list(options: ListOptions): Promise<ExitCode> {
  const jobs = await withDispatcher(options, (client) => client.list());
  const shown = jobs.filter(
    (job) => options.all === true || (options.running === true ? job.state === 'RUNNING' : !isEnded(job)),
  );
  if (options.json === true) {
    printJson({ jobs: shown.map(jobJson) });
    return ExitCode.Ok;
  }
  if (shown.length === 0) {
    printLines([options.all === true ? 'No jobs.' : 'No running jobs. With -a, ended ones are listed too.']);
    return ExitCode.Ok;
  }
  const rows = shown.map((job) => [
    job.jobId,
    job.name,
    job.state,
    slotsOf(job),
    new Date(job.startTimeMs).toISOString().slice(0, 19).replace('T', ' '),
    formatDuration(durationMs(job)),
    job.recordsRead,
    job.checkpoints.completedCount,
    job.restartCount,
  ]);
  printLines(
    formatTable(
      ['JobID', 'Name', 'State', 'Slots', 'Started (UTC)', 'Duration', 'Records', 'Checkpoints', 'Restarts'],
      rows,
    ),
  );
  return ExitCode.Ok;
}

export async function describe(reference: string, options: GlobalOptions): Promise<ExitCode> {
  const { job, kept } = await withDispatcher(options, async (client) => {
    const found = await client.describe(findJob(await client.list(), reference).jobId);
    const isStateLeft = isEnded(found) && found.state !== 'FINISHED';
    return { job: found, kept: isStateLeft ? keptLine(await client.checkpoints(found.jobId)) : undefined };
  });
  if (options.json === true) {
    printJson(jobJson(job));
    return ExitCode.Ok;
  }
  printLines([...describeLines(job), ...(kept === undefined ? [] : ['', kept])]);
  return ExitCode.Ok;
}

/** `4`, or `4 (auto)` of a job that follows the slots. */
export function slotsOf(job: Pick<JobStatus, 'parallelism' | 'isAutoParallel'>): string {
  return `${job.parallelism}${job.isAutoParallel === true ? ' (auto)' : ''}`;
}

function rescaleNote({ rescale, rescaleCount = 0 }: JobStatus): string {
  const count =
    rescaleCount === 0 ? '' : `, rescaled ${rescaleCount === 1 ? 'once' : `${rescaleCount} times`}`;
  if (rescale === undefined) return count;
  const { from, to, phase, durationMs = 0, stoppedMs } = rescale;
  if (phase === 'checkpointing') return `${count}; going from ${from} to ${to}: taking a checkpoint`;
  if (phase === 'restarting') return `${count}; going from ${from} to ${to}: starting again`;
  const stop = stoppedMs === undefined ? '' : `, ${formatDuration(stoppedMs)} of it stopped`;
  return `${count}; last from ${from} to ${to} in ${formatDuration(durationMs)}${stop}`;
}

function describeLines(job: JobStatus): string[] {
  const last = job.checkpoints;
  const share = job.inputShare === undefined ? '' : ` (${Math.floor(job.inputShare * 100)} % of the input)`;
  const percent = (value: number): string => `${Math.round(value * 100)} %`;
  const vertices = job.vertices.map((vertex) => {
    const { late, skipped, deadLettered } = droppedOfVertex(vertex);
    return [
      vertex.name,
      vertex.parallelism,
      vertex.recordsIn,
      vertex.recordsOut,
      percent(vertex.busyShare),
      percent(vertex.backPressuredShare),
      formatWatermark(vertex.watermarkMs),
      late,
      skipped,
      deadLettered,
    ];
  });
  return [
    `${job.name}  ${job.jobId}`,
    `  state        ${job.state}, ${job.restartCount} ${job.restartCount === 1 ? 'restart' : 'restarts'}`,
    `  slots        ${slotsOf(job)}${rescaleNote(job)}`,
    `  started      ${isoTime(job.startTimeMs) ?? '-'}${job.endTimeMs === undefined ? '' : `, ended ${isoTime(job.endTimeMs) ?? '-'}`}`,
    `  records      ${job.recordsRead.toLocaleString('en-US')} read${share}`,
    `  watermark    ${formatWatermark(job.watermarkMs)}${heldBackBy(job)}`,
    `  state size   ${formatBytes(job.stateBytes)}`,
    `  checkpoints  ${last.completedCount} completed, ${last.failedCount} failed` +
      (last.lastCompletedId === undefined
        ? ''
        : `; last ${last.lastCompletedId}, ${formatBytes(last.lastBytes ?? 0)}${last.lastDurationMs === undefined ? '' : ` in ${formatDuration(last.lastDurationMs)}`}`),
    ...(last.lastFailure === undefined ? [] : [`               last failure: ${last.lastFailure}`]),
    ...(job.savepoint === undefined ? [] : [`  savepoint    ${job.savepoint.path}`]),
    '',
    ...formatTable(
      [
        'Vertex',
        'Parallelism',
        'In',
        'Out',
        'Busy',
        'Back-pressured',
        'Watermark',
        'Late',
        'Skipped',
        'Dead-lettered',
      ],
      vertices,
    ),
    ...timeLines(job),
    ...regionLines(job),
    ...metricLines(job),
    ...sampleLines(job),
    ...(job.error === undefined ? [] : ['', ...describeWireError(job.error)]),
  ];
}

/** Of a job that restarts in parts: which parts, and how each is. */
function regionLines(job: JobStatus): readonly string[] {
  const { regions = [] } = job;
  if (regions.length < 2) return [];
  const nameOf = new Map(job.vertices.map(({ vertexId, name }) => [vertexId, name]));
  const rows = regions.map(({ vertexIds, slots, attemptNumber, isRunning }) => [
    vertexIds.map((vertexId) => nameOf.get(vertexId) ?? vertexId).join(', '),
    slots,
    attemptNumber,
    isRunning ? 'running' : 'starting',
  ]);
  return ['', ...formatTable(['Restarts by itself', 'Slots', 'Attempt', 'State'], rows)];
}
