// Keeps much state: a long text for each of many keys, more than memory may hold, and writes how many each key had.
import { defineJob, generate } from '@millrace/api';
import { jsonLines } from '@millrace/connector-files';

export default defineJob(
  'hoard',
  (env) => {
    const { params } = env;
    const count = params.number('count', 10_000);
    const keys = params.number('keys', 2_000);
    env
      .source(
        generate({ count, splits: 1 }, (index) => index),
        {
          ratePerSecond: params.number('ratePerSecond', 20_000),
        },
      )
      .map((index) => ({
        key: index % keys,
        seen: 1,
        text: `${index}`.padEnd(params.number('textLength', 100), 'x'),
      }))
      .keyBy(({ key }) => key)
      .reduce((a, b) => ({ key: a.key, seen: a.seen + b.seen, text: b.text }))
      .filter(({ seen }) => seen === Math.floor(count / keys))
      .map(({ key, seen }) => ({ number: key, square: seen }))
      .sink(jsonLines({ path: params.string('out', 'out'), ifExists: 'append' }));
  },
  { checkpoint: { interval: '500 ms' }, stateCacheEntries: 100 },
);
