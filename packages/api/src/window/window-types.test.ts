// What the compiler infers of windows, and what it refuses; what is refused when the graph is built. Programs are never run.
import { describe, expect, expectTypeOf, test } from 'vitest';
import {
  count,
  countEvictor,
  countTrigger,
  countWindow,
  defineJob,
  deltaTrigger,
  evictor,
  fromArray,
  globalWindow,
  max,
  session,
  trigger,
  tumbling,
  type,
  valueState,
  type ChangelogStream,
  type DataStream,
  type JobDefinition,
  type StreamEnvironment,
} from '../index.ts';

interface Flight {
  readonly origin: string;
  readonly delay: number;
}

/** Type-checked, never run. */
function program(_build: (env: StreamEnvironment) => void): void {}

const flightSource = fromArray<Flight>([]);
const byOrigin = (env: StreamEnvironment) => env.source(flightSource).keyBy((flight) => flight.origin);

describe('the compiler', () => {
  test('infers results by emit policy and function', () => {
    program((env) => {
      const windows = byOrigin(env).window(session('30 minutes'));
      expectTypeOf(windows.aggregate({ n: count() })).toEqualTypeOf<
        DataStream<{ key: string; windowStart: number; windowEnd: number; n: number }>
      >();
      expectTypeOf(windows.emit('update').aggregate({ n: count() })).toEqualTypeOf<
        ChangelogStream<{ key: string; windowStart: number; windowEnd: number; n: number }>
      >();
      expectTypeOf(windows.emit('complete').reduce((a) => a)).toEqualTypeOf<DataStream<Flight>>();
      const all = env.source(flightSource).windowAll(tumbling('1 h'));
      expectTypeOf(all.aggregate({ worst: max(({ delay }) => delay) })).toEqualTypeOf<
        DataStream<{ windowStart: number; windowEnd: number; worst: number }>
      >();
      expectTypeOf(
        windows.aggregate({ n: count() }, (key, { n }, { end }) => [`${key.length} ${n + end}`]),
      ).toEqualTypeOf<DataStream<string>>();
      expectTypeOf(
        windows.process({
          state: { last: valueState<number>() },
          emits: type<number>(),
          process: (key, records, _window, ctx) => {
            expectTypeOf(key).toEqualTypeOf<string>();
            ctx.emit(ctx.state.last.value() ?? 0);
            return [...records].map(({ delay }) => ({ delay }));
          },
        }),
      ).toEqualTypeOf<DataStream<number | { delay: number }>>();
    });
  });

  test('knows the record in gaps, triggers and evictors', () => {
    program((env) => {
      const flights = byOrigin(env);
      flights.window(session(({ delay }) => delay));
      // @ts-expect-error: no such field
      flights.window(session(({ gap }) => gap));
      const windows = flights.window(globalWindow());
      windows.trigger(deltaTrigger(5, (last, { delay }) => delay - last.delay));
      windows.trigger(trigger({ onRecord: ({ delay }) => (delay > 60 ? 'FIRE' : 'CONTINUE') }));
      // @ts-expect-error: no such answer
      windows.trigger(trigger({ onRecord: () => 'fire' }));
      windows.evictor(
        evictor({ evictBefore: (elements) => elements.filter(({ record }) => record.delay > 0) }),
      );
      // @ts-expect-error: an evictor is no trigger
      windows.trigger(countEvictor(1));
      // @ts-expect-error: no such policy
      windows.emit('retract');
    });
  });
});

/** The code of what a graph is refused with. */
function refusalOf(build: (env: StreamEnvironment) => void): string | undefined {
  const job: JobDefinition = defineJob('refused', build);
  try {
    job.plan({ args: [], params: {}, environment: {}, baseDirectory: '/' });
  } catch (error) {
    return (error as { readonly code?: string }).code;
  }
  return undefined;
}

describe('a graph is refused', () => {
  const noMerge = trigger<Flight>({ onRecord: () => 'FIRE' });
  test.each<readonly [string, string, (env: StreamEnvironment) => void]>([
    [
      'a global window without a trigger',
      'MR_GRAPH_INVALID',
      (env) =>
        byOrigin(env)
          .window(globalWindow())
          .reduce((a) => a),
    ],
    [
      'sessions with a trigger that cannot merge',
      'MR_GRAPH_INVALID',
      (env) => byOrigin(env).window(session(5)).trigger(noMerge),
    ],
    [
      'a trigger of count windows',
      'MR_GRAPH_INVALID',
      (env) => byOrigin(env).window(countWindow(5)).trigger(countTrigger(2)),
    ],
    [
      'lateness of count windows',
      'MR_GRAPH_INVALID',
      (env) => byOrigin(env).window(countWindow(5)).allowedLateness(2),
    ],
    [
      'state of sessions',
      'MR_GRAPH_INVALID',
      (env) =>
        byOrigin(env)
          .window(session(5))
          .process({ windowState: { n: valueState<number>() }, process: () => [] }),
    ],
    ['count windows in which a record is too often', 'MR_OPTION_INVALID', () => countWindow(10_000, 1)],
    ['count windows with gaps', 'MR_OPTION_INVALID', () => countWindow(2, 3)],
    ['an evictor of nothing', 'MR_OPTION_INVALID', () => evictor({})],
    ['an evictor of less than nothing', 'MR_OPTION_INVALID', () => countEvictor(-1)],
    ['something else than a window', 'MR_OPTION_INVALID', (env) => byOrigin(env).window({} as never)],
  ])('%s', (_what, code, build) => {
    expect(refusalOf(build)).toBe(code);
  });
});
