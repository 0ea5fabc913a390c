// Prices in another currency.
import { defineJob } from '@millrace/api';
import { nexmark } from './nexmark.ts';

export default defineJob('nexmark-q1', (env) => {
  const { bids, emit } = nexmark(env);
  emit(
    bids().map(({ auction, bidder, price, dateTime, extra }) => ({
      auction,
      bidder,
      // Exact, as decimals are.
      price: (908 * price) / 1_000,
      dateTime,
      extra,
    })),
  );
});
