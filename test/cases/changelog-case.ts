// What the cases of changelog.json say, and how their operators are built with the public API.
import {
  aggregator,
  asc,
  countDistinct,
  count,
  desc,
  max,
  min,
  sum,
  type Aggregate,
  type Change,
  type ChangeKind,
  type ChangelogModeName,
  type ChangelogStream,
  type DataStream,
  type Ordering,
} from '@millrace/api';
import type { TestedStream } from '@millrace/testing';

export type Row = Readonly<Record<string, string | number | null>>;
type Cells = readonly (string | number | null)[];

export interface CaseChange {
  readonly kind: '+I' | '-U' | '+U' | '-D';
  readonly row: Cells;
}

export type CaseStep = {
  readonly element?: CaseChange;
  readonly watermark?: number;
  readonly processingTime?: number;
  readonly stateTtlTime?: number;
  readonly snapshotAndRestore?: true;
  readonly flushBundle?: true;
  readonly expect?: readonly (CaseChange | { readonly watermark: number })[];
  readonly expectOutputCount?: number;
  readonly expectLast?: CaseChange;
  readonly expectStateEmpty?: true;
};

export interface ChangelogCase {
  readonly name: string;
  readonly kind: string;
  readonly schema: readonly string[] | string;
  readonly steps: readonly CaseStep[];
  readonly orderMatters: boolean | 'perKey';
  readonly outputsAcrossRestore?: boolean;
  readonly watermarksNotChecked?: boolean;
  readonly partitionBy?: string;
  readonly orderBy?: string;
  readonly input?: string;
  readonly rankRange?: {
    readonly type: string;
    readonly start?: number;
    readonly end?: number;
    readonly endColumn?: number;
  };
  readonly outputRankNumber?: boolean;
  readonly generateUpdateBefore?: boolean;
  readonly generateInsert?: boolean;
  readonly inputInsertOnly?: boolean;
  readonly stateTtl?: number;
  readonly idleStateRetentionMs?: number;
  readonly time?: 'event' | 'processing';
  readonly keep?: 'first' | 'last';
  readonly key?: string;
  readonly filter?: string;
  readonly miniBatchSize?: number;
  readonly frame?: string;
  readonly function?: string;
  readonly upsertKey?: string | null;
}

/** A case that can be run. */
export interface BuiltCase {
  /** False: the input's rows are records. */
  readonly takesChanges: boolean;
  readonly build: (input: DataStream<Row> & DataStream<Change<Row>>) => TestedStream;
  /** Event time of an input row; NaN without. */
  readonly timeOf: (row: Row) => number;
}

const ORDINALS: readonly string[] = ['first column', 'second column', 'third column'];
const KINDS: { readonly [symbol: string]: ChangeKind } = {
  '+I': 'insert',
  '-U': 'updateBefore',
  '+U': 'updateAfter',
  '-D': 'delete',
};

export function kindOf(symbol: string): ChangeKind {
  return KINDS[symbol] ?? 'insert';
}

/** Names of a case's columns. */
export function columnsOf({ schema, steps }: ChangelogCase): readonly string[] {
  if (typeof schema !== 'string') return schema.map((name) => name.split(' ')[0] ?? name);
  const row = steps.find(({ element }) => element !== undefined)?.element?.row ?? [];
  return row.map((_, index) => `c${index}`);
}

export function rowOf(cells: Cells, columns: readonly string[]): Row {
  return Object.fromEntries(cells.map((cell, index) => [columns[index] ?? `c${index}`, cell]));
}

/** Builds what a case is about. */
export function buildCase(of: ChangelogCase): BuiltCase {
  const timeOf = (row: Row): number => (typeof row['rowtime'] === 'number' ? row['rowtime'] : NaN);
  switch (of.kind) {
    case 'top-n':
      return { ...topNCase(of), timeOf };
    case 'deduplicate':
      return { ...deduplicateCase(of), timeOf };
    case 'over aggregate':
      return { ...overCase(of), timeOf };
    case 'group aggregate':
      return { ...groupCase(of), timeOf };
    case 'table aggregate':
      return { ...tableCase(of), timeOf };
    case 'window top-n':
    case 'window deduplicate':
      return { ...windowCase(of), timeOf };
    case 'upsert materialize':
      return { ...materializeCase(of), timeOf };
    default:
      throw new Error(`no such kind of case: ${of.kind}`);
  }
}

type Built = Omit<BuiltCase, 'timeOf'>;

function keyOf(
  of: ChangelogCase,
  text: string,
): (row: Row) => string | number | null | (string | number | null)[] {
  const columns = columnsOf(of);
  const names = text.split(',').map((part) => {
    const name = part.trim();
    const ordinal = ORDINALS.findIndex((words) => name.includes(words));
    return ordinal >= 0 ? (columns[ordinal] ?? '') : name;
  });
  const [first = ''] = names;
  return names.length === 1 ? (row) => row[first] ?? null : (row) => names.map((name) => row[name] ?? null);
}

