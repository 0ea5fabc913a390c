// Bids, bidders and auctions of each channel and day, by price, and the last minute with a bid.
import { defineJob, max } from '@millrace/api';
import type { Bid } from '@millrace/connector-nexmark';
import { dayOf, minuteOf, nexmark } from './nexmark.ts';
import { countsByRank, newestResults } from './price-ranks.ts';

export default defineJob('nexmark-q16', (env) => {
  const { bids, emit } = nexmark(env);
  emit(
    bids()
      .keyBy((bid) => [bid.channel, dayOf(bid.dateTime)] as const)
      .aggregate({ ...countsByRank, lastMs: max((bid: Bid) => bid.dateTime) }, newestResults)
      .toStream()
      .map(({ row }) => ({
        channel: row.key[0],
        day: row.key[1],
        minute: minuteOf(row.lastMs),
        bids: row.bids,
        low_bids: row.low_bids,
        middle_bids: row.middle_bids,
        high_bids: row.high_bids,
        bidders: row.bidders,
        low_bidders: row.low_bidders,
        middle_bidders: row.middle_bidders,
        high_bidders: row.high_bidders,
        auctions: row.auctions,
        low_auctions: row.low_auctions,
        middle_auctions: row.middle_auctions,
        high_auctions: row.high_auctions,
      })),
  );
});
