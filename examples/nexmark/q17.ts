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
      .map(({ row }) => ({
        auction: row.key[0],
        day: row.key[1],
        bids: row.bids,
        low_bids: row.low_bids,
        middle_bids: row.middle_bids,
        high_bids: row.high_bids,
        min_price: row.min_price,
        max_price: row.max_price,
        sum_price: row.sum_price,
        avg_price: Math.floor(row.avg_price),
      })),
  );
});
