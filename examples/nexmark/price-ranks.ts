// Bids, bidders and auctions by price: what q15, q16 and q17 count.
import { count, countDistinct } from '@millrace/api';
import type { Bid } from '@millrace/connector-nexmark';

const LOW = 10_000;
const HIGH = 1_000_000;

type Priced = Pick<Bid, 'price'>;

export const isLow = ({ price }: Priced): boolean => price < LOW;
export const isMiddle = ({ price }: Priced): boolean => price >= LOW && price < HIGH;
export const isHigh = ({ price }: Priced): boolean => price >= HIGH;

/** Numbers of all, and of the low, middle and high ones. */
export const countsByRank = {
  bids: count<Bid>(),
  low_bids: count<Bid>(isLow),
  middle_bids: count<Bid>(isMiddle),
  high_bids: count<Bid>(isHigh),
  bidders: countDistinct(({ bidder }: Bid) => bidder),
  low_bidders: countDistinct(({ bidder }: Bid) => bidder, { where: isLow }),
  middle_bidders: countDistinct(({ bidder }: Bid) => bidder, { where: isMiddle }),
  high_bidders: countDistinct(({ bidder }: Bid) => bidder, { where: isHigh }),
  auctions: countDistinct(({ auction }: Bid) => auction),
  low_auctions: countDistinct(({ auction }: Bid) => auction, { where: isLow }),
  middle_auctions: countDistinct(({ auction }: Bid) => auction, { where: isMiddle }),
  high_auctions: countDistinct(({ auction }: Bid) => auction, { where: isHigh }),
};

/** The newest result of each key, when many bids have changed it. */
export const newestResults = {
  emit: 'update',
  generateUpdateBefore: false,
  miniBatch: { size: 50_000, allowLatency: '2 seconds' },
} as const;
