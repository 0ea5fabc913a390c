// Runs a case of `joins.json` through the public API and the operator harness.
import { expect } from 'vitest';
import { outputTag, tumbling, type Change, type DataStream, type JoinType } from '@millrace/api';
import { ChainHarness, type HarnessSnapshot, type SidedValue, type TestedOutputs } from '@millrace/testing';

type Json = string | number | boolean | null | readonly Json[] | { readonly [field: string]: Json };
type Row = readonly (string | number | null)[];

export interface JoinStep {
  readonly left?: CaseRecord;
  readonly right?: CaseRecord;
  readonly leftWatermark?: number | string;
  readonly rightWatermark?: number | string;
  readonly processingTime?: number;
  readonly stateTtlTime?: number;
  readonly snapshotAndRestore?: true;
  readonly expect?: readonly Json[];
  readonly expectLeftLate?: readonly Json[];
  readonly expectRightLate?: readonly Json[];
  readonly expectLeftState?: readonly number[];
  readonly expectRightState?: readonly number[];
  readonly expectStateEmpty?: true;
  readonly expectError?: string;
}

/** A record of a DataStream case, or a row with its kind. */
interface CaseRecord {
  readonly key?: string;
  readonly value?: string;
  readonly ts?: number;
  readonly kind?: string;
  readonly row?: Row;
}

export interface JoinCase {
  readonly name: string;
  readonly kind: string;
  readonly joinType: JoinType;
  readonly time?: 'event' | 'processing';
  readonly lowerBound?: number | null;
  readonly upperBound?: number | null;
  readonly lowerInclusive?: boolean;
  readonly upperInclusive?: boolean;
  readonly lateSideOutput?: boolean;
  readonly assigner?: { readonly type: string; readonly size: number };
  readonly leftSchema?: readonly string[];
  readonly rightSchema?: readonly string[];
  readonly leftStateTtl?: number;
  readonly rightStateTtl?: number;
  readonly maxRetention?: number;
  readonly uniqueKeys?: string;
  readonly miniBatchSize?: number;
  readonly steps: readonly JoinStep[];
}

/** What the harness of a case takes. */
interface CaseGraph {
  readonly operators: (left: DataStream<CaseRecord>, right: DataStream<CaseRecord>) => TestedOutputs;
  readonly timeOf: (record: CaseRecord) => number;
  /** What a case calls an output. */
  readonly show: (record: unknown, timestampMs: number) => Json;
}

const KINDS: { readonly [symbol: string]: Change<unknown>['kind'] } = {
  '+I': 'insert',
  '-U': 'updateBefore',
  '+U': 'updateAfter',
  '-D': 'delete',
};
const SYMBOLS = Object.fromEntries(Object.entries(KINDS).map(([symbol, kind]) => [kind, symbol]));

/** Builds the graph of a case; throws what the API refuses. */
function graphOf(of: JoinCase): CaseGraph {
  switch (of.kind) {
    case 'interval join':
      return intervalGraph(of);
    case 'interval join (SQL)':
      return sqlIntervalGraph(of);
    case 'temporal join':
      return of.time === 'event' ? temporalGraph(of) : latestGraph(of);
    case 'window join':
      return of.assigner === undefined ? sqlWindowGraph(of) : windowGraph(of, of.assigner.size);
    case 'regular join':
      return tableGraph(of);
    default:
      throw new Error(`No adapter for cases of the kind "${of.kind}"`);
  }
}

const eventTime = (record: CaseRecord): number => record.ts ?? NaN;
const rowTime = (record: CaseRecord): number => Number(record.row?.[0]);
const noTime = (): number => NaN;

interface Pair {
  readonly left: CaseRecord;
  readonly right: CaseRecord;
}

