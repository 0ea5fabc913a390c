// Bids of about 200 bytes → key by `key` → discard: what the exchange costs.
import { defineJob, generate } from '@millrace/api';
import { mix, random } from './random.ts';

const KEYS = 100_000;
const POOL = 1_024;

const pool = (name: string, length: number): string[] =>
  Array.from({ length: POOL }, (_, index) => `${name}${index}`.padEnd(length, '.'));

export default defineJob('shuffle', (env) => {
  const channels = pool('cha', 8);
  const urls = pool('url', 60);
  const extras = pool('ext', 100);
  env
    .source(
      generate({ count: env.params.number('n', 20_000_000) }, (index) => {
        const word = mix(index + 1);
        return {
          id: index,
          key: random(index, KEYS),
          time: Math.floor(index / 10),
          price: (word & 0xffff) / 100,
          channel: channels[word & (POOL - 1)] ?? '',
          url: urls[(word >>> 10) & (POOL - 1)] ?? '',
          extra: extras[(word >>> 20) & (POOL - 1)] ?? '',
        };
      }),
    )
    .keyBy((bid) => bid.key)
    .process({ onRecord: () => {} })
    .forEach(() => {});
});
