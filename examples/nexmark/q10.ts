// All bids into files, by day and minute.
import { defineJob } from '@millrace/api';
import { dayOf, minuteOf, nexmark } from './nexmark.ts';

export default defineJob('nexmark-q10', (env) => {
  const { bids, emit } = nexmark(env);
  emit(
    bids().map(({ auction, bidder, price, dateTime, extra }) => ({
      auction,
      bidder,
      price,
      dateTime,
      extra,
      day: dayOf(dateTime),
      minute: minuteOf(dateTime),
    })),
  );
});
