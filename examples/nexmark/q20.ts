// Bids with all about their auction, in one category.
import { defineJob } from '@millrace/api';
import { nexmark } from './nexmark.ts';

const auctionId = ({ id }: { readonly id: number }) => id;

export default defineJob('nexmark-q20', (env) => {
  const { auctions, bids, emit } = nexmark(env);
  emit(
    bids()
      .toTable()
      .join(auctions().toTable(), {
        leftKey: ({ auction }) => auction,
        rightKey: auctionId,
        rightUniqueKey: auctionId,
        where: (_, { category }) => category === 10,
        select: (bid, auction) => ({
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
        }),
      })
      .toAppendStream(),
  );
});
