// A random job as plain JSON: what is drawn, built, interpreted, cut down and kept.
import type { PatternSpec } from './event-order.ts';
import type { StreamJoin } from './stream-join.ts';
import type { TableJoin, TableMaking, TableStep } from './tables.ts';

/** The one kind of record of random jobs. */
export interface Rec {
  readonly key: string;
  readonly n: number;
  /** Where it comes from: records of one origin take one way, and `seq` counts them. */
  readonly origin: string;
  readonly seq: number;
  /** Event time; 0 where it hangs on the order of others. */
  readonly ts: number;
}

/** The output of a node, or its side output. */
export interface Ref {
  readonly node: number;
  readonly isSide?: true;
}

/** What is known of a stream when its job is drawn. */
export interface StreamFacts {
  /** Event times do not hang on the order of records. */
  readonly isTimed: boolean;
  /** Records of an origin come in order. */
  readonly isOrdered: boolean;
  /** And none of them is missing. */
  readonly isGapless: boolean;
  /** Its end comes. */
  readonly isBounded: boolean;
  /** Subtasks that it comes from. Between operators of different parallelism records are dealt out: order is lost. */
  readonly width: number;
}

export interface SourceSpec {
  readonly kind: 'source';
  readonly isBounded: boolean;
  readonly splits: number;
  readonly recordsPerSplit: number;
  readonly keyCount: number;
  /** Records that a read gives at most. */
  readonly chunkRecords: number;
  readonly stepMs: number;
  readonly disorderMs: number;
  /** Records come over the time of the world's input, not all at once. */
  readonly isRated: boolean;
  /** Splits wait for those of other sources whose event time is this far behind. */
  readonly driftMs?: number;
  /** A split that has nothing more holds event time back all the same. */
  readonly isNeverIdle?: true;
}

export type WindowShape =
  | { readonly kind: 'tumbling'; readonly sizeMs: number }
  | { readonly kind: 'sliding'; readonly sizeMs: number; readonly slideMs: number }
  | { readonly kind: 'session'; readonly gapMs: number }
  | { readonly kind: 'endOfInput' };

export type StepSpec =
  | { readonly kind: 'map'; readonly add: number }
  | { readonly kind: 'filter'; readonly modulus: number }
  | { readonly kind: 'flatMap'; readonly copies: number }
  | { readonly kind: 'rekey'; readonly keyCount: number }
  | { readonly kind: 'spread'; readonly how: 'rebalance' | 'global' | 'pick' }
  | { readonly kind: 'join'; readonly tableKeys: number; readonly joinType: 'inner' | 'left' }
  | { readonly kind: 'route'; readonly modulus: number }
  /** Asks another system, which takes turns of promises, and fails at first for some; gives the records as they are. */
  | {
      readonly kind: 'ask';
      readonly order: 'ordered' | 'unordered' | 'perKey';
      readonly capacity: number;
      readonly retryMs: number;
    }
  | { readonly kind: 'count' }
  | { readonly kind: 'reduce' }
  | { readonly kind: 'keep'; readonly check: 'gapless' | 'ordered' | 'once' }
  | { readonly kind: 'timers'; readonly bucketMs: number }
  /** How many records of a key there were, at every few of them. */
  | { readonly kind: 'countWindow'; readonly size: number; readonly isPurged: boolean }
  | { readonly kind: 'pattern'; readonly pattern: PatternSpec }
  | { readonly kind: 'first' }
  | {
      readonly kind: 'window';
      readonly shape: WindowShape;
      readonly how: 'aggregate' | 'process' | 'reduce';
      readonly latenessMs: number;
    };

export type NodeSpec = { readonly id: number; readonly parallelism?: number } & (
  | SourceSpec
  | ({ readonly input: Ref } & StepSpec)
  | { readonly kind: 'union'; readonly inputs: readonly Ref[] }
  /** Two streams in one operator: mapped each for itself, or keyed, and counted in pairs. */
  | { readonly kind: 'connect'; readonly how: 'map' | 'pairs'; readonly inputs: readonly [Ref, Ref] }
  | { readonly kind: 'joinStreams'; readonly join: StreamJoin; readonly inputs: readonly [Ref, Ref] }
  /** The second one has the versions of a table. */
  | { readonly kind: 'temporal'; readonly joinType: 'inner' | 'left'; readonly inputs: readonly [Ref, Ref] }
  | { readonly kind: 'table'; readonly making: TableMaking; readonly input: Ref }
  | { readonly kind: 'tableStep'; readonly step: TableStep; readonly input: Ref }
  | { readonly kind: 'joinTables'; readonly join: TableJoin; readonly inputs: readonly [Ref, Ref] }
  | { readonly kind: 'uniteTables'; readonly inputs: readonly [Ref, Ref] }
  /** The second one is broadcast. */
  | { readonly kind: 'broadcast'; readonly how: 'plain' | 'keyed'; readonly inputs: readonly [Ref, Ref] }
  | {
      readonly kind: 'sink';
      readonly input: Ref;
      readonly form: 'ledger' | 'jsonLines' | 'smallFiles';
      readonly isTimed: boolean;
    }
);

