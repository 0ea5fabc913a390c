// Bids on each auction and day, by price, and their prices.
import { count, defineJob, max, min, sum } from '@millrace/api';
import { dayOf, nexmark } from './nexmark.ts';
import { rankOf } from './price-ranks.ts';

export default defineJob('nexmark-q17', (env) => {
  const { bids, emit } = nexmark(env);
  emit(
    bids()
      .keyBy((bid) => [bid.auction, dayOf(bid.dateTime)])
      .aggregate({
        bids: count(),
        low_bids: count((bid) => rankOf(bid.price) === 0),
        middle_bids: count((bid) => rankOf(bid.price) === 1),
        high_bids: count((bid) => rankOf(bid.price) === 2),
        min_price: min((bid) => bid.price),
        max_price: max((bid) => bid.price),
        sum_price: sum((bid) => bid.price),
      })
      .map(({ key, ...of }) => ({
        auction: key[0],
        day: key[1],
        ...of,
        avg_price: Math.floor(of.sum_price / of.bids),
      })),
  );
});
