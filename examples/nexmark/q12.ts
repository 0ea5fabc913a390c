// Bids of each bidder in ten seconds of processing time.
import { count, defineJob, tumbling } from '@millrace/api';
import { nexmark } from './nexmark.ts';

export default defineJob('nexmark-q12', (env) => {
  const { bids, emit } = nexmark(env);
  emit(
    bids()
      .keyBy((bid) => bid.bidder)
      .window(tumbling('10 seconds', { time: 'processing' }))
      .aggregate({ bids: count() })
      .map(({ key, bids: of, windowStart, windowEnd }) => ({
        bidder: key,
        bids: of,
        window_start: windowStart,
        window_end: windowEnd,
      })),
    { times: 'clock' },
  );
});
