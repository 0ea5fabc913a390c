// A source of records computed from their index.
import { sourceBrand } from '../brand.ts';
import type { ComputedColumn, Source, SourceBatch, Split, SplitReader } from '../connector/source.ts';
import { recordFunction } from '../function/check-function.ts';
import { integerOption, positiveOption, refuseUnknownOptions } from '../options/check-options.ts';
import { indexSplits, startOf } from './index-splits.ts';

/** Options of {@link generate}. */
export interface GenerateOptions {
  readonly name?: string;
  /** Records in all. Unset: no end. */
  readonly count?: number;
  /** Records per second of all subtasks together. Unset: as fast as it goes. */
  readonly ratePerSecond?: number;
  /** Parts that are made in parallel. Default: the source's parallelism. */
  readonly splits?: number;
  /** True when event time does not decrease from one split to the next. Default false. */
  readonly isOrdered?: boolean;
}

/** A function for each field, of the record's index. */
export type FieldFunctions<T> = { readonly [K in keyof T]: (index: number) => T[K] };

/**
 * Returns a source of `record(0)`, `record(1)`, …, or of records whose fields are computed each by itself: then what the job
 * does not read is never computed.
 * Contract: the functions give the same for the same index each time; a recovery calls them again.
 * With a `count` of n and p splits, split s has the indexes from ⌊s·n/p⌋ to ⌊(s+1)·n/p⌋ − 1. Without, it has s, s + p, …
 * @example env.source(generate({ count: 1_000_000 }, { id: (index) => index, word: (index) => `word-${index % 100}` }))
 */
export function generate<T>(options: GenerateOptions, record: (index: number) => T): Source<T>;
export function generate<T extends object>(options: GenerateOptions, fields: FieldFunctions<T>): Source<T>;
export function generate<T>(
  options: GenerateOptions,
  made: ((index: number) => T) | FieldFunctions<T>,
): Source<T> {
  refuseUnknownOptions('generate()', options, ['name', 'count', 'ratePerSecond', 'splits', 'isOrdered']);
  const makeBatch = batchMaker(made);
  const { count, splits, ratePerSecond } = options;
  if (count !== undefined) integerOption('`count` of generate()', count, { min: 0 });
  if (splits !== undefined) integerOption('`splits` of generate()', splits, { min: 1 });
  if (ratePerSecond !== undefined) positiveOption('`ratePerSecond` of generate()', ratePerSecond);
  return Object.freeze({
    [sourceBrand]: 1,
    name: options.name ?? 'generate',
    boundedness: count === undefined ? 'unbounded' : 'bounded',
    isOrdered: options.isOrdered ?? false,
    isWellFormed: true,
    ...(ratePerSecond === undefined ? {} : { ratePerSecond }),
    describe: () => ({ count: count ?? null, splits: splits ?? null }),
    enumerate: ({ parallelism }) =>
      count === undefined ? stridedSplits(splits ?? parallelism) : indexSplits(count, splits ?? parallelism),
    openSplit: (split, position) =>
      split['stride'] === undefined
        ? rangeReader(split, startOf(split, position), makeBatch)
        : stridedReader(split, startOf(split, position), makeBatch),
  } satisfies Source<T>);
}

/** Where a batch is in its split. */
interface BatchSpan {
  readonly from: number;
  readonly to: number;
  readonly weightRead: number | undefined;
  readonly positionOf: (index: number) => string;
}

/** Returns what makes a reader's batches from how it counts. */
type BatchMaker<T> = (indexOf: ((step: number) => number) | undefined) => (span: BatchSpan) => SourceBatch<T>;

function batchMaker<T>(made: ((index: number) => T) | FieldFunctions<T>): BatchMaker<T> {
  const counted =
    <V>(at: (index: number) => V, indexOf: (step: number) => number) =>
    (step: number): V =>
      at(indexOf(step));
  if (typeof made !== 'object' || made === null) {
    recordFunction('the function of generate()', made);
    return (indexOf) => {
      const recordAt = indexOf === undefined ? made : counted(made, indexOf);
      return (span) => {
        const { from, to, weightRead, positionOf } = span;
        return { kind: 'indexed', recordAt, from, to, positionOf, position: to, weightRead };
      };
    };
  }
  const fields = Object.entries<(index: number) => unknown>(made);
  for (const [name, field] of fields) recordFunction(`the function of field "${name}" of generate()`, field);
  return (indexOf) => {
    const columns: readonly ComputedColumn[] = fields.map(([name, field]) => ({
      name,
      valueAt: indexOf === undefined ? field : counted(field, indexOf),
    }));
    return (span) => {
      const { from, to, weightRead, positionOf } = span;
      return { kind: 'computed', columns, from, to, positionOf, position: to, weightRead };
    };
  };
}

function stridedSplits(splitCount: number): readonly Split[] {
  return Array.from({ length: splitCount }, (_, offset) => ({
    id: `${offset}/${splitCount}`,
    from: 0,
    offset,
    stride: splitCount,
  }));
}

/** Position of a record, for people. */
function positionOf(index: number): string {
  return `index ${index}`;
}

function rangeReader<T>(split: Split, start: number, makeBatch: BatchMaker<T>): SplitReader<T> {
  const from = Number(split['from']);
  const to = Number(split['to']);
  const batchOf = makeBatch(undefined);
  let next = start;
  return {
    read(recordsMax) {
      if (next >= to) return undefined;
      const begin = next;
      next = Math.min(to, next + recordsMax);
      return batchOf({ from: begin, to: next, weightRead: next - from, positionOf });
    },
  };
}

/** Positions count the records of the split; the record's index is position · stride + offset. */
function stridedReader<T>(split: Split, start: number, makeBatch: BatchMaker<T>): SplitReader<T> {
  const offset = Number(split['offset']);
  const stride = Number(split['stride']);
  const batchOf = makeBatch((step) => step * stride + offset);
  const positionOf = (step: number): string => `index ${step * stride + offset}`;
  let next = start;
  return {
    read(recordsMax) {
      const begin = next;
      next += recordsMax;
      return batchOf({ from: begin, to: next, weightRead: undefined, positionOf });
    },
  };
}
