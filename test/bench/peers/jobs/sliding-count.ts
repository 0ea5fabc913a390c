// Events → key by key → windows of 60 s sliding by 0.5 s → count → discard.
import { count, defineJob, generate, monotonous, sliding } from '@millrace/api';
import { events } from './random.ts';

export default defineJob('sliding-count', (env) => {
  const total = env.params.number('n', 4_000_000);
  env
    .source(generate({ count: total }, events(1_000, total, env.params.number('p', 2))))
    .watermarks(monotonous((event) => event.time))
    .keyBy((event) => event.key)
    .window(sliding('60 s', '500 ms'))
    .aggregate({ count: count() })
    .forEach(() => {});
});
