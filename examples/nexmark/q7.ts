// The highest bids of each ten seconds.
import { defineJob, topN, tumbling } from '@millrace/api';
import { nexmark } from './nexmark.ts';

export default defineJob('nexmark-q7', (env) => {
  const { bids, emit } = nexmark(env);
  emit(
    bids()
      .windowAll(tumbling('10 seconds'))
      .aggregate({
        highest: topN(1, {
          by: (bid) => bid.price,
          withTies: true,
          select: ({ auction, bidder, price, dateTime, extra }) => ({
            auction,
            bidder,
            price,
            dateTime,
            extra,
          }),
        }),
      })
      .flatMap((window) => window.highest),
  );
});
