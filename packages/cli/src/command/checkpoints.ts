// `checkpoints`: how a job's checkpoints are taken, and how the newest of them went.
import { join } from 'node:path';
import type { CheckpointEntry, CheckpointReport, CheckpointSettings } from '@millrace/proto';
import { ExitCode } from '../exit-code.ts';
import { formatBytes, formatDuration, formatTable, type Cell } from '../terminal/table.ts';
import { findJob, isEnded, printJson, printLines, withDispatcher, type GlobalOptions } from './context.ts';

export async function checkpoints(reference: string, options: GlobalOptions): Promise<ExitCode> {
  const { report, isOver } = await withDispatcher(options, async (client) => {
    const job = findJob(await client.list(), reference);
    return { report: await client.checkpoints(job.jobId), isOver: isEnded(job) };
  });
  if (options.json === true) printJson(checkpointsJson(report));
  else printLines(checkpointLines(report, isOver));
  return ExitCode.Ok;
}

/** A job's checkpoints as scripts read them; the newest comes first. */
export function checkpointsJson(report: CheckpointReport): Record<string, unknown> {
  const { settings } = report;
  return {
    jid: report.jobId,
    name: report.jobName,
    directory: report.directory,
    settings: {
      mode: settings.checkpointMode,
      intervalMs: settings.checkpointIntervalMs ?? null,
      timeoutMs: settings.checkpointTimeoutMs,
      minPauseMs: settings.checkpointMinPauseMs,
      toleratedFailures: settings.checkpointFailuresTolerated,
      retained: settings.checkpointsRetainedMax,
      externalized: settings.isStateKeptOnCancel ? 'retain-on-cancellation' : 'delete-on-cancellation',
    },
    completed: report.completedCount,
    failed: report.failedCount,
    history: report.history.toReversed().map((entry) => entryJson(report, entry)),
    retained: report.retained.toReversed().map(({ checkpointId }) => checkpointId),
  };
}

function entryJson(report: CheckpointReport, entry: CheckpointEntry): Record<string, unknown> {
  return {
    id: entry.checkpointId,
    kind: entry.kind,
    state: entry.state,
    triggeredAt: new Date(entry.triggeredAtMs).toISOString(),
    durationMs: entry.durationMs ?? null,
    acknowledged: entry.acknowledgedCount,
    subtasks: entry.subtaskCount,
    alignmentMsMax: entry.alignmentMsMax,
    syncMsMax: entry.syncMsMax,
    asyncMsMax: entry.asyncMsMax,
    newBytes: entry.newBytes,
    totalBytes: entry.totalBytes ?? null,
    path: isKept(report, entry) ? join(report.directory, directoryName(entry)) : null,
    failure: entry.failure ?? null,
  };
}

/** @internal exported for its test */
export function checkpointLines(report: CheckpointReport, isOver: boolean): string[] {
  const failures = report.history.filter(({ failure }) => failure !== undefined).toReversed();
  return [
    `${report.jobName}  ${report.jobId}`,
    `  taken      ${takenLine(report.settings)}`,
    `  kept       the newest ${report.settings.checkpointsRetainedMax}, ${report.settings.isStateKeptOnCancel ? 'also' : 'but not'} when the job is cancelled`,
    `  so far     ${report.completedCount} completed, ${report.failedCount} failed`,
    `  directory  ${report.directory}`,
    ...(report.history.length === 0 ? [] : ['', ...entryTable(report)]),
    ...(failures.length === 0 ? [] : ['']),
    ...failures.map(
      ({ checkpointId, state, failure }) => `Checkpoint ${checkpointId} ${state}: ${failure ?? ''}`,
    ),
    ...(isOver ? ['', `The job has ended. ${keptLine(report)}`] : []),
  ];
}

function takenLine(settings: CheckpointSettings): string {
  const { checkpointIntervalMs: intervalMs, checkpointMinPauseMs: pauseMs } = settings;
  return [
    settings.checkpointMode,
    intervalMs === undefined ? 'one at the end' : `every ${formatDuration(intervalMs)}`,
    ...(pauseMs === 0 ? [] : [`pause ${formatDuration(pauseMs)}`]),
    `time-out ${formatDuration(settings.checkpointTimeoutMs)}`,
    `${settings.checkpointFailuresTolerated} failures in a row tolerated`,
  ].join(', ');
}

function entryTable(report: CheckpointReport): string[] {
  const headers = [
    'Id',
    'Kind',
    'State',
    'Acks',
    'Triggered (UTC)',
    'Duration',
    'Alignment',
    'Sync',
    'Async',
    'New',
    'Total',
    'Kept in',
  ];
  const duration = (ms: number | undefined): Cell => (ms === undefined ? undefined : formatDuration(ms));
  const rows = report.history
    .toReversed()
    .map((entry) => [
      `${entry.checkpointId}`,
      entry.kind,
      entry.state,
      `${entry.acknowledgedCount} of ${entry.subtaskCount}`,
      new Date(entry.triggeredAtMs).toISOString().slice(0, 19).replace('T', ' '),
      duration(entry.durationMs),
      duration(entry.alignmentMsMax),
      duration(entry.syncMsMax),
      duration(entry.asyncMsMax),
      formatBytes(entry.newBytes),
      entry.totalBytes === undefined ? undefined : formatBytes(entry.totalBytes),
      isKept(report, entry) ? directoryName(entry) : undefined,
    ]);
  return formatTable(headers, rows);
}

/** What is left of an ended job's checkpoints, and how to start from one. */
export function keptLine({ jobId, directory, retained }: CheckpointReport): string {
  if (retained.length === 0) return 'None of its checkpoints is kept.';
  const ids = retained.map(({ checkpointId }) => checkpointId).toReversed();
  return `Checkpoints ${ids.join(', ')} are kept in ${directory}. To start from one: millrace run -s ${jobId} --from-checkpoint ${ids[0] ?? ''} <job.ts>`;
}

function isKept({ retained }: CheckpointReport, { checkpointId }: CheckpointEntry): boolean {
  return retained.some((kept) => kept.checkpointId === checkpointId);
}

function directoryName({ epoch, checkpointId }: CheckpointEntry): string {
  return `chk-${epoch}-${checkpointId}`;
}
