// A running count of uniform keys, first of each of them once, without an end: what a record costs by the number of keys.
import { count, defineJob, generate } from '@millrace/api';
import { random } from '../../peers/jobs/random.ts';

export default defineJob('growing-count', (env) => {
  const keys = env.params.number('keys');
  env.options({
    checkpoint: false,
    ...(env.params.has('cache') ? { stateCacheEntries: env.params.number('cache') } : {}),
  });
  env
    .source(generate({}, (index) => (index < keys ? index : random(index, keys))))
    .keyBy((id) => id)
    .aggregate({ count: count() })
    .forEach(() => {});
});
