// A source of records computed from their index.
import { sourceBrand } from '../brand.ts';
import type { Source, Split, SplitReader } from '../connector/source.ts';
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

/**
 * Returns a source of `record(0)`, `record(1)`, …
 * Contract: `record` gives the same for the same index each time; a recovery calls it again.
 * With a `count` of n and p splits, split s has the indexes from ⌊s·n/p⌋ to ⌊(s+1)·n/p⌋ − 1. Without, it has s, s + p, …
 */
export function generate<T>(options: GenerateOptions, record: (index: number) => T): Source<T> {
  refuseUnknownOptions('generate()', options, ['name', 'count', 'ratePerSecond', 'splits', 'isOrdered']);
  recordFunction('the function of generate()', record);
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
        ? rangeReader(split, startOf(split, position), record)
        : stridedReader(split, startOf(split, position), record),
  } satisfies Source<T>);
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

function rangeReader<T>(split: Split, start: number, recordAt: (index: number) => T): SplitReader<T> {
  const from = Number(split['from']);
  const to = Number(split['to']);
  let next = start;
  return {
    read(recordsMax) {
      if (next >= to) return undefined;
      const begin = next;
      next = Math.min(to, next + recordsMax);
      const weightRead = next - from;
      return { kind: 'indexed', from: begin, to: next, recordAt, positionOf, position: next, weightRead };
    },
  };
}

/** Positions count the records of the split; the record's index is position · stride + offset. */
function stridedReader<T>(split: Split, start: number, record: (index: number) => T): SplitReader<T> {
  const offset = Number(split['offset']);
  const stride = Number(split['stride']);
  const recordAt = (step: number): T => record(step * stride + offset);
  const positionOf = (step: number): string => `index ${step * stride + offset}`;
  let next = start;
  return {
    read(recordsMax) {
      const begin = next;
      next += recordsMax;
      return { kind: 'indexed', from: begin, to: next, recordAt, positionOf, position: next };
    },
  };
}
