// The ten highest bids on each auction.
import { defineJob, topN } from '@millrace/api';
import type { Bid } from '@millrace/connector-nexmark';
import { nexmark } from './nexmark.ts';

export default defineJob('nexmark-q19', (env) => {
  const { bids, emit } = nexmark(env);
  emit(
    bids()
      .keyBy((bid) => bid.auction)
      .aggregate({ top: topN<Bid>(10, { by: (bid) => bid.price, tieBreak: (bid) => bid.dateTime }) }),
  );
});
