// Bids, bidders and auctions of each channel and day, by price, and the last minute with a bid.
import { defineJob } from '@millrace/api';
import { dayOf, minuteOf, nexmark } from './nexmark.ts';
import { countByRank } from './price-ranks.ts';

export default defineJob('nexmark-q16', (env) => {
  const { bids, emit } = nexmark(env);
  emit(
    countByRank(bids().keyBy((bid) => [bid.channel, dayOf(bid.dateTime)])).map(({ key, counts, lastMs }) => ({
      channel: key[0],
      day: key[1],
      minute: minuteOf(lastMs),
      ...counts,
    })),
  );
});
