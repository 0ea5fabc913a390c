// Bids on each auction and day, by price, and their prices.
import { avg, count, defineJob, max, min, sum } from '@millrace/api';
import { dayOf, nexmark } from './nexmark.ts';
import { isHigh, isLow, isMiddle, newestResults } from './price-ranks.ts';

export default defineJob('nexmark-q17', (env) => {
  const { bids, emit } = nexmark(env);
  emit(
    bids()
      .keyBy((bid) => [bid.auction, dayOf(bid.dateTime)] as const)
      .aggregate(
        {
          bids: count(),
          low_bids: count(isLow),
          middle_bids: count(isMiddle),
          high_bids: count(isHigh),
          min_price: min((bid) => bid.price),
          max_price: max((bid) => bid.price),
          sum_price: sum((bid) => bid.price),
          avg_price: avg((bid) => bid.price),
        },
        newestResults,
      )
      .toStream()
      .map(({ row: { key, ...of } }) => ({
        auction: key[0],
        day: key[1],
        ...of,
        avg_price: Math.floor(of.avg_price),
      })),
  );
});
