// A source of records at hand.
import { sourceBrand } from '../brand.ts';
import type { Source, Split, SplitReader } from '../connector/source.ts';
import { integerOption, invalidOption, refuseUnknownOptions } from '../options/check-options.ts';
import { indexSplits, startOf } from './index-splits.ts';

/** Options of {@link fromArray}. */
export interface FromArrayOptions {
  readonly name?: string;
  /** Parts that may be read in parallel. Default 1, which keeps the order. */
  readonly splits?: number;
}

/** Returns a bounded source of `records`, in their order. For tests, examples and small tables. */
export function fromArray<T>(records: readonly T[], options: FromArrayOptions = {}): Source<T> {
  if (!Array.isArray(records))
    throw invalidOption('Cannot make a source of this: fromArray() takes an array of records');
  refuseUnknownOptions('fromArray()', options, ['name', 'splits']);
  const splitCount = integerOption('`splits` of fromArray()', options.splits ?? 1, { min: 1 });
  return Object.freeze({
    [sourceBrand]: 1,
    name: options.name ?? 'fromArray',
    boundedness: 'bounded',
    isOrdered: false,
    isWellFormed: true,
    describe: () => ({ records: records.length }),
    enumerate: () => indexSplits(records.length, splitCount),
    openSplit: (split, position) => arrayReader(records, split, startOf(split, position)),
  } satisfies Source<T>);
}

function arrayReader<T>(records: readonly T[], split: Split, start: number): SplitReader<T> {
  const from = Number(split['from']);
  const to = Number(split['to']);
  let next = start;
  return {
    read(recordsMax) {
      if (next >= to) return undefined;
      const begin = next;
      next = Math.min(to, next + recordsMax);
      return {
        kind: 'records',
        records: records.slice(begin, next),
        position: next,
        weightRead: next - from,
        positionOf: (row) => `element ${begin + row} of the array`,
      };
    },
  };
}
