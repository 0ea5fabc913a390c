// Events → key by key → tumbling windows of 10 s → count → discard.
import { count, defineJob, generate, monotonous, tumbling } from '@millrace/api';
import { events } from './random.ts';

export default defineJob('windowed-count', (env) => {
  const total = env.params.number('n', 40_000_000);
  env
    .source(
      generate({ count: total }, events(env.params.number('keys', 10_000), total, env.params.number('p', 2))),
    )
    .watermarks(monotonous((event) => event.time))
    .keyBy((event) => event.key)
    .window(tumbling('10 s'))
    .aggregate({ count: count() })
    .forEach(() => {});
});
