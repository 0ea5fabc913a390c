// Records that become much larger on their way out: a batch at hand does not have to be finished before the consumer takes any.
import { defineJob, fromArray, generate, type DataStream } from '@millrace/api';
import { VirtualTime } from '@millrace/testing';
import { expect, test } from 'vitest';
import { CHANNEL_CREDITS } from '../channel/output-channel.ts';
import { OVERDRAFT_BATCHES_MAX } from '../channel/result-partition.ts';
import { compileTestJob } from './compile-job.testing.ts';
import { TestCluster } from './slot-harness.testing.ts';

const RECORDS = 2_000;
/** More than the bytes of a batch, so that each record is one. */
const LARGE = 'x'.repeat(300 * 1024);
const SUBMISSION = { args: [], params: {}, environment: {}, baseDirectory: '/' };

const indexes = Array.from({ length: RECORDS }, (_, index) => index);

test.each([
  ['a source', (start: () => DataStream<number>) => start()],
  ['an operator behind an exchange', (start: () => DataStream<number>) => start().rebalance()],
] as const)('%s makes no more large records than may wait', async (_what, between) => {
  const seen = { made: 0, taken: 0, waitingMax: 0 };
  const job = defineJob('large', (env) => {
    between(() => env.source(fromArray(indexes)))
      .map((n) => {
        seen.made++;
        seen.waitingMax = Math.max(seen.waitingMax, seen.made - seen.taken);
        return { n, text: LARGE };
      })
      .rebalance()
      .forEach(() => {
        seen.taken++;
      });
  });
  const cluster = await TestCluster.start({
    job: compileTestJob(job.plan(SUBMISSION), 1),
    time: new VirtualTime(),
    slot: {},
  });
  await cluster.run();
  expect(cluster.failure).toBeUndefined();
  expect(seen.taken).toBe(RECORDS);
  expect(seen.waitingMax).toBeLessThanOrEqual(CHANNEL_CREDITS + OVERDRAFT_BATCHES_MAX + 2);
  await cluster.cancel();
});

test('records of a usual length go through without a stop', async () => {
  const seen = { taken: 0 };
  const job = defineJob('small', (env) => {
    env
      .source(generate({ count: 50_000 }, (index) => index))
      .rebalance()
      .forEach(() => {
        seen.taken++;
      });
  });
  const cluster = await TestCluster.start({
    job: compileTestJob(job.plan(SUBMISSION), 2),
    time: new VirtualTime(),
    slot: {},
  });
  await cluster.run();
  expect(cluster.failure).toBeUndefined();
  expect(seen.taken).toBe(50_000);
  await cluster.cancel();
});
