// Queries whose rows are whole bids and auctions, without an engine.
import type { Auction, Bid, NexmarkEvent } from '@millrace/connector-nexmark';
import type { Row } from './results.ts';

const AUCTION = 1;
const BID = 2;
/** Bids of an auction that q19 keeps. */
const FIRST = 10;

function bidsOf(events: readonly NexmarkEvent[]): readonly Bid[] {
  return events.flatMap((event) => (event.event_type === BID ? [event.bid] : []));
}

function auctionsOf(events: readonly NexmarkEvent[]): readonly Auction[] {
  return events.flatMap((event) => (event.event_type === AUCTION ? [event.auction] : []));
}

/** Dearest first, of equal ones the earliest. */
function byPrice(a: Bid, b: Bid): number {
  return b.price - a.price || a.dateTime - b.dateTime;
}

/** Each auction with its highest bid. */
export function q9ByLoops(events: readonly NexmarkEvent[]): readonly Row[] {
  const bids = bidsOf(events);
  return auctionsOf(events).flatMap((auction) => {
    const [best] = bids
      .filter(
        ({ auction: id, dateTime }) =>
          id === auction.id && dateTime >= auction.dateTime && dateTime <= auction.expires,
      )
      .sort(byPrice);
    if (best === undefined) return [];
    const { auction: id, bidder, price, dateTime: bidTime, extra: bidExtra } = best;
    return [{ ...auction, auction: id, bidder, price, bidTime, bidExtra }];
  });
}

/** The last bid of each bidder on each auction. */
export function q18ByLoops(events: readonly NexmarkEvent[]): readonly Row[] {
  const last = new Map<string, Bid>();
  for (const bid of bidsOf(events).toSorted((a, b) => a.dateTime - b.dateTime))
    last.set(`${bid.bidder} ${bid.auction}`, bid);
  return [...last.values()].map((bid) => ({ ...bid }));
}

/** The ten highest bids on each auction, with their places. */
export function q19ByLoops(events: readonly NexmarkEvent[]): readonly Row[] {
  const bids = bidsOf(events);
  return [...new Set(bids.map(({ auction }) => auction))].flatMap((id) =>
    bids
      .filter(({ auction }) => auction === id)
      .sort(byPrice)
      .slice(0, FIRST)
      .map((bid, index) => ({ ...bid, place: index + 1 })),
  );
}

/** Auctions with bids of which several have one price, or one time: which of them comes first is open. */
export function tiedAuctions(events: readonly NexmarkEvent[]): ReadonlySet<unknown> {
  const seen = new Set<string>();
  const tied = new Set<unknown>();
  for (const { auction, price, dateTime } of bidsOf(events)) {
    for (const name of [`${auction} price ${price}`, `${auction} time ${dateTime}`]) {
      if (seen.has(name)) tied.add(auction);
      seen.add(name);
    }
  }
  return tied;
}
