// Bids with a value looked up in a table of 10,000 rows.
import { defineJob, fromArray } from '@millrace/api';
import { nexmark } from './nexmark.ts';

const ROWS = 10_000;
const sideInput = fromArray(
  Array.from({ length: ROWS }, (_, key) => ({ key, value: String(key) })),
  { name: 'side input' },
);

export default defineJob('nexmark-q13', (env) => {
  const { bids, emit } = nexmark(env);
  emit(
    bids().join(sideInput, {
      recordKey: (bid) => bid.auction % ROWS,
      tableKey: (row) => row.key,
      select: ({ auction, bidder, price, dateTime }, { value }) => ({
        auction,
        bidder,
        price,
        dateTime,
        value,
      }),
    }),
  );
});
