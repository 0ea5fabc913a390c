// Computes for each record, always as much: the processors that it gets limit it, and nothing else.
import { defineJob, generate } from '@millrace/api';

/** Some 0.1 ms. */
const ROUNDS = 30_000;

function work(seed: number): number {
  let hash = seed | 0;
  for (let round = 0; round < ROUNDS; round++) hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d) + round;
  return hash;
}

export default defineJob('busy', (env) => {
  env.options({ checkpoint: { interval: '1 s' } });
  env
    .source(generate({ splits: 12 }, (index) => index))
    .map(work)
    .forEach(() => {});
});
