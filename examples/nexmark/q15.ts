// Bids, bidders and auctions of each day, by price.
import { defineJob } from '@millrace/api';
import { dayOf, nexmark } from './nexmark.ts';
import { countsByRank, newestResults } from './price-ranks.ts';

export default defineJob('nexmark-q15', (env) => {
  const { bids, emit } = nexmark(env);
  emit(
    bids()
      .keyBy((bid) => dayOf(bid.dateTime))
      .aggregate(countsByRank, newestResults)
      .toStream()
      .map(({ row: { key: day, ...counts } }) => ({ day, ...counts })),
  );
});
