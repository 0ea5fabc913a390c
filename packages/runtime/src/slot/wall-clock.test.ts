// Timers and windows of the wall clock, which may jump: late at worst, never early, never twice.
import {
  count,
  defineJob,
  defineSource,
  tumbling,
  type DataStream,
  type ProcessContext,
  type StreamGraph,
} from '@millrace/api';
import { MemoryKeyValueStore } from '@millrace/state';
import { VirtualTime } from '@millrace/testing';
import { expect, test } from 'vitest';
import { compileTestJob } from './compile-job.testing.ts';
import { TestCluster } from './slot-harness.testing.ts';

const HOUR_MS = 3_600_000;
const START_MS = 1_700_000_000_000;
const SUBMISSION = { args: [], params: {}, environment: {}, baseDirectory: '/' };

/** Numbers that come when the test gives them, and go on without end. */
class Given {
  readonly numbers: number[] = [];

  source() {
    const { numbers } = this;
    return defineSource({
      name: 'given',
      boundedness: 'unbounded',
      splits: [{ id: 'a' }],
      start: 0,
      *read(_split, position) {
        for (let next = position; ;) {
          const records = numbers.slice(next);
          next += records.length;
          yield { records, position: next };
        }
      },
    });
  }
}

function plan(build: (numbers: DataStream<number>) => void, given: Given): StreamGraph {
  const job = defineJob('clock', (env) => build(env.source(given.source())), { deadLetters: false });
  return job.plan(SUBMISSION);
}

interface Fired {
  readonly what: string;
  readonly wallMs: number;
}

/** A timer of each number's own, so many ms after it came. */
function timers(numbers: DataStream<number>, fired: Fired[], opened: { isOpen: boolean }): void {
  numbers
    .keyBy((n) => n)
    .process({
      open: async () => {
        await Promise.resolve();
        opened.isOpen = true;
      },
      onRecord(n, ctx) {
        ctx.timers.registerProcessingTime(ctx.now() + n);
      },
      onTimer(timer, ctx) {
        if (!opened.isOpen) throw new Error('a timer fired before open()');
        if (ctx.now() < timer.timestamp) throw new Error('a timer fired early');
        fired.push({
          what: `${(ctx as { key: unknown } & ProcessContext<never>).key as number}`,
          wallMs: ctx.now(),
        });
      },
    })
    .forEach(() => undefined);
}

/** The newest checkpoint of an attempt, for the next one. */
function restored(after: TestCluster | undefined) {
  const restore = after?.completed.at(-1);
  return after === undefined || restore === undefined
    ? {}
    : { restore, blobStore: after.blobStore, attemptNumber: 2 };
}

async function start(
  graph: StreamGraph,
  options: { readonly time: VirtualTime; readonly after?: TestCluster },
): Promise<TestCluster> {
  return TestCluster.start({
    job: compileTestJob(graph, 1),
    time: options.time,
    ...restored(options.after),
    openKeyValueStore: async () => new MemoryKeyValueStore(),
    slot: {},
  });
}

test('a timer that the clock jumps over fires soon, once', async () => {
  const time = new VirtualTime({ startMs: START_MS });
  const given = new Given();
  const fired: Fired[] = [];
  const cluster = await start(
    plan((numbers) => timers(numbers, fired, { isOpen: false }), given),
    { time },
  );
  given.numbers.push(600_000);
  await time.runFor(5_000);
  time.jumpWallClock(HOUR_MS);
  await time.runFor(2_000);
  expect(fired.map(({ what }) => what)).toEqual(['600000']);
  time.jumpWallClock(-HOUR_MS);
  await time.runFor(10_000);
  time.jumpWallClock(HOUR_MS);
  await time.runFor(10_000);
  expect(cluster.failure).toBeUndefined();
  expect(fired.length).toBe(1);
  await cluster.cancel();
});

