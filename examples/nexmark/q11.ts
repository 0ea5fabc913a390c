// Bids of each bidder in a session: until ten seconds without a bid.
import { count, defineJob, session } from '@millrace/api';
import { nexmark } from './nexmark.ts';

export default defineJob('nexmark-q11', (env) => {
  const { bids, emit } = nexmark(env);
  emit(
    bids()
      .keyBy((bid) => bid.bidder)
      .window(session('10 seconds'))
      .aggregate({ bids: count() })
      .map(({ key, bids: of, windowStart, windowEnd }) => ({
        bidder: key,
        bids: of,
        window_start: windowStart,
        window_end: windowEnd,
      })),
  );
});
