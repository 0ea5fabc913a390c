// Ids → key by id → running count, emitted for each record → discard.
import { count, defineJob, generate } from '@millrace/api';
import { random } from './random.ts';

export default defineJob('keyed-count', (env) => {
  const keys = env.params.number('keys', 1_000_000);
  env.options({ stateCacheEntries: env.params.number('cache', 2_000_000) });
  env
    .source(generate({ count: env.params.number('n', 40_000_000) }, (index) => random(index, keys)))
    .keyBy((id) => id)
    .aggregate({ count: count() })
    .forEach(() => {});
});
