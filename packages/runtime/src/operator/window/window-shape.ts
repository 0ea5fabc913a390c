// What is read from a window's spec in several places.
import type { WindowSpec } from '@millrace/api';
import type { ResultHead } from './per-window/accumulator-code.ts';

/** What stands in a window's results before its aggregates. */
export function headOf({ function: fn, isKeyed }: WindowSpec): ResultHead {
  if (fn.kind !== 'aggregate' || fn.apply !== undefined) return 'none';
  return isKeyed ? 'key and window' : 'window';
}

/** What a session's gap function gave, checked. */
export function gapOf(gapMs: unknown): number {
  if (typeof gapMs === 'number' && gapMs >= 0 && gapMs < Infinity) return gapMs;
  throw new TypeError(
    `the gap of session() is a number of milliseconds, 0 or more, but was ${String(gapMs)}`,
  );
}
