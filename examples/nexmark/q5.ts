// The auctions with most bids in the last ten seconds, every two seconds.
import { count, defineJob, sliding, topN, tumbling } from '@millrace/api';
import { nexmark } from './nexmark.ts';

export default defineJob('nexmark-q5', (env) => {
  const { bids, emit } = nexmark(env);
  const counts = bids()
    .keyBy((bid) => bid.auction)
    .window(sliding('10 seconds', '2 seconds'))
    .aggregate({ bids: count() });

  // The counts of a window have its last millisecond as their time: those of one window are together in one of 2 seconds.
  emit(
    counts
      .windowAll(tumbling('2 seconds'))
      .aggregate({
        hot: topN(1, {
          by: ({ bids: of }) => of,
          withTies: true,
          select: ({ windowStart, key, bids: of }) => ({ window_start: windowStart, auction: key, bids: of }),
        }),
      })
      .flatMap((window) => window.hot),
  );
});
