// A promise where a value is expected is refused, whatever the function, when the graph is built or when it comes.
import { describe, expect, test } from 'vitest';
import {
  aggregatingState,
  aggregator,
  asc,
  avg,
  boundedOutOfOrderness,
  count,
  desc,
  first,
  isMillraceError,
  max,
  reducingState,
  sum,
  topN,
  tumbling,
  valueState,
  mapState,
  type Change,
  type DataStream,
} from '@millrace/api';
import { ChainHarness } from './chain-harness.ts';
import type { TestedStream } from './harness-options.ts';

type Returning = (...args: readonly unknown[]) => never;
type Case = (input: DataStream<number>, fn: Returning) => TestedStream;

const keyed = (input: DataStream<number>) => input.keyBy((n) => n % 2);
const noState = { onRecord: () => undefined };

/** Every place where a user's function gives a value that the engine uses at once. */
const cases: { readonly [what: string]: Case } = {
  map: (input, fn) => input.map(fn),
  filter: (input, fn) => input.filter(fn),
  flatMap: (input, fn) => input.flatMap(fn),
  forEach: (input, fn) => {
    input.forEach(fn);
    return input.map((n) => n);
  },
  'print format': (input, fn) => {
    input.print({ format: fn });
    return input.map((n) => n);
  },
  keyBy: (input, fn) => input.keyBy(fn).reduce((a) => a),
  watermarks: (input, fn) => input.watermarks(boundedOutOfOrderness(1, fn)),
  reduce: (input, fn) => keyed(input).reduce(fn),
  count: (input, fn) => keyed(input).aggregate({ x: count(fn) }),
  sum: (input, fn) => keyed(input).aggregate({ x: sum(fn) }),
  max: (input, fn) => keyed(input).aggregate({ x: max(fn) }),
  avg: (input, fn) => keyed(input).aggregate({ x: avg(fn) }),
  first: (input, fn) => keyed(input).aggregate({ x: first(fn) }),
  'topN by': (input, fn) => keyed(input).aggregate({ x: topN(2, { by: fn }) }),
  'running topN': (input, fn) =>
    keyed(input)
      .topN(2, { orderBy: desc(fn) })
      .toStream(),
  'sort thenBy': (input, fn) => input.sort({ thenBy: asc(fn) }),
  'over in an order of rows': (input, fn) =>
    keyed(input)
      .over({ x: count() }, { orderBy: asc(fn) })
      .toStream(),
  'topN select': (input, fn) => keyed(input).aggregate({ x: topN(2, { by: (n: number) => n, select: fn }) }),
  'aggregator create': (input, fn) =>
    keyed(input).aggregate({
      x: aggregator({ create: fn, add: (a: number) => a, merge: (a) => a, result: (a) => a }),
    }),
  'aggregator add': (input, fn) =>
    keyed(input).aggregate({
      x: aggregator({ create: () => 0, add: fn, merge: (a) => a, result: (a) => a }),
    }),
  'aggregator result': (input, fn) =>
    keyed(input).aggregate({
      x: aggregator({ create: () => 0, add: (a) => a, merge: (a) => a, result: fn }),
    }),
  'window reduce': (input, fn) => keyed(input).window(tumbling(10)).reduce(fn),
  'window process': (input, fn) => keyed(input).window(tumbling(10)).process(fn),
  'window sum': (input, fn) =>
    keyed(input)
      .window(tumbling(10))
      .aggregate({ x: sum(fn) }),
  onRecord: (input, fn) => input.process({ onRecord: fn }),
  'keyed onRecord': (input, fn) => keyed(input).process({ onRecord: fn }),
  onTimer: (input, fn) =>
    keyed(input).process({
      onRecord: (_n: number, { timers }) => timers.registerEventTime(1),
      onTimer: fn,
    }),
  onFirst: (input, fn) => input.connect(input).process({ onFirst: fn, onSecond: () => undefined }),
  onSecond: (input, fn) => input.connect(input).process({ onFirst: () => undefined, onSecond: fn }),
  'connected map': (input, fn) => input.connect(input).map(fn, fn),
  'connected flatMap': (input, fn) => input.connect(input).flatMap(fn, fn),
  onBroadcast: (input, fn) =>
    input
      .connect(input.broadcast({ x: mapState<string, number>() }))
      .process({ ...noState, onBroadcast: fn }),
  reducingState: (input, fn) =>
    keyed(input).process({
      state: { x: reducingState<number>(fn) },
      onRecord(n, { state }) {
        state.x.add(n);
        state.x.add(n);
      },
    }),
  'aggregatingState create': (input, fn) =>
    keyed(input).process({
      state: { x: aggregatingState({ create: fn, add: (a) => a, result: (a) => a }) },
      onRecord: (n, { state }) => state.x.add(n as never),
    }),
  'aggregatingState add': (input, fn) =>
    keyed(input).process({
      state: { x: aggregatingState({ create: () => 0, add: fn, result: (a) => a }) },
      onRecord: (n, { state }) => state.x.add(n as never),
    }),
  'aggregatingState result': (input, fn) =>
    keyed(input).process({
      state: { x: aggregatingState({ create: () => 0, add: (_, n: number) => n, result: fn }) },
      onRecord(n, { state }) {
        state.x.add(n);
        return [state.x.get()];
      },
    }),
  'update of a state': (input, fn) =>
    keyed(input).process({
      state: { x: valueState<number>() },
      onRecord: (n, { state }) => state.x.update(fn(n)),
    }),
  emit: (input, fn) => input.process({ onRecord: (n, context) => context.emit(fn(n)) }),
};

