// The winning bid of each auction: the highest, of equal ones the first.
import { defineJob } from '@millrace/api';
import { nexmark } from './nexmark.ts';
import { winningBids } from './winning-bids.ts';

export default defineJob('nexmark-q9', (env) => {
  const { auctions, bids, emit } = nexmark(env);
  const offers = bids().map(({ auction, bidder, price, dateTime, extra }) => ({
    auction,
    bidder,
    price,
    dateTime,
    extra,
  }));
  emit(
    winningBids(auctions(), offers).map(({ auction, bid }) => ({
      id: auction.id,
      itemName: auction.itemName,
      description: auction.description,
      initialBid: auction.initialBid,
      reserve: auction.reserve,
      dateTime: auction.dateTime,
      expires: auction.expires,
      seller: auction.seller,
      category: auction.category,
      extra: auction.extra,
      auction: bid.auction,
      bidder: bid.bidder,
      price: bid.price,
      bidTime: bid.dateTime,
      bidExtra: bid.extra,
    })),
  );
});