test('a timer waits for the clock when that jumps back, and fires once it is there', async () => {
  const time = new VirtualTime({ startMs: START_MS });
  const given = new Given();
  const fired: Fired[] = [];
  const cluster = await start(
    plan((numbers) => timers(numbers, fired, { isOpen: false }), given),
    { time },
  );
  given.numbers.push(10_000);
  await time.runFor(5_000);
  time.jumpWallClock(-HOUR_MS);
  await time.runFor(20_000);
  expect(fired).toEqual([]);
  time.jumpWallClock(HOUR_MS);
  await time.runFor(2_000);
  expect(cluster.failure).toBeUndefined();
  expect(fired.map(({ what }) => what)).toEqual(['10000']);
  await cluster.cancel();
});

test('a timer fires in the millisecond that it was registered for, not in the one before', async () => {
  for (let offset = 0; offset < 3; offset++) {
    const time = new VirtualTime({ startMs: START_MS + offset / 3 });
    const given = new Given();
    const fired: Fired[] = [];
    const cluster = await start(
      plan((numbers) => timers(numbers, fired, { isOpen: false }), given),
      { time },
    );
    given.numbers.push(1, 2, 3, 7, 1_000);
    await time.runFor(5_000);
    expect(cluster.failure).toBeUndefined();
    expect(fired.map(({ what }) => what)).toEqual(['1', '2', '3', '7', '1000']);
    await cluster.cancel();
  }
});

test('timers that became due while nothing ran fire after open(), once', async () => {
  const time = new VirtualTime({ startMs: START_MS });
  const given = new Given();
  const fired: Fired[] = [];
  const opened = { isOpen: false };
  const graph = plan((numbers) => timers(numbers, fired, opened), given);
  const first = await start(graph, { time });
  given.numbers.push(100, 5_000, 60_000);
  await time.runFor(1_000);
  first.trigger();
  await time.runFor(1_000);
  await first.cancel();
  expect(fired.map(({ what }) => what)).toEqual(['100']);
  opened.isOpen = false;
  await time.runFor(20_000);
  const second = await start(graph, { time, after: first });
  await time.runFor(50_000);
  expect(second.failure).toBeUndefined();
  expect(fired.map(({ what }) => what)).toEqual(['100', '5000', '60000']);
  await second.cancel();
});

test.each([-HOUR_MS, HOUR_MS])('a window of the clock fires once, with a jump of %i ms', async (jumpMs) => {
  const time = new VirtualTime({ startMs: START_MS });
  const given = new Given();
  const fired: { readonly windowEnd: number; readonly n: number; readonly wallMs: number }[] = [];
  const graph = plan((numbers) => {
    numbers
      .keyBy(() => 'k')
      .window(tumbling('10 s', { time: 'processing' }))
      .aggregate({ n: count() })
      .forEach(({ windowEnd, n }) => {
        fired.push({ windowEnd, n, wallMs: time.nowMs() });
      });
  }, given);
  const cluster = await start(graph, { time });
  given.numbers.push(1, 2);
  await time.runFor(12_000);
  given.numbers.push(3);
  await time.runFor(1_000);
  time.jumpWallClock(jumpMs);
  given.numbers.push(4);
  await time.runFor(1_000);
  given.numbers.push(5);
  await time.runFor(5_000);
  // The clock is set right again.
  time.jumpWallClock(-jumpMs);
  await time.runFor(25_000);
  // What came while it was ahead belongs to windows that are to come.
  time.jumpWallClock(HOUR_MS);
  await time.runFor(25_000);
  expect(cluster.failure).toBeUndefined();
  expect(fired.reduce((sum, { n }) => sum + n, 0)).toBe(5);
  const ends = fired.map(({ windowEnd }) => windowEnd);
  expect(new Set(ends).size).toBe(ends.length);
  expect(ends).toEqual(ends.toSorted((a, b) => a - b));
  for (const { windowEnd, wallMs } of fired) expect(wallMs).toBeGreaterThanOrEqual(windowEnd);
  await cluster.cancel();
});
