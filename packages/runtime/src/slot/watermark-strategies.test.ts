// Watermark strategies in whole jobs, under virtual time: what comes out is the watermark behind the next exchange.
import {
  boundedOutOfOrderness,
  customWatermarks,
  defineJob,
  defineSource,
  ingestionTime,
  monotonous,
  punctuated,
  type DataStream,
  type Split,
  type Watermarks,
} from '@millrace/api';
import type { SubtaskMetrics } from '@millrace/proto';
import { MemoryKeyValueStore } from '@millrace/state';
import { VirtualTime } from '@millrace/testing';
import { expect, test } from 'vitest';
import { compileTestJob } from './compile-job.testing.ts';
import { TestCluster, type CompletedCheckpoint } from './slot-harness.testing.ts';

const START_MS = 1_700_000_000_000;
const SUBMISSION = { args: [], params: {}, environment: {}, baseDirectory: '/' };

interface Event {
  readonly at: number;
  readonly mark?: number;
}

/** Events of two splits that come when the test gives them. */
class Feed {
  readonly given = new Map<string, Event[]>();

  put(splitId: string, ...events: Event[]): void {
    this.given.set(splitId, [...(this.given.get(splitId) ?? []), ...events]);
  }

  source(name = 'feed', splits: readonly string[] = ['a', 'b']) {
    const { given } = this;
    return defineSource<Event, Split, number>({
      name,
      boundedness: 'unbounded',
      splits: splits.map((id) => ({ id })),
      start: 0,
      *read(split, position) {
        for (let next = position; ;) {
          const records = (given.get(split.id) ?? []).slice(next);
          next += records.length;
          yield { records, position: next };
        }
      },
    });
  }
}

interface Seen {
  readonly at: number;
  readonly timestamp: number;
  readonly watermark: number;
}

/** Runs a job of one feed; `seen` gets what comes to its end, behind an exchange. */
async function run(
  watermarks: Watermarks<Event>,
  feed: Feed,
  more: {
    readonly place?: 'at the source' | 'behind it';
    readonly onError?: 'skip';
    readonly time?: VirtualTime;
    readonly restore?: CompletedCheckpoint;
  } = {},
) {
  const time = more.time ?? new VirtualTime({ startMs: START_MS });
  const seen: Seen[] = [];
  const graph = defineJob(
    'strategies',
    (env) => {
      const events: DataStream<Event> = env.source(feed.source());
      const spread = more.place === 'behind it' ? events.rebalance().map((event) => ({ ...event })) : events;
      const timed = spread.watermarks(watermarks);
      if (more.onError !== undefined) timed.onError(more.onError);
      timed
        .rebalance()
        .process({
          onRecord: ({ at }, { timestamp, watermark }) => void seen.push({ at, timestamp, watermark }),
        })
        .forEach(() => {});
    },
    { deadLetters: false },
  ).plan(SUBMISSION);
  const cluster = await TestCluster.start({
    job: compileTestJob(graph, 1),
    time,
    openKeyValueStore: async () => new MemoryKeyValueStore(),
    slot: {},
    ...(more.restore === undefined ? {} : { restore: more.restore, attemptNumber: 2 }),
  });
  /** Of the vertices but the enumerator, in the order of the graph. */
  const metrics = (): SubtaskMetrics[] =>
    [...cluster.metrics.values()]
      .filter(({ vertexId }) => vertexId.startsWith('a'))
      .sort((one, other) => (one.vertexId < other.vertexId ? -1 : 1));
  return { time, seen, cluster, end: () => metrics().at(-1), head: () => metrics()[0] };
}

test('punctuated watermarks are what the markers say, least over the splits, and name the split that holds them back', async () => {
  const feed = new Feed();
  const strategy = punctuated<Event>(
    (event) => event.at,
    (event) => event.mark,
  );
  const { time, cluster, end } = await run(strategy, feed);
  feed.put('a', { at: 5 }, { at: 90, mark: 50 });
  feed.put('b', { at: 1 });
  await time.runFor(500);
  expect(end()?.watermarkMs).toBeNull();
  feed.put('b', { at: 2, mark: 20 }, { at: 3, mark: 10 });
  await time.runFor(500);
  expect(end()).toMatchObject({ watermarkMs: 20, watermarkSplit: 'b' });
  feed.put('b', { at: 99, mark: 99 });
  await time.runFor(500);
  expect(end()).toMatchObject({ watermarkMs: 50, watermarkSplit: 'a' });
  expect(cluster.failure).toBeUndefined();
  await cluster.cancel();
});

