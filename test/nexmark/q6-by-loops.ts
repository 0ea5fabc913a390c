// q6 without an engine: Flink's SQL cannot say it.
import type { NexmarkEvent } from '@millrace/connector-nexmark';
import type { Row } from './results.ts';

const AUCTION = 1;
const BID = 2;
/** Auctions of a seller that count. */
const LAST = 10;

/** The average winning price of the last ten sold auctions of each seller, by plain loops over all events. */
export function q6ByLoops(events: readonly NexmarkEvent[]): readonly Row[] {
  const bids = events.flatMap((event) => (event.event_type === BID ? [event.bid] : []));
  const sold = new Map<number, { id: number; expires: number; price: number }[]>();
  for (const event of events) {
    if (event.event_type !== AUCTION) continue;
    const { id, seller, dateTime, expires } = event.auction;
    const prices = bids
      .filter((bid) => bid.auction === id && bid.dateTime >= dateTime && bid.dateTime <= expires)
      .map((bid) => bid.price);
    if (prices.length === 0) continue;
    sold.set(seller, [...(sold.get(seller) ?? []), { id, expires, price: Math.max(...prices) }]);
  }
  return [...sold].map(([seller, auctions]) => {
    const last = auctions.toSorted((a, b) => a.expires - b.expires || a.id - b.id).slice(-LAST);
    return { seller, price: Math.floor(last.reduce((sum, each) => sum + each.price, 0) / last.length) };
  });
}
