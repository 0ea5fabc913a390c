// Bids, bidders and auctions of each day, by price.
import { defineJob } from '@millrace/api';
import { dayOf, nexmark } from './nexmark.ts';
import { countByRank } from './price-ranks.ts';

export default defineJob('nexmark-q15', (env) => {
  const { bids, emit } = nexmark(env);
  emit(
    countByRank(bids().keyBy((bid) => dayOf(bid.dateTime))).map(({ key, counts }) => ({
      day: key,
      ...counts,
    })),
  );
});
