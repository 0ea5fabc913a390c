// Keeps more state than memory may hold: a long text for each of many keys, seen twice. Writes each key once.
import { defineJob, generate } from '@millrace/api';
import { jsonLines } from '@millrace/connector-files';

export default defineJob(
  'hoard',
  (env) => {
    const { params } = env;
    const keys = params.number('keys', 2_000);
    const textLength = params.number('textLength', 100);
    const ratePerSecond = params.number('ratePerSecond', 0);
    env
      .source(
        generate({ count: 2 * keys, splits: params.number('splits', 1) }, (index) => index),
        ratePerSecond > 0 ? { ratePerSecond } : {},
      )
      .map((index) => ({ key: index % keys, seen: 1, text: `${index}`.padEnd(textLength, 'x') }))
      .keyBy(({ key }) => key)
      .reduce((a, b) => ({ key: a.key, seen: a.seen + b.seen, text: b.text }))
      .filter(({ seen }) => seen === 2)
      .map(({ key, seen }) => ({ number: key, square: seen }))
      .sink(jsonLines({ path: params.string('out', 'out'), ifExists: 'append' }));
  },
  { checkpoint: { interval: '500 ms' }, stateCacheEntries: 100 },
);
