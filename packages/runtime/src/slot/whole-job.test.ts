// Whole jobs through the real chains, in one thread.
import {
  avg,
  boundedOutOfOrderness,
  count,
  defineJob,
  fromArray,
  generate,
  tumbling,
  type StreamGraph,
} from '@millrace/api';
import { Prng } from '@millrace/common';
import { MemoryKeyValueStore } from '@millrace/state';
import { MemoryBlobStore, VirtualTime } from '@millrace/testing';
import { expect, test } from 'vitest';
import { CollectingSink } from './collecting-sink.testing.ts';
import { compileTestJob } from './compile-job.testing.ts';
import { TestCluster } from './slot-harness.testing.ts';

interface Reading {
  readonly sensor: string;
  readonly value: number;
  readonly atMs: number;
}

interface Result {
  readonly key: string;
  readonly windowStart: number;
  readonly windowEnd: number;
  readonly readings: number;
  readonly mean: number;
}

const SUBMISSION = { args: [], params: {}, environment: {}, baseDirectory: '/' };
const READINGS = 2_000;

const readingAt = (index: number): Reading => ({
  sensor: `s${index % 7}`,
  value: index % 10,
  atMs: index * 100,
});

function plan(sink: CollectingSink<Result>, source: 'array' | 'generator'): StreamGraph {
  const job = defineJob('readings', (env) => {
    const numbers =
      source === 'array'
        ? env.source(fromArray(Array.from({ length: READINGS }, (_, index) => index)))
        : env.source(generate({ count: READINGS, ratePerSecond: 10_000 }, (index) => index));
    numbers
      .watermarks(boundedOutOfOrderness(0, (index) => index * 100))
      .map((index) => readingAt(index))
      .keyBy((reading) => reading.sensor)
      .window(tumbling('10 seconds'))
      .aggregate({ readings: count(), mean: avg((reading: Reading) => reading.value) })
      .sink(sink.sink());
  });
  return job.plan(SUBMISSION);
}

function expectedResults(): Result[] {
  const sums = new Map<string, { readings: number; sum: number }>();
  for (let index = 0; index < READINGS; index++) {
    const { sensor, value, atMs } = readingAt(index);
    const windowStart = Math.floor(atMs / 10_000) * 10_000;
    const id = `${windowStart} ${sensor}`;
    const old = sums.get(id) ?? { readings: 0, sum: 0 };
    sums.set(id, { readings: old.readings + 1, sum: old.sum + value });
  }
  return sorted(
    [...sums].map(([id, { readings, sum }]) => {
      const [start = '', key = ''] = id.split(' ');
      return {
        key,
        windowStart: Number(start),
        windowEnd: Number(start) + 10_000,
        readings,
        mean: sum / readings,
      };
    }),
  );
}

function sorted(results: readonly Result[]): Result[] {
  return results.toSorted((a, b) => a.windowStart - b.windowStart || (a.key < b.key ? -1 : 1));
}

const openKeyValueStore = async (): Promise<MemoryKeyValueStore> => new MemoryKeyValueStore();

test.each([
  { source: 'array', parallelism: 1, slotCount: 1 },
  { source: 'array', parallelism: 2, slotCount: 1 },
  { source: 'generator', parallelism: 2, slotCount: 1 },
  { source: 'generator', parallelism: 2, slotCount: 2 },
] as const)(
  'a job of $source, windows and a sink gives its results once: parallelism $parallelism in $slotCount slots',
  async ({ source, parallelism, slotCount }) => {
    const collected = new CollectingSink<Result>();
    const job = compileTestJob(plan(collected, source), parallelism);
    const cluster = await TestCluster.start({ job, slotCount, openKeyValueStore, slot: {} });
    await cluster.run();
    cluster.trigger();
    await cluster.run();
    expect(cluster.failure).toBeUndefined();
    expect(sorted(collected.records)).toEqual(expectedResults());
    await cluster.cancel();
  },
);

test('a job that is killed and restored at another parallelism gives its results once', async () => {
  for (let seed = 1; seed <= 20; seed++) {
    const prng = new Prng(seed);
    const time = new VirtualTime({ seed });
    const blobStore = new MemoryBlobStore();
    const collected = new CollectingSink<Result>();
    const parallelismOf = (): number => 1 + prng.below(3);
    const base = { time, blobStore, openKeyValueStore, delayMs: () => prng.below(3), slot: {} };
    const first = await TestCluster.start({
      ...base,
      job: compileTestJob(plan(collected, 'generator'), parallelismOf()),
    });
    for (let triggers = prng.below(6); triggers >= 0; triggers--) {
      await time.runFor(5 + prng.below(40));
      first.trigger();
    }
    await first.cancel();
    expect(first.failure).toBeUndefined();
    const restore = first.completed.at(-1);
    const second = await TestCluster.start({
      ...base,
      attemptNumber: 2,
      job: compileTestJob(plan(collected, 'generator'), parallelismOf()),
      ...(restore === undefined ? {} : { restore }),
    });
    await second.run();
    second.trigger();
    await second.run();
    expect(second.failure, `seed ${seed}`).toBeUndefined();
    expect(sorted(collected.records), `seed ${seed}`).toEqual(expectedResults());
    await second.cancel();
  }
});

test('a job that waits for no batch to fill takes 8,000 results of one record, and 20,000 keys at a flush', async () => {
  const flat = new CollectingSink<number>();
  const counted = new CollectingSink<{ readonly key: number; readonly rows: number }>();
  const graph = defineJob('wide', (env) => {
    env
      .source(fromArray([0, 1, 2]))
      .flatMap((start) => Array.from({ length: 8_000 }, (_, index) => start * 8_000 + index))
      .rebalance()
      .sink(flat.sink());
    env
      .source(fromArray(Array.from({ length: 20_000 }, (_, index) => index)))
      .watermarks(boundedOutOfOrderness(0, () => 0))
      .keyBy((index) => index)
      .window(tumbling('10 seconds'))
      .aggregate({ rows: count() })
      .sink(counted.sink());
  }).plan(SUBMISSION);
  const job = compileTestJob(graph, 2);
  const options = { bufferTimeoutMs: 0 };
  const cluster = await TestCluster.start({ job, slotCount: 2, openKeyValueStore, options, slot: {} });
  await cluster.run();
  cluster.trigger();
  await cluster.run();
  expect(cluster.failure).toBeUndefined();
  expect(new Set(flat.records).size).toBe(24_000);
  expect(flat.records.length).toBe(24_000);
  expect(counted.records.length).toBe(20_000);
  await cluster.cancel();
});
