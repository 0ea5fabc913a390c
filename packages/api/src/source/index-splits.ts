// Splits that are ranges of indexes.
import type { Json } from '@millrace/proto';
import type { Split } from '../connector/source.ts';

/** Returns `splitCount` contiguous ranges [from, to) that cover [0, count), without empty ones: split s begins at ⌊s·count/splitCount⌋. */
export function indexSplits(count: number, splitCount: number): readonly Split[] {
  const splits: Split[] = [];
  for (let index = 0; index < splitCount; index++) {
    const from = Math.floor((index * count) / splitCount);
    const to = Math.floor(((index + 1) * count) / splitCount);
    if (to > from) splits.push({ id: `${from}-${to}`, weight: to - from, from, to });
  }
  return splits;
}

/** Index at which reading goes on: behind the position, or at the split's start. */
export function startOf(split: Split, position: Json | undefined): number {
  return typeof position === 'number' ? position : Number(split['from']);
}
