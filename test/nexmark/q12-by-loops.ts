// What of q12 does not depend on the clock: all bids of each bidder.
import type { NexmarkEvent } from '@millrace/connector-nexmark';
import type { Row } from './results.ts';

const BID = 2;
const WINDOW_MS = 10_000;

/** Bids by bidder, by plain loops over all events. */
export function q12ByLoops(events: readonly NexmarkEvent[]): ReadonlyMap<number, number> {
  const totals = new Map<number, number>();
  for (const event of events) {
    if (event.event_type !== BID) continue;
    const { bidder } = event.bid;
    totals.set(bidder, (totals.get(bidder) ?? 0) + 1);
  }
  return totals;
}

/** The same of the rows of q12. @throws for a window that is none of ten seconds, or that a bidder has twice */
export function q12Totals(rows: readonly Row[]): ReadonlyMap<number, number> {
  const totals = new Map<number, number>();
  const windows = new Set<string>();
  for (const row of rows) {
    const { bidder, bids, window_start: start, window_end: end } = row as { readonly [name: string]: number };
    const window = `${bidder} ${start}`;
    if (bidder === undefined || bids === undefined || start === undefined || windows.has(window))
      throw new Error(`No row of q12, or one too many: ${JSON.stringify(row)}`);
    if (start % WINDOW_MS !== 0 || end !== start + WINDOW_MS)
      throw new Error(`No window of ten seconds: ${JSON.stringify(row)}`);
    windows.add(window);
    totals.set(bidder, (totals.get(bidder) ?? 0) + bids);
  }
  return totals;
}
