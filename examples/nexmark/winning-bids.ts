// The bids that win an auction: while it is open, the highest, of equal ones the first. Shared by several queries.
import { listState, valueState, type DataStream, type DeepReadonly } from '@millrace/api';
import type { Auction, Bid } from '@millrace/connector-nexmark';

/** An auction and the bid that leads. */
export interface Winning<A, B> {
  readonly auction: A;
  readonly bid: B;
  /** The one that led until then. */
  readonly before: B | undefined;
}

/** What of an auction and of a bid decides. */
type Open = Pick<Auction, 'id' | 'dateTime' | 'expires'>;
type Offer = Pick<Bid, 'auction' | 'price' | 'dateTime'>;

/**
 * Emits an auction with its best bid each time that another one takes the lead. Records need to have no more fields than the
 * result shall have. Bids may come before their auction: they wait for it.
 */
export function winningBids<A extends Open, B extends Offer>(
  auctions: DataStream<A>,
  bids: DataStream<B>,
): DataStream<Winning<DeepReadonly<A>, DeepReadonly<B>>> {
  const isIn = ({ dateTime, expires }: Open, bid: Offer): boolean =>
    bid.dateTime >= dateTime && bid.dateTime <= expires;
  const isBetter = (bid: Offer, than: Offer | undefined): boolean =>
    than === undefined ||
    bid.price > than.price ||
    (bid.price === than.price && bid.dateTime < than.dateTime);

  return auctions
    .keyBy((auction) => auction.id)
    .connect(bids.keyBy((bid) => bid.auction))
    .process({
      state: { auction: valueState<A>(), best: valueState<B>(), early: listState<B>() },
      onFirst(auction, { state }) {
        let best: DeepReadonly<B> | undefined;
        for (const bid of state.early.get()) if (isIn(auction, bid) && isBetter(bid, best)) best = bid;
        state.early.clear();
        state.auction.update(auction);
        if (best === undefined) return [];
        state.best.update(best);
        return [{ auction, bid: best, before: undefined }];
      },
      onSecond(bid, { state }) {
        const auction = state.auction.value();
        if (auction === undefined) {
          state.early.add(bid);
          return [];
        }
        if (!isIn(auction, bid)) return [];
        const before = state.best.value();
        if (!isBetter(bid, before)) return [];
        state.best.update(bid);
        return [{ auction, bid, before }];
      },
    });
}
