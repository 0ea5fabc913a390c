// The bids that win an auction: while it is open, the highest, of equal ones the first. Shared by several queries.
import { listState, valueState, type DataStream } from '@millrace/api';
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
): DataStream<Winning<A, B>> {
  /** An auction that has begun. */
  interface Sale {
    readonly auction: A;
    readonly best: B | undefined;
  }
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
      state: { sale: valueState<Sale>(), early: listState<B>() },
      onFirst(opened, { state }) {
        const auction = opened as A;
        let best: B | undefined;
        for (const bid of state.early.get() as Iterable<B>)
          if (isIn(auction, bid) && isBetter(bid, best)) best = bid;
        state.early.clear();
        state.sale.update({ auction, best } as never);
        return best === undefined ? [] : [{ auction, bid: best, before: undefined }];
      },
      onSecond(offered, { state }) {
        const bid = offered as B;
        const sale = state.sale.value() as Sale | undefined;
        if (sale === undefined) {
          state.early.add(bid as never);
          return [];
        }
        const { auction, best } = sale;
        if (!isIn(auction, bid) || !isBetter(bid, best)) return [];
        state.sale.update({ auction, best: bid } as never);
        return [{ auction, bid, before: best }];
      },
    });
}
