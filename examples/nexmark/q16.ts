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
      .map(({ row: { key, lastMs, ...counts } }) => ({
        channel: key[0],
        day: key[1],
        minute: minuteOf(lastMs),
        ...counts,
      })),
  );
});
