// A source as fast as it can be, before a sink that is slow for a while: by the wall clock, so that nobody has to tell it.
import { defineJob, generate } from '@millrace/api';

/** Looking at the clock for each record would be what is measured. */
const RECORDS_PER_LOOK = 256;

export default defineJob('slow-sink', (env) => {
  const { params } = env;
  const slowFromMs = params.number('slowFromMs');
  const slowToMs = params.number('slowToMs');
  const slowMicros = params.number('slowMicros');
  env.options({ checkpoint: { interval: '2 s' } });
  let taken = 0;
  let isSlow = false;
  env
    .source(generate({ splits: 4 }, (index) => ({ index, text: String(index).padStart(200, 'x') })))
    .rebalance()
    .forEach(() => {
      if (++taken % RECORDS_PER_LOOK === 0) {
        const nowMs = Date.now();
        isSlow = nowMs >= slowFromMs && nowMs < slowToMs;
      }
      if (!isSlow) return;
      const untilMs = performance.now() + slowMicros / 1_000;
      while (performance.now() < untilMs);
    });
});
