// `savepoint inspect`: what a savepoint or a checkpoint holds. Needs no cluster, only the files.
import { existsSync } from 'node:fs';
import { MillraceError } from '@millrace/common';
import { openSavepoint, type OpenedSavepoint } from '@millrace/jobmanager';
import type { StateSample } from '@millrace/state';
import { ExitCode } from '../exit-code.ts';
import { jsonOf } from '../savepoint/json-of.ts';
import { reportSavepoint, type OperatorReport, type ShownState } from '../savepoint/savepoint-report.ts';
import { formatBytes, formatTable } from '../terminal/table.ts';
import { isoTime, printJson, printLines, type GlobalOptions } from './context.ts';

export interface InspectSavepointOptions extends GlobalOptions {
  readonly operator?: string;
  readonly samples: number;
}

export async function inspectSavepoint(path: string, options: InspectSavepointOptions): Promise<ExitCode> {
  if (!existsSync(path))
    throw new MillraceError(
      'MR_SAVEPOINT_NOT_FOUND',
      `Cannot inspect "${path}": there is nothing here. A savepoint on another machine is inspected there`,
      { details: { path } },
    );
  const opened = await openSavepoint(path, 'Cannot inspect');
  const uid = uidOf(opened, options.operator);
  const operators = await reportSavepoint(opened, {
    samplesMax: options.samples,
    ...(uid === undefined ? {} : { uid }),
  });
  if (options.json === true) printJson({ ...summaryJson(opened), operators: operators.map(operatorJson) });
  else printLines([...summaryLines(opened), ...operators.flatMap(operatorLines)]);
  return ExitCode.Ok;
}

/** An operator by its uid or, where only one has it, its name. */
function uidOf({ metadata }: OpenedSavepoint, reference: string | undefined): string | undefined {
  if (reference === undefined) return undefined;
  const operators = metadata.operators ?? [];
  const named = operators.filter(({ name }) => name === reference);
  const chosen =
    operators.find(({ uid }) => uid === reference) ?? (named.length === 1 ? named[0] : undefined);
  if (chosen !== undefined) return chosen.uid;
  throw new MillraceError(
    'MR_USAGE',
    `Cannot inspect operator "${reference}": the savepoint has ${operators.map(({ uid }) => `"${uid}"`).join(', ')}`,
  );
}

function summaryJson({ path, metadata }: OpenedSavepoint): Record<string, unknown> {
  const { jobId, jobName, checkpointId, epoch, timestampMs, keyGroupCount, savepoint } = metadata;
  return {
    path,
    kind: savepoint === undefined ? 'checkpoint' : 'savepoint',
    drained: savepoint?.isDrained === true,
    jid: jobId,
    name: jobName,
    checkpointId,
    epoch,
    time: isoTime(timestampMs),
    keyGroups: keyGroupCount,
  };
}

function operatorJson(operator: OperatorReport): Record<string, unknown> {
  const { uid, name, kind, parallelism, declared, bytes, states, splits, transactions } = operator;
  return {
    uid,
    name,
    kind,
    parallelism,
    bytes,
    declared,
    states: states.map((state) => ({
      name: state.name,
      kind: state.kind,
      ...(state.version === undefined ? {} : { version: state.version }),
      keys: state.keyCount,
      entries: state.entryCount,
      bytes: state.bytes,
      ...(state.firstMs === undefined
        ? {}
        : { firstTime: isoTime(state.firstMs), lastTime: isoTime(state.lastMs) }),
      samples: state.samples.map(sampleJson),
    })),
    splits,
    transactions,
  };
}

function sampleJson({ key, mapKey, timeMs, value }: StateSample): Record<string, unknown> {
  return {
    key: jsonOf(key),
    ...(mapKey === undefined ? {} : { mapKey: jsonOf(mapKey) }),
    ...(timeMs === undefined ? {} : { time: isoTime(timeMs) ?? timeMs }),
    ...(value === undefined ? {} : { value: jsonOf(value) }),
  };
}

function summaryLines({ path, metadata }: OpenedSavepoint): string[] {
  const { jobId, jobName, checkpointId, timestampMs, keyGroupCount, savepoint } = metadata;
  const kind =
    savepoint === undefined ? 'Checkpoint' : savepoint.isDrained ? 'Savepoint, drained' : 'Savepoint';
  return [
    `${kind} ${path}`,
    `  job         ${jobName} (${jobId}), checkpoint ${checkpointId} of ${isoTime(timestampMs) ?? '-'}`,
    `  key groups  ${keyGroupCount}`,
    `  files       all read, their checksums are right`,
  ];
}

function operatorLines(operator: OperatorReport): string[] {
  const { uid, name, kind, parallelism, states, bytes, splits, transactions } = operator;
  const lines = [
    '',
    `${name}  uid ${uid}, ${kind}, parallelism ${parallelism}, ${formatBytes(bytes)} of files`,
  ];
  if (states.length > 0) {
    const rows = states.map((state) => [
      state.name,
      state.kind,
      state.version ?? null,
      state.keyCount,
      state.entryCount,
      formatBytes(state.bytes),
      timesOf(state),
    ]);
    const headers = ['State', 'Kind', 'Version', 'Keys', 'Entries', 'Size', 'Times'];
    lines.push(...formatTable(headers, rows).map((line) => `  ${line}`));
  }
  for (const { name: state, samples } of states)
    for (const sample of samples) lines.push(`  ${state}: ${JSON.stringify(sampleJson(sample))}`);
  if (splits.reading + splits.unassigned > 0)
    lines.push(`  splits: ${splits.reading} being read, ${splits.unassigned} not assigned`);
  for (const split of splits.samples) lines.push(`  split: ${JSON.stringify(split)}`);
  if (transactions.count > 0) lines.push(`  transactions: ${transactions.count} pending`);
  for (const transaction of transactions.samples) lines.push(`  transaction: ${JSON.stringify(transaction)}`);
  return lines;
}

function timesOf({ firstMs, lastMs }: ShownState): string | null {
  if (firstMs === undefined) return null;
  const [first, last] = [firstMs, lastMs].map((ms) => isoTime(ms) ?? String(ms));
  return first === last ? (first ?? null) : `${first} … ${last}`;
}
