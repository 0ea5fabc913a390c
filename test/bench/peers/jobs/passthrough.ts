// Events → map → filter → discard: one chain, nothing exchanged.
import { defineJob, generate } from '@millrace/api';
import { events } from './random.ts';

export default defineJob('passthrough', (env) => {
  const count = env.params.number('n', 600_000_000);
  env
    .source(generate({ count }, events(1_000_000, count, env.params.number('p', 2))))
    .map((event) => ({ key: event.key, time: event.time + 1 }))
    .filter((event) => event.key % 2 === 0)
    .forEach(() => {});
});
