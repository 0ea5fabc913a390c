// All bids into files, by day and minute.
import { defineJob } from '@millrace/api';
import { csv } from '@millrace/connector-files';
import { dayOf, minuteOf, nexmark } from './nexmark.ts';

export default defineJob('nexmark-q10', (env) => {
  const { bids, emit } = nexmark(env);
  const rows = bids().map(({ auction, bidder, price, dateTime, extra }) => ({
    auction,
    bidder,
    price,
    dateTime,
    extra,
    day: dayOf(dateTime),
    minute: minuteOf(dateTime),
  }));

  // As CSV, a directory a minute, with `--files`; as the rows of any other query with `--out`.
  const path = env.params.string('files', '');
  if (path === '') emit(rows);
  else rows.sink(csv({ path, partitionBy: ['day', 'minute'], ifExists: 'replace' }));
});
