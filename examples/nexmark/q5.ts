// The auctions with most bids in the last ten seconds, every two seconds.
import { count, defineJob, sliding, tumbling } from '@millrace/api';
import { nexmark } from './nexmark.ts';

export default defineJob('nexmark-q5', (env) => {
  const { bids, emit } = nexmark(env);
  const hot = bids()
    .keyBy((bid) => bid.auction)
    .window(sliding('10 seconds', '2 seconds'))
    .aggregate({ bids: count() });

  // The counts of a window have its last millisecond as their time: those of one window are together in one of 2 seconds.
  emit(
    hot.windowAll(tumbling('2 seconds')).process((counts) => {
      const all = [...counts];
      const most = all.reduce((greatest, { bids: of }) => Math.max(greatest, of), 0);
      return all
        .filter((each) => each.bids === most)
        .map(({ windowStart, key, bids: of }) => ({ window_start: windowStart, auction: key, bids: of }));
    }),
  );
});