function intervalGraph(of: JoinCase): CaseGraph {
  const late = { left: outputTag<CaseRecord>('left late'), right: outputTag<CaseRecord>('right late') };
  // One that shows the pair's time, and one whose records are lists.
  const isOperatorTest = of.lateSideOutput !== undefined;
  return {
    operators: (left, right) => {
      const joined = left
        .keyBy((record) => record.key ?? '')
        .intervalJoin(
          right.keyBy((record) => record.key ?? ''),
          {
            lower: of.lowerBound as number,
            upper: of.upperBound as number,
            lowerExclusive: of.lowerInclusive === false,
            upperExclusive: of.upperInclusive === false,
            ...(of.lateSideOutput === true ? { leftLateOutput: late.left, rightLateOutput: late.right } : {}),
            select: (first, second) => ({ left: first, right: second }),
          },
        );
      if (of.lateSideOutput !== true) return joined;
      return {
        main: joined,
        leftLate: joined.sideOutput(late.left),
        rightLate: joined.sideOutput(late.right),
      };
    },
    timeOf: eventTime,
    show: (record, timestampMs) => {
      const { left, right } = record as Pair;
      if (left === undefined) return plain(record);
      return isOperatorTest
        ? { left: left.ts ?? null, right: right.ts ?? null, ts: timestampMs }
        : { left: listOf(left), right: listOf(right) };
    },
  };
}

function listOf({ key, value, ts }: CaseRecord): Json {
  return value === undefined ? [key ?? null, ts ?? null] : [key ?? null, value, ts ?? null];
}

function windowGraph(of: JoinCase, size: number): CaseGraph {
  return {
    operators: (left, right) =>
      left
        .keyBy((record) => record.key ?? '')
        .join(
          right.keyBy((record) => record.key ?? ''),
          {
            window: tumbling(size),
            type: of.joinType,
            select: (first, second) => ({ left: first, right: second }),
          },
        ),
    timeOf: eventTime,
    show: (record) => {
      const { left, right } = record as Pair;
      return { left: listOf(left), right: listOf(right) };
    },
  };
}

/** Both sides of a row, nulls for a side that is not there; semi and anti joins have the left one alone. */
function joinedRow(of: JoinCase) {
  const nulls = (schema: readonly string[] | undefined): Row => (schema ?? []).map(() => null);
  const isOnce = of.joinType === 'semi' || of.joinType === 'anti';
  return (left: CaseRecord | undefined, right: CaseRecord | undefined): CaseRecord => ({
    kind: left?.kind ?? right?.kind ?? '+I',
    row: [...(left?.row ?? nulls(of.leftSchema)), ...(isOnce ? [] : (right?.row ?? nulls(of.rightSchema)))],
  });
}

const keyAt =
  (index: number) =>
  (record: { readonly row?: Row }): string | number | null =>
    record.row?.[index] ?? null;

function sqlIntervalGraph(of: JoinCase): CaseGraph {
  const joined = joinedRow(of);
  return {
    operators: (left, right) =>
      left.keyBy(keyAt(keyIndexOf(of))).intervalJoin(right.keyBy(keyAt(keyIndexOf(of))), {
        // The case says where the left row is, seen from the right one.
        lower: -(of.upperBound as number),
        upper: -(of.lowerBound as number),
        type: of.joinType,
        time: of.time ?? 'event',
        late: 'join',
        select: (first, second) => joined(first as CaseRecord | undefined, second as CaseRecord | undefined),
      }),
    timeOf: of.time === 'processing' ? noTime : rowTime,
    show: plain,
  };
}

/** The processing-time case has values in the second column that are called keys. */
function keyIndexOf(of: JoinCase): number {
  return of.time === 'processing' ? 0 : 1;
}

function sqlWindowGraph(of: JoinCase): CaseGraph {
  const joined = joinedRow(of);
  return {
    operators: (left, right) =>
      left.keyBy(keyAt(1)).join(right.keyBy(keyAt(1)), {
        // Rows come with the end of their window: windows of 1 ms have the same ends.
        window: tumbling(1),
        type: of.joinType,
        select: (first, second) => joined(first as CaseRecord | undefined, second as CaseRecord | undefined),
      }),
    timeOf: (record) => rowTime(record) - 1,
    show: plain,
  };
}

function temporalGraph(of: JoinCase): CaseGraph {
  const joined = joinedRow(of);
  return {
    operators: (left, right) =>
      left.temporalJoin(right.map(changeOf).toChangelog({ mode: 'retract' }), {
        recordKey: keyAt(1),
        tableKey: (row) => row[1] ?? null,
        type: of.joinType as 'left',
        select: (record, row) => joined(record as CaseRecord, row === undefined ? undefined : { row }),
      }),
    timeOf: rowTime,
    show: plain,
  };
}

