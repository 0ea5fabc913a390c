// Bids on certain auctions.
import { defineJob } from '@millrace/api';
import { nexmark } from './nexmark.ts';

export default defineJob('nexmark-q2', (env) => {
  const { bids, emit } = nexmark(env);
  emit(
    bids()
      .filter((bid) => bid.auction % 123 === 0)
      .map(({ auction, price }) => ({ auction, price })),
  );
});
