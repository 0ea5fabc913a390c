// Average winning price of a category.
import { defineJob, valueState } from '@millrace/api';
import { nexmark } from './nexmark.ts';
import { winningBids } from './winning-bids.ts';

export default defineJob('nexmark-q4', (env) => {
  const { auctions, bids, emit } = nexmark(env);
  const winning = winningBids(
    auctions().map(({ id, category, dateTime, expires }) => ({ id, category, dateTime, expires })),
    bids().map(({ auction, price, dateTime }) => ({ auction, price, dateTime })),
  );

  // A bid that takes the lead replaces the one before in its category's average.
  emit(
    winning
      .map(({ auction, bid, before }) => ({
        category: auction.category,
        more: bid.price - (before?.price ?? 0),
        isNew: before === undefined,
      }))
      .keyBy(({ category }) => category)
      .process({
        state: { sum: valueState({ initial: 0 }), count: valueState({ initial: 0 }) },
        onRecord({ more, isNew }, { key, state }) {
          const sum = state.sum.value() + more;
          const count = state.count.value() + (isNew ? 1 : 0);
          state.sum.update(sum);
          if (isNew) state.count.update(count);
          return [{ category: key, price: Math.floor(sum / count) }];
        },
      }),
  );
});
