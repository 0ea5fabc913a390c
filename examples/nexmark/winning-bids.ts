// The bids that win an auction: while it is open, the highest, of equal ones the first. Shared by several queries.
import { listState, valueState, type DataStream, type DeepReadonly } from '@millrace/api';
import type { Auction, Bid } from '@millrace/connector-nexmark';

/** An auction and the bid that leads. */
export interface Winning<A, B> {
  readonly auction: A;
  readonly bid: B;
}

/** What of a bid decides. */
type Offer = Pick<Bid, 'price' | 'dateTime'>;

/**
 * Emits an auction with its best bid each time that another one takes the lead. `pickAuction` and `pickBid`: what is kept of them.
 * Bids may come before their auction: they wait for it.
 */
export function winningBids<A, B extends Offer>(
  auctions: DataStream<Auction>,
  bids: DataStream<Bid>,
  of: {
    readonly pickAuction: (auction: DeepReadonly<Auction>) => A;
    readonly pickBid: (bid: DeepReadonly<Bid>) => B;
  },
): DataStream<Winning<A, B>> {
  interface Open {
    readonly auction: A;
    readonly from: number;
    readonly to: number;
  }
  const { pickAuction, pickBid } = of;
  const isBetter = (bid: Offer, than: Offer | undefined): boolean =>
    than === undefined ||
    bid.price > than.price ||
    (bid.price === than.price && bid.dateTime < than.dateTime);

  return auctions
    .keyBy((auction) => auction.id)
    .connect(bids.keyBy((bid) => bid.auction))
    .process({
      state: { open: valueState<Open>(), best: valueState<B>(), early: listState<B>() },
      onFirst(auction, { state }) {
        const { dateTime: from, expires: to } = auction;
        const open = { auction: pickAuction(auction), from, to };
        state.open.update(open as never);
        let best: B | undefined;
        for (const bid of state.early.get() as Iterable<B>)
          if (bid.dateTime >= from && bid.dateTime <= to && isBetter(bid, best)) best = bid;
        state.early.clear();
        if (best === undefined) return [];
        state.best.update(best as never);
        return [{ auction: open.auction, bid: best }];
      },
      onSecond(record, { state }) {
        const bid = pickBid(record);
        const open = state.open.value() as Open | undefined;
        if (open === undefined) {
          state.early.add(bid as never);
          return [];
        }
        if (bid.dateTime < open.from || bid.dateTime > open.to) return [];
        if (!isBetter(bid, state.best.value() as B | undefined)) return [];
        state.best.update(bid as never);
        return [{ auction: open.auction, bid }];
      },
    });
}
