// The winning bid of each auction: the highest, of equal ones the first.
import { defineJob } from '@millrace/api';
import { nexmark } from './nexmark.ts';
import { winningBids } from './winning-bids.ts';

export default defineJob('nexmark-q9', (env) => {
  const { auctions, bids, emit } = nexmark(env);
  emit(
    winningBids(auctions(), bids(), {
      pickAuction: (auction) => auction,
      pickBid: ({ auction, bidder, price, dateTime, extra }) => ({ auction, bidder, price, dateTime, extra }),
    }).map(({ auction, bid }) => ({
      ...auction,
      auction: bid.auction,
      bidder: bid.bidder,
      price: bid.price,
      bidTime: bid.dateTime,
      bidExtra: bid.extra,
    })),
  );
});
