// The highest bids of each ten seconds.
import { aggregator, defineJob, tumbling } from '@millrace/api';
import type { Bid } from '@millrace/connector-nexmark';
import { nexmark } from './nexmark.ts';

type Row = Pick<Bid, 'auction' | 'bidder' | 'price' | 'dateTime' | 'extra'>;

/** Those with the greatest price. */
const highest = aggregator<Row, readonly Row[], readonly Row[]>({
  create: () => [],
  add: (soFar, { auction, bidder, price, dateTime, extra }) => {
    const greatest = soFar[0]?.price ?? -Infinity;
    if (price < greatest) return soFar;
    const row = { auction, bidder, price, dateTime, extra };
    return price === greatest ? [...soFar, row] : [row];
  },
  merge: (a, b) => {
    const difference = (a[0]?.price ?? -Infinity) - (b[0]?.price ?? -Infinity);
    return difference === 0 ? [...a, ...b] : difference > 0 ? a : b;
  },
  result: (rows) => rows,
});

export default defineJob('nexmark-q7', (env) => {
  const { bids, emit } = nexmark(env);
  emit(
    bids()
      .windowAll(tumbling('10 seconds'))
      .aggregate({ highest })
      .flatMap((window) => window.highest),
  );
});
