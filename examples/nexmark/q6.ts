// Average selling price of each seller's last ten auctions, in the order in which they close.
import { defineJob, listState } from '@millrace/api';
import { nexmark } from './nexmark.ts';
import { winningBids } from './winning-bids.ts';

const LAST = 10;

export default defineJob('nexmark-q6', (env) => {
  const { auctions, bids, emit } = nexmark(env);
  const winning = winningBids(
    auctions().map(({ id, seller, dateTime, expires }) => ({ id, seller, dateTime, expires })),
    bids().map(({ auction, price, dateTime }) => ({ auction, price, dateTime })),
  );

  emit(
    winning
      .keyBy(({ auction }) => auction.seller)
      .process({
        /** The last ten: who has been pushed out by later ones does not come back. */
        state: { last: listState<{ id: number; expires: number; price: number }>() },
        onRecord({ auction: { id, expires }, bid: { price } }, { key, state }) {
          const others = [...state.last.get()].filter((each) => each.id !== id);
          const last = [...others, { id, expires, price }]
            .sort((a, b) => a.expires - b.expires || a.id - b.id)
            .slice(-LAST);
          state.last.update(last);
          return [
            { seller: key, price: Math.floor(last.reduce((sum, each) => sum + each.price, 0) / last.length) },
          ];
        },
      }),
  );
});
