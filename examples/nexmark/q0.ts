// All bids as they are.
import { defineJob } from '@millrace/api';
import { nexmark } from './nexmark.ts';

export default defineJob('nexmark-q0', (env) => {
  const { bids, emit } = nexmark(env);
  emit(
    bids().map(({ auction, bidder, price, dateTime, extra }) => ({
      auction,
      bidder,
      price,
      dateTime,
      extra,
    })),
  );
});
