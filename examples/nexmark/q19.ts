// The ten highest bids on each auction.
import { defineJob, desc } from '@millrace/api';
import { nexmark } from './nexmark.ts';

export default defineJob('nexmark-q19', (env) => {
  const { bids, emit } = nexmark(env);
  emit(
    bids()
      .keyBy((bid) => bid.auction)
      .topN(10, { orderBy: desc((bid) => bid.price), rank: 'place', generateUpdateBefore: false })
      // Ranks are filled, and given to others: the last row of a place is the one that is there.
      .toStream()
      .map(({ row }) => row),
  );
});
