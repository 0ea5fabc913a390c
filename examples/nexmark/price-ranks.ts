// Bids, bidders and auctions by price: what q15 and q16 count.
import { mapState, valueState, type DataStream, type KeyedStream } from '@millrace/api';
import type { Bid } from '@millrace/connector-nexmark';

const LOW = 10_000;
const HIGH = 1_000_000;

/** Which of the three ranks a price is of. */
export function rankOf(price: number): 0 | 1 | 2 {
  return price < LOW ? 0 : price < HIGH ? 1 : 2;
}

/** Numbers of all, and of the low, middle and high ones. */
type Counts = readonly [all: number, low: number, middle: number, high: number];
const NONE: Counts = [0, 0, 0, 0];

function oneMore(counts: Counts, isIn: (place: number) => boolean): Counts {
  return counts.map((count, place) => (isIn(place) ? count + 1 : count)) as unknown as Counts;
}

/** Counts of one key. */
export interface RankedCounts {
  readonly bids: number;
  readonly low_bids: number;
  readonly middle_bids: number;
  readonly high_bids: number;
  readonly bidders: number;
  readonly low_bidders: number;
  readonly middle_bidders: number;
  readonly high_bidders: number;
  readonly auctions: number;
  readonly low_auctions: number;
  readonly middle_auctions: number;
  readonly high_auctions: number;
}

/** Bit 0: seen at all; bits 1 to 3: with a price of that rank. One entry serves four distinct counts. */
function withSeen(
  counts: Counts,
  seen: number,
  rank: number,
): { readonly counts: Counts; readonly seen: number } {
  const now = seen | 1 | (2 << rank);
  const added = now & ~seen;
  return {
    counts: added === 0 ? counts : oneMore(counts, (place) => (added & (1 << place)) !== 0),
    seen: now,
  };
}

/** Counts of a key, and when its latest bid came. */
export interface KeyCounts<K> {
  readonly key: K;
  readonly counts: RankedCounts;
  readonly lastMs: number;
}

/** Emits the key with its counts for each bid. */
export function countByRank<K>(bids: KeyedStream<K, Bid>): DataStream<KeyCounts<K>> {
  return bids.process({
    state: {
      counts: valueState({ initial: { bids: NONE, bidders: NONE, auctions: NONE, lastMs: 0 } }),
      bidders: mapState<number, number>(),
      auctions: mapState<number, number>(),
    },
    onRecord({ bidder, auction, price, dateTime }, { key, state }) {
      const rank = rankOf(price);
      const before = state.counts.value();
      const seenBidder = state.bidders.get(bidder) ?? 0;
      const seenAuction = state.auctions.get(auction) ?? 0;
      const ofBidder = withSeen(before.bidders as Counts, seenBidder, rank);
      const ofAuction = withSeen(before.auctions as Counts, seenAuction, rank);
      if (ofBidder.seen !== seenBidder) state.bidders.put(bidder, ofBidder.seen);
      if (ofAuction.seen !== seenAuction) state.auctions.put(auction, ofAuction.seen);
      const bidCounts = oneMore(before.bids as Counts, (place) => place === 0 || place === rank + 1);
      const lastMs = Math.max(before.lastMs, dateTime);
      state.counts.update({ bids: bidCounts, bidders: ofBidder.counts, auctions: ofAuction.counts, lastMs });
      return [{ key: key as K, counts: named(bidCounts, ofBidder.counts, ofAuction.counts), lastMs }];
    },
  }) as DataStream<KeyCounts<K>>;
}

function named(bids: Counts, bidders: Counts, auctions: Counts): RankedCounts {
  return {
    bids: bids[0],
    low_bids: bids[1],
    middle_bids: bids[2],
    high_bids: bids[3],
    bidders: bidders[0],
    low_bidders: bidders[1],
    middle_bidders: bidders[2],
    high_bidders: bidders[3],
    auctions: auctions[0],
    low_auctions: auctions[1],
    middle_auctions: auctions[2],
    high_auctions: auctions[3],
  };
}