test.each(['at the source', 'behind it'] as const)(
  'a generator of watermarks sees each record and is asked in its interval, without records too: %s',
  async (place) => {
    const feed = new Feed();
    let made = 0;
    const strategy = customWatermarks<Event>(
      (event) => event.at,
      () => {
        made++;
        let greatest = -Infinity;
        return {
          onRecord: (_event, timestampMs) => {
            greatest = Math.max(greatest, timestampMs);
            return undefined;
          },
          // Records are at most a second late: when the clock has gone on, so has event time.
          onPeriodic: (nowMs) => (greatest === -Infinity ? undefined : Math.max(greatest, nowMs - 1_000)),
        };
      },
      { interval: '100 ms' },
    );
    const { time, cluster, end } = await run(strategy, feed, { place });
    feed.put('a', { at: START_MS + 10 });
    feed.put('b', { at: START_MS + 7 });
    await time.runFor(600);
    expect(end()?.watermarkMs).toBe(START_MS + (place === 'behind it' ? 10 : 7));
    await time.runFor(10_000);
    const watermarkMs = end()?.watermarkMs ?? 0;
    expect(watermarkMs).toBeGreaterThan(START_MS + 9_000);
    expect(watermarkMs).toBeLessThanOrEqual(time.nowMs() - 1_000);
    expect(made).toBe(place === 'behind it' ? 1 : 2);
    await cluster.cancel();
  },
);

test.each(['at the source', 'behind it'] as const)(
  'ingestion time is the clock where a record is read, and goes on without records: %s',
  async (place) => {
    const feed = new Feed();
    const { time, seen, cluster, end } = await run(ingestionTime(), feed, { place });
    await time.runFor(1_000);
    feed.put('a', { at: 3 });
    await time.runFor(500);
    expect(seen).toHaveLength(1);
    expect(seen[0]?.timestamp).toBeGreaterThanOrEqual(START_MS + 1_000);
    expect(seen[0]?.watermark).toBeLessThan(seen[0]?.timestamp ?? 0);
    await time.runFor(60_000);
    expect(end()?.watermarkMs).toBeGreaterThan(START_MS + 60_000);
    expect(end()?.watermarkMs).toBeLessThan(time.nowMs());
    time.jumpWallClock(-3_600_000);
    feed.put('b', { at: 4 });
    await time.runFor(1_000);
    expect(seen[1]?.timestamp).toBeGreaterThan(seen[1]?.watermark ?? Infinity);
    await cluster.cancel();
  },
);

test('a record too far ahead of the clock goes on without moving the watermark, and is counted, over a recovery too', async () => {
  const feed = new Feed();
  const strategy = boundedOutOfOrderness<Event>(0, (event) => event.at, { maxAhead: '1 hour' });
  const first = await run(strategy, feed);
  const { time } = first;
  const farAhead = START_MS + 7_200_000;
  feed.put('a', { at: START_MS }, { at: farAhead }, { at: START_MS + 5 });
  feed.put('b', { at: START_MS + 9 });
  await time.runFor(500);
  expect(first.seen.map(({ timestamp }) => timestamp)).toContain(farAhead);
  expect(first.end()?.watermarkMs).toBe(START_MS + 4);
  expect(first.head()?.recordsAhead).toBe(1);
  first.cluster.trigger();
  await time.runFor(500);
  await first.cluster.cancel();
  const restore = first.cluster.completed[0];
  expect(restore).toBeDefined();
  const second = await run(strategy, feed, { time, ...(restore === undefined ? {} : { restore }) });
  feed.put('a', { at: farAhead });
  await time.runFor(500);
  expect(second.head()?.recordsAhead).toBe(2);
  // When the clock has come so far it is a record like others.
  time.jumpWallClock(7_200_000);
  feed.put('a', { at: farAhead });
  feed.put('b', { at: farAhead });
  await time.runFor(500);
  expect(second.end()?.watermarkMs).toBe(farAhead - 1);
  await second.cluster.cancel();
});

test('with `onAhead: error` a record from the future fails as its operator’s records fail', async () => {
  const feed = new Feed();
  const strategy = monotonous<Event>((event) => event.at, { maxAhead: '1 hour', onAhead: 'error' });
  const skipping = await run(strategy, feed, { onError: 'skip' });
  feed.put('a', { at: START_MS + 7_200_000 }, { at: START_MS });
  await skipping.time.runFor(500);
  expect(skipping.seen.map(({ at }) => at)).toEqual([START_MS]);
  expect(skipping.head()?.dropped).toMatchObject({ skipped: 1 });
  await skipping.cluster.cancel();
  const failing = await run(strategy, feed);
  await failing.time.runFor(500);
  expect(failing.cluster.failure?.code).toBe('MR_EVENT_TIME_AHEAD');
  await failing.cluster.cancel();
});

