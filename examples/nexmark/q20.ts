// Bids with all about their auction, in one category.
import { defineJob, listState, valueState } from '@millrace/api';
import type { Auction, Bid } from '@millrace/connector-nexmark';
import { nexmark } from './nexmark.ts';

const CATEGORY = 10;

export default defineJob('nexmark-q20', (env) => {
  const { auctions, bids, emit } = nexmark(env);
  // An auction is there once: a bid on another category need not wait for one.
  const known = auctions().map((auction) =>
    auction.category === CATEGORY ? { id: auction.id, wanted: auction } : { id: auction.id },
  );

  emit(
    known
      .keyBy(({ id }) => id)
      .connect(bids().keyBy((bid) => bid.auction))
      .process({
        state: { auction: valueState<Auction | 'other'>(), early: listState<Bid>() },
        onFirst({ wanted }, { state }) {
          state.auction.update(wanted ?? 'other');
          const rows = wanted === undefined ? [] : [...state.early.get()].map((bid) => rowOf(bid, wanted));
          state.early.clear();
          return rows;
        },
        onSecond(bid, { state }) {
          const auction = state.auction.value();
          if (auction === 'other') return [];
          if (auction !== undefined) return [rowOf(bid, auction)];
          state.early.add(bid);
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
