// Bids with all about their auction, in one category.
import { defineJob, listState, valueState } from '@millrace/api';
import type { Auction, Bid } from '@millrace/connector-nexmark';
import { nexmark } from './nexmark.ts';

export default defineJob('nexmark-q20', (env) => {
  const { auctions, bids, emit } = nexmark(env);
  const wanted = auctions().filter((auction) => auction.category === 10);

  emit(
    wanted
      .keyBy((auction) => auction.id)
      .connect(bids().keyBy((bid) => bid.auction))
      .process({
        state: { auction: valueState<Auction>(), bids: listState<Bid>() },
        onFirst(auction, { state }) {
          state.auction.update(auction);
          const rows = [...state.bids.get()].map((bid) => rowOf(bid, auction));
          state.bids.clear();
          return rows;
        },
        onSecond(bid, { state }) {
          const auction = state.auction.value();
          if (auction !== undefined) return [rowOf(bid, auction)];
          state.bids.add(bid);
          return [];
        },
      }),
  );
});

function rowOf(bid: Bid, auction: Auction) {
  return {
    auction: auction.id,
    bidder: bid.bidder,
    price: bid.price,
    channel: bid.channel,
    url: bid.url,
    bidTime: bid.dateTime,
    bidExtra: bid.extra,
    itemName: auction.itemName,
    description: auction.description,
    initialBid: auction.initialBid,
    reserve: auction.reserve,
    auctionTime: auction.dateTime,
    expires: auction.expires,
    seller: auction.seller,
    category: auction.category,
    auctionExtra: auction.extra,
  };
}