function orderOf(text: string): Ordering<Row> {
  const [column = '', direction] = text.split(' ');
  const by = (row: Row): string | number | null => row[column] ?? null;
  return direction === 'descending' ? desc(by) : asc(by);
}

/** A case whose state expires without saying when is of a test class that has it expire after a second. */
const TTL_MS_DEFAULT = 1_000;

function ttlOf({ stateTtl, idleStateRetentionMs, steps }: ChangelogCase): { stateTtl?: number } {
  const expires = steps.some(({ stateTtlTime }) => stateTtlTime !== undefined);
  const ms = stateTtl ?? idleStateRetentionMs ?? (expires ? TTL_MS_DEFAULT : 0);
  return ms > 0 ? { stateTtl: ms } : {};
}

function changes(input: DataStream<Change<Row>>, mode: ChangelogModeName = 'retract'): ChangelogStream<Row> {
  return input.toChangelog({ mode });
}

function topNCase(of: ChangelogCase): Built {
  const { input: text = '', rankRange, orderBy = '' } = of;
  const partition = keyOf(of, of.partitionBy ?? '');
  const columns = columnsOf(of);
  const limit =
    rankRange?.type === 'variable'
      ? (row: Row) => Number(row[columns[rankRange.endColumn ?? 0] ?? ''])
      : (rankRange?.end ?? 1);
  const unique = /unique key \(?(?:column )?([\w, ]+?)(?: \(.*)?\)?$/.exec(text)?.[1];
  const options = {
    orderBy: orderBy === 'arrival' ? ('processingTime' as const) : orderOf(orderBy),
    firstRank: rankRange?.start ?? 1,
    generateUpdateBefore: of.generateUpdateBefore ?? true,
    ...(of.outputRankNumber === true ? { rank: 'rank' } : {}),
    ...ttlOf(of),
  };
  if (text.startsWith('append-only'))
    return {
      takesChanges: false,
      build: (input) => input.keyBy(partition).topN<string | undefined>(limit, options).toStream(),
    };
  return {
    takesChanges: true,
    build: (input) =>
      (unique === undefined
        ? changes(input).keyBy(partition).topN<string | undefined>(limit, options)
        : changes(input, 'upsert')
            .keyBy(partition)
            .topN<string | undefined>(limit, { ...options, uniqueKey: keyOf(of, unique) })
      ).toStream(),
  };
}

function deduplicateCase(of: ChangelogCase): Built {
  const key = keyOf(of, of.key ?? '');
  const { keep = 'first', time = 'processing', generateUpdateBefore = true, generateInsert = true } = of;
  const common = {
    ...ttlOf(of),
    ...(of.miniBatchSize === undefined ? {} : { miniBatch: { size: of.miniBatchSize } }),
  };
  if (of.inputInsertOnly === false) {
    const filter = of.filter === undefined ? {} : { filter: passes(of.filter) };
    return {
      takesChanges: true,
      build: (input) =>
        changes(input, 'upsert')
          .normalize(key, { ...common, generateUpdateBefore, ...filter })
          .toStream(),
    };
  }
  if (of.generateUpdateBefore === undefined)
    return {
      takesChanges: false,
      build: (input) => input.keyBy(key).deduplicate({ ...common, keep: 'first', time }),
    };
  const updating = { ...common, time, generateUpdateBefore, generateInsert, emit: 'update' as const };
  return {
    takesChanges: false,
    build: (input) =>
      (keep === 'last'
        ? input.keyBy(key).deduplicate({ ...updating, keep: 'last' })
        : input.keyBy(key).deduplicate({ ...updating, keep: 'first' })
      ).toStream(),
  };
}

function passes(text: string): (row: Row) => boolean {
  const [column = '', , bound] = text.split(' ');
  return (row) => Number(row[column]) > Number(bound);
}

/** `sum(value), count(value)`, and nothing besides. */
const PLAIN_AGGREGATES = /^\w+\(\w+\)(, \w+\(\w+\))*$/;

/** Aggregates as the text of a case names them: `sum(c), max(c)`. */
function aggregatesOf(text: string): { readonly [name: string]: Aggregate<Row, unknown> } {
  const all: { [name: string]: Aggregate<Row, unknown> } = {};
  for (const [, name = '', column = ''] of text.matchAll(/(\w+)\((\w+)\)/g)) {
    const select = (row: Row): number => Number(row[column]);
    all[name] =
      name === 'sum' ? sum(select) : name === 'min' ? min(select) : name === 'max' ? max(select) : count();
  }
  return all;
}

function overCase(of: ChangelogCase): Built {
  const key = keyOf(of, of.partitionBy ?? '');
  const aggregates = aggregatesOf(of.function ?? '');
  const frame = frameOf(of.frame ?? '');
  const { time, orderBy = '' } = of;
  if (time !== undefined)
    return {
      takesChanges: false,
      build: (input) =>
        input.keyBy(key).over(aggregates, {
          orderBy: time === 'event' ? 'eventTime' : 'processingTime',
          ...frame,
          ...ttlOf(of),
        }),
    };
  const unbounded =
    frame.rows === undefined ? { range: 'unbounded' as const } : { rows: 'unbounded' as const };
  return {
    takesChanges: true,
    build: (input) =>
      changes(input)
        .keyBy(key)
        .over(aggregates, { orderBy: orderOf(orderBy), ...unbounded, ...ttlOf(of) })
        .toStream(),
  };
}

function frameOf(text: string): { rows?: number | 'unbounded'; range?: number | 'unbounded' } {
  const [, unit, bound = ''] = /^(ROWS|RANGE) BETWEEN (.*?) PRECEDING/.exec(text) ?? [];
  const seconds = /INTERVAL '(\d+)' SECOND/.exec(bound)?.[1];
  const preceding =
    bound === 'UNBOUNDED' ? 'unbounded' : seconds === undefined ? Number(bound) : Number(seconds) * 1000;
  return unit === 'ROWS' ? { rows: preceding } : { range: preceding };
}

function groupCase(of: ChangelogCase): Built {
  const key = keyOf(of, of.partitionBy ?? '');
  if (PLAIN_AGGREGATES.test(of.function ?? '')) {
    const options = {
      ...ttlOf(of),
      ...(of.miniBatchSize === undefined ? {} : { miniBatch: { size: of.miniBatchSize } }),
    };
    const plain = aggregatesOf(of.function ?? '');
    return {
      takesChanges: true,
      build: (input) => changes(input).keyBy(key).aggregate(plain, options).toStream(),
    };
  }
  const isDistinct = of.function?.includes('distinct') === true;
  const total = sum((row: Row) => Number(row['c']));
  const aggregates: { readonly [name: string]: Aggregate<Row, unknown> } = isDistinct
    ? { distinct: countDistinct((row: Row) => row['b']), text: distinctAndNull(), n: count<Row>(), total }
    : { total };
  return {
    takesChanges: true,
    build: (input) => changes(input).keyBy(key).aggregate(aggregates, ttlOf(of)).toStream(),
  };
}

/** `n|m`: different values that are not null, and 1 if any is null. */
function distinctAndNull(): Aggregate<Row, string> {
  return aggregator<Row, { [value: string]: number }, string>({
    create: () => ({}),
    add: (counts, row) => counted(counts, row, 1),
    retract: (counts, row) => counted(counts, row, -1),
    merge: (a) => a,
    result: (counts) => {
      const names = Object.keys(counts);
      return `${names.filter((name) => name !== 'null').length}|${names.includes('null') ? 1 : 0}`;
    },
  });
}

function counted(counts: { [value: string]: number }, row: Row, by: number): { [value: string]: number } {
  const name = String(row['b'] ?? 'null');
  counts[name] = (counts[name] ?? 0) + by;
  if (counts[name] === 0) delete counts[name];
  return counts;
}

/** The three greatest values, ascending. */
function tableCase(of: ChangelogCase): Built {
  const isKeyed = of.steps.some(({ element }) => element !== undefined && element.row.length > 1);
  const column = isKeyed ? 'b' : 'a';
  const functions = {
    create: (): number[] => [],
    add: (values: number[], row: Row) => [...values, Number(row[column])].sort((a, b) => a - b),
    retract: (values: number[], row: Row) => {
      const at = values.indexOf(Number(row[column]));
      return values.filter((_, index) => index !== at);
    },
    rows: (values: number[]) => values.slice(-3).map((v) => ({ v, w: v })),
  };
  return {
    takesChanges: true,
    build: (input) =>
      isKeyed
        ? changes(input)
            .keyBy((row) => row['a'] ?? null)
            .flatAggregate(functions, ttlOf(of))
            .toStream()
        : changes(input).flatAggregate(functions, ttlOf(of)).toStream(),
  };
}

function windowCase(of: ChangelogCase): Built {
  const key = keyOf(of, of.partitionBy ?? '');
  const windowEnd = (row: Row): number => Number(row['windowEnd']);
  if (of.kind === 'window deduplicate')
    return {
      takesChanges: false,
      build: (input) => input.keyBy(key).deduplicate({ keep: of.keep ?? 'first', windowEnd }),
    };
  const options = {
    orderBy: orderOf(of.orderBy ?? ''),
    firstRank: of.rankRange?.start ?? 1,
    windowEnd,
    ...(of.outputRankNumber === true ? { rank: 'rank' } : {}),
  };
  return {
    takesChanges: false,
    build: (input) => input.keyBy(key).topN<string | undefined>(of.rankRange?.end ?? 1, options),
  };
}

function materializeCase(of: ChangelogCase): Built {
  const key = keyOf(of, of.partitionBy ?? '');
  const upsertKey = of.upsertKey;
  return {
    takesChanges: true,
    build: (input) =>
      changes(input)
        .upsertMaterialize(key, {
          ...ttlOf(of),
          ...(typeof upsertKey === 'string' ? { upsertKey: keyOf(of, upsertKey) } : {}),
        })
        .toStream(),
  };
}