test.each([
  ['5 s' as const, 9],
  ['never' as const, 0],
])(
  'a split that says nothing holds the watermark back until it is idle: %s',
  async (idleAfter, watermark) => {
    const feed = new Feed();
    const { time, cluster, end } = await run(
      monotonous<Event>((event) => event.at, { idleAfter }),
      feed,
    );
    feed.put('a', { at: 1 });
    feed.put('b', { at: 1 });
    for (let second = 0; second < 8; second++) {
      feed.put('a', { at: 2 + second });
      await time.runFor(1_000);
    }
    feed.put('a', { at: 10 });
    await time.runFor(40_000);
    expect(end()?.watermarkMs).toBe(watermark);
    await cluster.cancel();
  },
);

test('what a generator throws, or returns in place of a watermark, fails the job with its place', async () => {
  for (const generator of [
    () => ({
      onRecord: (): undefined => {
        throw new Error('no mark');
      },
    }),
    () => ({ onRecord: () => '5' as never }),
    () => ({}) as never,
  ]) {
    const feed = new Feed();
    feed.put('a', { at: 1 });
    const { time, cluster } = await run(
      customWatermarks<Event>((event) => event.at, generator),
      feed,
    );
    await time.runFor(500);
    expect(cluster.failure?.code).toBe('MR_USER_FUNCTION');
    expect(cluster.failure?.message).toContain('watermark generator');
    await cluster.cancel();
  }
});

test('a reader that holds its watermark back while it waits for a read does not ask its generator all the time', async () => {
  let answer = (): void => {};
  const answered = new Promise<void>((resolve) => (answer = resolve));
  const source = defineSource<Event, Split, number>({
    name: 'slow',
    boundedness: 'bounded',
    isOrdered: false,
    splits: [{ id: 'a' }, { id: 'b' }],
    start: 0,
    async *read() {
      await answered;
      yield { records: [], position: 1 };
    },
  });
  const strategy = customWatermarks<Event>(
    (event) => event.at,
    () => ({ onRecord: () => undefined }),
  );
  const graph = defineJob('held', (env) => {
    env
      .source(source)
      .watermarks(strategy)
      .forEach(() => {});
  }).plan(SUBMISSION);
  const time = new VirtualTime({ startMs: START_MS });
  const cluster = await TestCluster.start({ job: compileTestJob(graph, 1), time, slot: {} });
  await time.runFor(1_000);
  let wakes = 0;
  while (time.nextMs() < 2_000 && (await time.step())) wakes++;
  expect(wakes).toBeLessThan(200);
  answer();
  await cluster.cancel();
});

/** Two sources of one group, in one job. */
async function runAligned(feed: Feed) {
  const time = new VirtualTime({ startMs: START_MS });
  const read: Record<string, number[]> = { fast: [], slow: [] };
  const alignment = { group: 'g', maxDrift: '1 minute' } as const;
  const graph = defineJob(
    'aligned',
    (env) => {
      for (const name of ['fast', 'slow']) {
        env
          .source(feed.source(name, [name]))
          .watermarks(monotonous((event) => event.at, { alignment, idleAfter: '10 s' }))
          .forEach((event) => void read[name]?.push(event.at));
      }
    },
    { deadLetters: false },
  ).plan(SUBMISSION);
  const cluster = await TestCluster.start({ job: compileTestJob(graph, 1), time, slot: {} });
  const reports = () => [...cluster.metrics.values()].flatMap(({ alignment: report }) => report ?? []);
  const tell = (limitMs: number | null): void => {
    for (const slot of cluster.slots) slot.alignWatermarks({ g: limitMs, other: 0 });
  };
  return { time, cluster, read, reports, tell };
}

test('a source of an alignment group reads its first records, then no further than it is told', async () => {
  const feed = new Feed();
  const { time, cluster, read, reports, tell } = await runAligned(feed);
  feed.put('fast', { at: 1_000 });
  await time.runFor(500);
  feed.put('fast', { at: 2_000 });
  await time.runFor(500);
  expect(read['fast']).toEqual([1_000]);
  expect(reports()).toContainEqual({
    group: 'g',
    watermarkMs: 999,
    isCounted: true,
    limitMs: null,
    isWaiting: true,
  });
  tell(1_500);
  await time.runFor(500);
  feed.put('fast', { at: 3_000 });
  await time.runFor(2_000);
  expect(read['fast']).toEqual([1_000, 2_000]);
  expect(reports()).toContainEqual({
    group: 'g',
    watermarkMs: 1_999,
    isCounted: true,
    limitMs: 1_500,
    isWaiting: true,
  });
  // It waits, and is not idle, however long that takes.
  await time.runFor(60_000);
  expect(reports().filter(({ isCounted }) => isCounted)).toHaveLength(1);
  tell(null);
  await time.runFor(500);
  expect(read['fast']).toEqual([1_000, 2_000, 3_000]);
  // Now it is read, and has nothing: nobody has to wait for it.
  await time.runFor(11_000);
  expect(reports().filter(({ isCounted }) => isCounted)).toEqual([]);
  await cluster.cancel();
});