function latestGraph(of: JoinCase): CaseGraph {
  const joined = joinedRow(of);
  return {
    operators: (left, right) =>
      left.join(right.map(changeOf).toChangelog({ mode: 'retract' }), {
        recordKey: keyAt(0),
        tableKey: (row) => row[0] ?? null,
        type: of.joinType as 'left',
        stateTtl: of.maxRetention ?? 0,
        select: (record, row) => joined(record as CaseRecord, row === undefined ? undefined : { row }),
      }),
    timeOf: noTime,
    show: plain,
  };
}

function tableGraph(of: JoinCase): CaseGraph {
  const left = keyAt(of.leftSchema?.indexOf('line_order_id') ?? 0);
  const right = keyAt(of.rightSchema?.indexOf('line_order_id') ?? 0);
  const joined = joinedRow(of);
  const uniqueKeys =
    of.uniqueKeys === 'none'
      ? {}
      : of.uniqueKeys?.startsWith('order_id') === true
        ? { leftUniqueKey: (row: Row) => row[0] ?? '', rightUniqueKey: (row: Row) => row[0] ?? '' }
        : { leftUniqueKey: (row: Row) => left({ row }), rightUniqueKey: (row: Row) => right({ row }) };
  return {
    operators: (first, second) =>
      first
        .map(changeOf)
        .toChangelog({ mode: 'retract' })
        .join(second.map(changeOf).toChangelog({ mode: 'retract' }), {
          leftKey: (row) => left({ row }),
          rightKey: (row) => right({ row }),
          ...uniqueKeys,
          type: of.joinType,
          leftStateTtl: of.leftStateTtl ?? 0,
          rightStateTtl: of.rightStateTtl ?? 0,
          select: (leftRow, rightRow) =>
            joined(
              leftRow === undefined ? undefined : { row: leftRow },
              rightRow === undefined ? undefined : { row: rightRow },
            ).row ?? [],
        })
        .toStream(),
    timeOf: noTime,
    show: (record) => {
      const { kind, row } = record as Change<Row>;
      return { kind: SYMBOLS[kind] ?? '', row };
    },
  };
}

function changeOf({ kind, row }: CaseRecord): Change<Row> {
  return { kind: KINDS[kind ?? ''] ?? 'insert', row: row ?? [] };
}

function plain(record: unknown): Json {
  return record as Json;
}

/** A change with the table that all of them make. */
interface Shown {
  readonly main: Json[];
  readonly leftLate: Json[];
  readonly rightLate: Json[];
}

/**
 * Runs a case.
 * With `restores` the operators are snapshotted and restored into new ones after every step, at other parallelisms.
 */
export async function runCase(of: JoinCase, restores: boolean): Promise<void> {
  const graph = graphOf(of);
  const open = (parallelism: number, from?: { restore: HarnessSnapshot; harness: ChainHarness<CaseSided> }) =>
    ChainHarness.open<CaseSided>({
      operators: { ofTwo: graph.operators as never },
      parallelism,
      ...(from === undefined
        ? {}
        : {
            restore: from.restore,
            blobStore: from.harness.blobStore,
            attemptNumber: from.restore.checkpointId + 1,
          }),
    });
  let harness = await open(1);
  const watermarks = { left: -Infinity, right: -Infinity, sent: -Infinity };
  const shown: Shown = { main: [], leftLate: [], rightLate: [] };
  const all: { readonly expected: Json[]; readonly actual: Json[] } = { expected: [], actual: [] };
  for (const [index, step] of of.steps.entries()) {
    apply(harness, step, { graph, watermarks });
    for (const { output, record, timestampMs } of harness.emitted.splice(0)) {
      if (output === 'main') shown.main.push(graph.show(record, timestampMs));
      else shown[output === 'leftLate' ? 'leftLate' : 'rightLate'].push(record as Json);
    }
    const snapshot = await harness.snapshot(index + 1);
    check(of, step, { harness, shown, all });
    if (!restores && step.snapshotAndRestore !== true) continue;
    await harness.close();
    harness = await open(restores && index % 2 === 0 ? 3 : 1, { restore: snapshot, harness });
  }
  await harness.close();
  if (isFolded(of)) expect(tableOf(of, all.actual)).toEqual(tableOf(of, all.expected));
}

