// Words → key by word → running count, emitted for each record → discard.
import { count, defineJob, generate } from '@millrace/api';
import { random } from './random.ts';

const WORDS = 5_000;

export default defineJob('wordcount', (env) => {
  const words = Array.from({ length: WORDS }, (_, index) => `word-${index}`);
  env
    .source(
      generate({ count: env.params.number('n', 40_000_000) }, (index) => words[random(index, WORDS)] ?? ''),
    )
    .keyBy((word) => word)
    .aggregate({ count: count() })
    .forEach(() => {});
});