/** The same over changes. */
const casesOfChanges: {
  readonly [what: string]: (input: DataStream<Change<number>>, fn: Returning) => TestedStream;
} = {
  'max of a changelog': (input, fn) =>
    input
      .toChangelog()
      .aggregate({ x: max(fn) })
      .toStream(),
  'topN by of a changelog': (input, fn) =>
    input
      .toChangelog()
      .aggregate({ x: topN(2, { by: fn }) })
      .toStream(),
  'normalize filter': (input, fn) =>
    input
      .toChangelog({ mode: 'upsert' })
      .normalize((n) => n, { filter: fn })
      .toStream(),
};

function run(what: string, fn: Returning): Promise<unknown> {
  const build = cases[what];
  if (build !== undefined) return runOver((input) => build(input, fn), [0, 1, 2, 3]);
  const buildOfChanges = casesOfChanges[what];
  if (buildOfChanges === undefined) throw new Error(`no case ${what}`);
  return runOver(
    (input: DataStream<Change<number>>) => buildOfChanges(input, fn),
    [0, 1, 2, 3].map((row): Change<number> => ({ kind: 'insert', row })),
  );
}

async function runOver<T>(
  operators: (input: DataStream<T>) => TestedStream,
  values: readonly T[],
): Promise<unknown> {
  let harness: ChainHarness<T> | undefined;
  try {
    harness = await ChainHarness.open<T>({ operators, parallelism: 1 });
    harness.send(values.map((value, atMs) => ({ value, atMs })));
    harness.watermark(20);
    harness.endInput();
    return 'nothing was refused';
  } catch (error) {
    return isMillraceError(error) ? error.code : error;
  }
}

describe.each(Object.keys({ ...cases, ...casesOfChanges }))('%s', (what) => {
  const promising: Returning = (() => Promise.resolve(1)) as never;
  test('refuses a promise', async () => {
    expect(await run(what, promising)).toBe('MR_PROMISE_RETURNED');
  });
});

test('an async function is refused when the graph is built, with a pointer to mapAsync', async () => {
  const asynchronous = (async () => 1) as unknown as Returning;
  const notGivenAsSuch = new Set(['update of a state', 'emit']);
  for (const what of Object.keys(cases)) {
    if (notGivenAsSuch.has(what)) continue;
    const build = cases[what] as Case;
    await expect(
      ChainHarness.open<number>({ operators: (input) => build(input, asynchronous), parallelism: 1 }),
      what,
    ).rejects.toMatchObject({
      code: 'MR_PROMISE_RETURNED',
      message: expect.stringContaining('mapAsync') as string,
    });
  }
});
