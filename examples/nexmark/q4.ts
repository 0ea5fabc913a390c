// Average winning price of a category.
import { defineJob, mapState, valueState } from '@millrace/api';
import { nexmark } from './nexmark.ts';
import { winningBids } from './winning-bids.ts';

export default defineJob('nexmark-q4', (env) => {
  const { auctions, bids, emit } = nexmark(env);
  const winning = winningBids(auctions(), bids(), {
    pickAuction: ({ id, category }) => ({ id, category }),
    pickBid: ({ price, dateTime }) => ({ price, dateTime }),
  });

  // A bid that takes the lead replaces the one before in its category's average.
  emit(
    winning
      .keyBy(({ auction }) => auction.category)
      .process({
        state: { winners: mapState<number, number>(), total: valueState({ initial: { sum: 0, count: 0 } }) },
        onRecord({ auction, bid }, { key, state }) {
          const before = state.winners.get(auction.id);
          state.winners.put(auction.id, bid.price);
          const { sum, count } = state.total.value();
          const total = {
            sum: sum + bid.price - (before ?? 0),
            count: before === undefined ? count + 1 : count,
          };
          state.total.update(total);
          return [{ category: key, price: Math.floor(total.sum / total.count) }];
        },
      }),
  );
});