/** Nodes whose output is a table: the changes of its rows. */
const TABLES: ReadonlySet<NodeSpec['kind']> = new Set(['table', 'tableStep', 'joinTables', 'uniteTables']);

/** True when `ref` is a table; where a step is missing, in a job that was cut down, it may be a stream in place of one. */
export function isTable({ nodes }: JobSpec, ref: Ref): boolean {
  return nodes.some(({ id, kind }) => id === ref.node && TABLES.has(kind));
}

export interface JobSpec {
  readonly nodes: readonly NodeSpec[];
}

/** First event time. */
const START_MS = 1_700_000_000_000;
/** Behind all windows that have records: then the last record of a split that never ends lets them fire. */
const FLUSH_MS = 100_000;

/** A number that looks random and hangs on its arguments alone. */
export function scramble(...numbers: readonly number[]): number {
  let z = 0x2545f491;
  for (const number of numbers) {
    z = Math.imul(z ^ number, 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    z ^= z >>> 15;
  }
  return z >>> 0;
}

/** The records of one split. The last one of a split that never ends moves event time past all others. */
export function recordsOfSplit(id: number, spec: SourceSpec, split: number): readonly Rec[] {
  const seqs = new Map<string, number>();
  const records: Rec[] = [];
  const add = (key: string, n: number, ts: number): void => {
    const seq = seqs.get(key) ?? 0;
    seqs.set(key, seq + 1);
    records.push({ key, n, origin: `${id}.${split}/${key}`, seq, ts });
  };
  for (let index = 0; index < spec.recordsPerSplit; index++) {
    const random = scramble(id, split, index);
    const ts =
      START_MS + index * spec.stepMs + (spec.disorderMs === 0 ? 0 : (random >>> 4) % spec.disorderMs);
    add(`k${random % spec.keyCount}`, (random >>> 8) % 10, ts);
  }
  if (!spec.isBounded) add('flush', 0, START_MS + spec.recordsPerSplit * spec.stepMs + FLUSH_MS);
  return records;
}

/** Event time that a source reaches when all has been read. */
export function finalWatermark(spec: SourceSpec): number {
  if (spec.isBounded) return Infinity;
  return START_MS + spec.recordsPerSplit * spec.stepMs + FLUSH_MS - spec.disorderMs - 1;
}

// What the steps do with one record; the engine's job and the interpreter share it.

export function mapped(record: Rec, add: number): Rec {
  return { ...record, n: record.n * 3 + add };
}

export function isKept(record: Rec, modulus: number): boolean {
  return (record.n + record.seq) % modulus !== 0;
}

export function copiesOf(record: Rec, copies: number): readonly Rec[] {
  const results: Rec[] = [];
  for (let index = 0; index < (record.n + record.seq) % (copies + 1); index++)
    results.push({ ...record, n: record.n + index, origin: `${record.origin}#${index}` });
  return results;
}

export function rekeyed(record: Rec, keyCount: number): Rec {
  return { ...record, key: `r${textHash(record.key) % keyCount}` };
}

export function tagged(record: Rec, id: number, input: number): Rec {
  return { ...record, origin: `${id}:${input}|${record.origin}` };
}

/** What a connected map makes of the records of its first or second input. */
export function ofInput(record: Rec, id: number, input: number): Rec {
  return mapped(tagged(record, id, input), input + 1);
}

export function textHash(text: string): number {
  let hash = 7;
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash, 31) + text.charCodeAt(index);
  return hash >>> 0;
}

/** Rows of a static table. */
export function tableOf(
  id: number,
  tableKeys: number,
): readonly { readonly key: string; readonly add: number }[] {
  return Array.from({ length: tableKeys }, (_, index) => ({
    key: index % 2 === 0 ? `k${index}` : `r${index}`,
    add: scramble(id, index) % 100,
  }));
}

/** A line of output. */
export interface Line {
  /** Of a table: what happened to the row. */
  readonly c?: string;
  readonly k: string;
  readonly n: number;
  readonly o: string;
  readonly s: number;
  readonly t: number;
}

export function toLine({ key, n, origin, seq, ts }: Rec, isTimed: boolean): Line {
  return { k: key, n, o: origin, s: seq, t: isTimed ? ts : 0 };
}

/** What windows make of their records: hangs on the multiset alone. */
export function windowNumber(of: {
  readonly count: number;
  readonly sum: number;
  readonly min: number;
  readonly max: number;
}): number {
  return of.sum * 31 + of.count * 7 + of.min * 3 + of.max;
}
