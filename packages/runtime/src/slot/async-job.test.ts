// Whole jobs with an asynchronous operator: what it holds back, and what a recovery makes of what is in flight.
import {
  boundedOutOfOrderness,
  count,
  defineJob,
  fromArray,
  generate,
  tumbling,
  type AsyncOptions,
  type StreamGraph,
} from '@millrace/api';
import { Prng } from '@millrace/common';
import { MemoryKeyValueStore } from '@millrace/state';
import { MemoryBlobStore, VirtualTime } from '@millrace/testing';
import { expect, test } from 'vitest';
import { CollectingSink } from './collecting-sink.testing.ts';
import { compileTestJob } from './compile-job.testing.ts';
import { TestCluster } from './slot-harness.testing.ts';

const SUBMISSION = { args: [], params: {}, environment: {}, baseDirectory: '/' };
const RECORDS = 600;
const WINDOW_MS = 1_000;
const openKeyValueStore = async (): Promise<MemoryKeyValueStore> => new MemoryKeyValueStore();

interface Windowed {
  readonly key: number;
  readonly windowStart: number;
  readonly records: number;
}

/** Another system in virtual time, which takes its time, and now and then fails. */
class SlowService {
  askedCount = 0;
  readonly #time: VirtualTime;
  readonly #prng: Prng;

  constructor(time: VirtualTime, prng: Prng) {
    this.#time = time;
    this.#prng = prng;
  }

  ask(index: number): Promise<number> | number {
    this.askedCount++;
    const dice = this.#prng.below(10);
    if (dice === 0) return index;
    return new Promise((resolve, reject) => {
      this.#time.schedule(this.#prng.below(12), () => {
        if (dice === 1) reject(new Error('not now'));
        else resolve(index);
      });
    });
  }
}

function plan(
  service: SlowService,
  sink: CollectingSink<Windowed>,
  options: AsyncOptions<number>,
): StreamGraph {
  return defineJob('asking', (env) => {
    const indexes = env
      .source(generate({ count: RECORDS, ratePerSecond: 5_000 }, (index) => index))
      .watermarks(boundedOutOfOrderness(0, (index) => index * 20));
    const asked =
      options.order === 'perKey'
        ? indexes.keyBy((index) => index % 5).mapAsync((index) => service.ask(index), options)
        : indexes.mapAsync((index) => service.ask(index), options);
    asked
      .keyBy((index) => index % 3)
      .window(tumbling(WINDOW_MS))
      .aggregate({ records: count() })
      .sink(sink.sink());
  }).plan(SUBMISSION);
}

function expected(): string[] {
  const counts = new Map<string, number>();
  for (let index = 0; index < RECORDS; index++) {
    const id = `${Math.floor((index * 20) / WINDOW_MS) * WINDOW_MS} ${index % 3}`;
    counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  return [...counts].map(([id, records]) => `${id} ${records}`).toSorted();
}

const textOf = (windows: readonly Windowed[]): string[] =>
  windows.map(({ windowStart, key, records }) => `${windowStart} ${key} ${records}`).toSorted();

test.each(['ordered', 'unordered', 'perKey'] as const)(
  'a job that asks another system is killed and restored, and its windows miss nothing: %s',
  async (order) => {
    for (let seed = 1; seed <= 6; seed++) {
      const prng = new Prng(seed);
      const time = new VirtualTime({ seed });
      const sink = new CollectingSink<Windowed>();
      const service = new SlowService(time, prng);
      const options: AsyncOptions<number> = {
        order,
        capacity: 1 + prng.below(20),
        retry: { attempts: 100, initialDelay: 1, maxDelay: 3 },
      };
      const start = (of: Partial<Parameters<typeof TestCluster.start>[0]>): Promise<TestCluster> =>
        TestCluster.start({
          time,
          blobStore,
          openKeyValueStore,
          delayMs: () => prng.below(3),
          slot: {},
          job: compileTestJob(plan(service, sink, options), 1 + prng.below(3)),
          ...of,
        });
      const blobStore = new MemoryBlobStore();
      const first = await start({});
      for (let triggers = prng.below(6); triggers >= 0; triggers--) {
        await time.runFor(5 + prng.below(40));
        first.trigger();
      }
      await first.cancel();
      expect(first.failure).toBeUndefined();
      const restore = first.completed.at(-1);
      const second = await start({ attemptNumber: 2, ...(restore === undefined ? {} : { restore }) });
      await second.run();
      second.trigger();
      await second.run();
      expect(second.failure, `seed ${seed}`).toBeUndefined();
      expect(textOf(sink.records), `seed ${seed}`).toEqual(expected());
      expect([...second.metrics.values()].reduce((sum, { dropped }) => sum + (dropped.late ?? 0), 0)).toBe(0);
      expect(service.askedCount).toBeGreaterThanOrEqual(RECORDS);
      await second.cancel();
    }
  },
);

test('barriers pass while a full operator waits for answers', async () => {
  const time = new VirtualTime();
  const sink = new CollectingSink<number>();
  const open: (() => void)[] = [];
  const graph = defineJob('full', (env) => {
    env
      .source(fromArray(Array.from({ length: 20 }, (_, index) => index)))
      .mapAsync((index) => new Promise<number>((resolve) => open.push(() => resolve(index))), { capacity: 2 })
      .sink(sink.sink());
  }).plan(SUBMISSION);
  const cluster = await TestCluster.start({
    time,
    job: compileTestJob(graph, 1),
    openKeyValueStore,
    slot: {},
  });
  /** Writing takes more turns of promises than virtual time gives where no timer is due. */
  const go = async (): Promise<void> => {
    for (let turn = 0; turn < 5; turn++) {
      await time.runFor(10);
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  await go();
  expect(open.length).toBe(2);
  const checkpointId = cluster.trigger();
  await go();
  expect(cluster.completed.map((completed) => completed.checkpointId)).toEqual([checkpointId]);
  expect(open.length).toBe(2);
  while (open.length > 0) {
    open.splice(0).forEach((answer) => answer());
    await go();
  }
  cluster.trigger();
  await go();
  expect(cluster.failure).toBeUndefined();
  expect(sink.records).toEqual(Array.from({ length: 20 }, (_, index) => index));
  await cluster.cancel();
});
