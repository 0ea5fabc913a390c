import { defineJob, generate, monotonous } from '@millrace/api';
import { expect, test } from 'vitest';
import { executeJob } from './execute-job.ts';

const STEP_MS = 100;
const MAX_DRIFT_MS = 60_000;
/** A batch of a source has so many records at most. */
const BATCH_ROWS_MAX = 4_096;

test('a fast source waits for a slow one of its alignment group, within the drift and a batch', async () => {
  const alignment = { group: 'g', maxDrift: MAX_DRIFT_MS } as const;
  let slowMs = 0;
  let worstMs = 0;
  let fastCount = 0;
  const job = defineJob('aligned', (env) => {
    env
      .source(generate({ count: 24_000 }, (index) => index * STEP_MS))
      .watermarks(monotonous((at) => at, { alignment }))
      .forEach((at) => {
        fastCount++;
        worstMs = Math.max(worstMs, at - slowMs);
      });
    env
      .source(generate({ count: 40, ratePerSecond: 50 }, (index) => index * 60_000))
      .watermarks(monotonous((at) => at, { alignment }))
      .forEach((at) => {
        slowMs = at;
      });
  });
  await executeJob(job);
  expect(fastCount).toBe(24_000);
  expect(worstMs).toBeLessThanOrEqual(MAX_DRIFT_MS + BATCH_ROWS_MAX * STEP_MS);
});