type CaseSided = SidedValue<CaseRecord, CaseRecord>;

function apply(
  harness: ChainHarness<CaseSided>,
  step: JoinStep,
  of: {
    readonly graph: CaseGraph;
    readonly watermarks: { left: number; right: number; sent: number };
  },
): void {
  const { graph, watermarks } = of;
  for (const side of ['left', 'right'] as const) {
    const value = step[side];
    if (value !== undefined) harness.send([{ value: { side, value }, atMs: graph.timeOf(value) }]);
    const watermark = step[`${side}Watermark`];
    if (watermark === undefined) continue;
    watermarks[side] = watermark === 'MAX' ? Infinity : Number(watermark);
    const least = Math.min(watermarks.left, watermarks.right);
    if (least > watermarks.sent) harness.watermark((watermarks.sent = least));
  }
  const clock = step.processingTime ?? step.stateTtlTime;
  if (clock !== undefined) harness.processingTime(clock);
}

function check(
  of: JoinCase,
  step: JoinStep,
  at: {
    readonly harness: ChainHarness<CaseSided>;
    readonly shown: Shown;
    readonly all: { readonly expected: Json[]; readonly actual: Json[] };
  },
): void {
  const { harness, shown, all } = at;
  if (step.expect !== undefined) {
    const expected = step.expect.filter((output) => !isWatermark(output));
    const actual = shown.main.splice(0);
    if (isFolded(of)) {
      all.expected.push(...expected);
      all.actual.push(...actual);
    } else expect(sorted(actual)).toEqual(sorted(expected));
  }
  if (step.expectLeftLate !== undefined) expect(shown.leftLate.splice(0)).toEqual(step.expectLeftLate);
  if (step.expectRightLate !== undefined) expect(shown.rightLate.splice(0)).toEqual(step.expectRightLate);
  let entries = 0;
  for (const chain of harness.chains) entries += chain.metrics.stateEntries;
  if (step.expectStateEmpty === true) expect(entries).toBe(0);
  // Both are asked for in turn: a bucket of 1 ms has one record here.
  if (step.expectRightState !== undefined) {
    const left = of.steps[of.steps.indexOf(step) - 1]?.expectLeftState ?? [];
    expect(entries).toBe(left.length + step.expectRightState.length);
  }
}

function isWatermark(output: Json): boolean {
  return typeof output === 'object' && output !== null && 'watermark' in output;
}

function sorted(outputs: readonly Json[]): readonly string[] {
  return outputs.map((output) => JSON.stringify(output)).sort();
}

/** Flink folds the changes of a bundle before it joins them: what counts is the table that they make. */
function isFolded({ miniBatchSize = 1 }: JoinCase): boolean {
  return miniBatchSize > 1;
}

/**
 * The table that changes make: the newest row by the unique keys of both sides, or how often each row was put in more than it was
 * taken out.
 */
function tableOf(of: JoinCase, changes: readonly Json[]): Readonly<Record<string, Json>> {
  const table: Record<string, Json> = {};
  const leftLength = of.leftSchema?.length ?? 0;
  const uniqueAt = of.uniqueKeys?.startsWith('order_id') === true ? 0 : 1;
  for (const change of changes as unknown as readonly { readonly kind: string; readonly row: Row }[]) {
    const isAdded = change.kind === '+I' || change.kind === '+U';
    if (of.uniqueKeys === 'none') {
      const id = JSON.stringify(change.row);
      const count = Number(table[id] ?? 0) + (isAdded ? 1 : -1);
      if (count === 0) delete table[id];
      else table[id] = count;
      continue;
    }
    const id = JSON.stringify([change.row[uniqueAt] ?? null, change.row[leftLength + uniqueAt] ?? null]);
    if (isAdded) table[id] = change.row;
    else delete table[id];
  }
  return table;
}
