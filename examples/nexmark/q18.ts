// The last bid of each bidder on each auction.
import { defineJob } from '@millrace/api';
import { nexmark } from './nexmark.ts';

export default defineJob('nexmark-q18', (env) => {
  const { bids, emit } = nexmark(env);
  emit(
    bids()
      .keyBy((bid) => [bid.bidder, bid.auction])
      .deduplicate({ keep: 'last', time: 'event', generateUpdateBefore: false })
      .toStream()
      .map(({ row }) => row),
  );
});
