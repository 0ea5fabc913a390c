// What the compiler must infer, and what it must refuse. The bodies of refused programs are never run.
import { describe, expectTypeOf, test } from 'vitest';
import {
  aggregator,
  avg,
  boundedOutOfOrderness,
  count,
  defineJob,
  defineSource,
  fromArray,
  generate,
  listState,
  mapState,
  noWatermarks,
  max,
  outputTag,
  sinkBrand,
  sum,
  topN,
  tumbling,
  type,
  valueState,
  first,
  type DataStream,
  type DeepReadonly,
  type KeyedStream,
  type Sink,
  type StreamEnd,
  type StreamEnvironment,
} from './index.ts';

interface Flight {
  readonly date: number;
  readonly delay: number;
  readonly origin: string;
  readonly tags: string[];
}
interface Airport {
  readonly iata: string;
  readonly city: string | null;
}

/** Type-checked, never run. */
function program(_build: (env: StreamEnvironment) => void): void {}
const flightSource = fromArray<Flight>([]);
const airportSource = fromArray<Airport>([]);
function sinkOf<T = unknown>(): Sink<T> {
  return {
    [sinkBrand]: 1,
    name: 'test',
    describe: () => ({}),
    openWriter: () => ({ write() {}, prepareCommit: () => [], close() {} }),
  };
}
function jsonSink<T>(_options: {
  readonly path: string;
  readonly format?: (record: DeepReadonly<T>) => string;
}): Sink<T> {
  return sinkOf<T>();
}

describe('the fluent API infers', () => {
  test('records from the source through map, keyBy, window and aggregate to the sink', () => {
    program((env) => {
      const hourly = env
        .source(flightSource)
        .watermarks(boundedOutOfOrderness('5 minutes', (flight) => flight.date))
        .map((flight) => ({ ...flight, isLate: flight.delay > 15 }))
        .keyBy((flight) => flight.origin)
        .window(tumbling('1 hour'))
        .aggregate({
          flights: count(),
          late: count((flight) => flight.isLate),
          meanDelay: avg((flight) => flight.delay),
          maxDelay: max((flight) => flight.delay),
          firstOrigin: first((flight) => flight.origin),
        });
      expectTypeOf(hourly).toEqualTypeOf<
        DataStream<{
          key: string;
          windowStart: number;
          windowEnd: number;
          flights: number;
          late: number;
          meanDelay: number;
          maxDelay: number;
          firstOrigin: string;
        }>
      >();
      hourly.sink(jsonSink({ path: 'out', format: (row) => `${row.key} ${row.flights.toFixed()}` }));
      hourly.sink(sinkOf());
      expectTypeOf(hourly.sink(sinkOf<unknown>())).toEqualTypeOf<StreamEnd>();
    });
  });

  test('watermarks given to the source, made elsewhere, or none', () => {
    const byDate = boundedOutOfOrderness('1 s', (flight: DeepReadonly<Flight>) => flight.date);
    program((env) => {
      const flights = env.source(flightSource, {
        watermarks: boundedOutOfOrderness('1 s', (flight) => flight.date),
      });
      flights.watermarks(byDate).watermarks(noWatermarks());
      expectTypeOf(flights.map((flight) => flight).watermarks(byDate)).toEqualTypeOf<
        DataStream<DeepReadonly<Flight>>
      >();
      // @ts-expect-error: another record
      env.source(airportSource, { watermarks: byDate });
    });
  });

  test('topN with and without select, and custom aggregates', () => {
    program((env) => {
      const byOrigin = env.source(flightSource).keyBy((flight) => flight.origin);
      const ranked = byOrigin.aggregate({
        worst: topN(3, { by: (flight) => flight.delay }),
        delays: topN(3, {
          by: (flight) => flight.delay,
          tieBreak: (flight) => flight.origin,
          select: (flight) => flight.delay,
        }),
        span: aggregator({
          create: () => ({ min: Infinity, max: -Infinity }),
          add: (span, flight) => ({
            min: Math.min(span.min, flight.date),
            max: Math.max(span.max, flight.date),
          }),
          merge: (a, b) => ({ min: Math.min(a.min, b.min), max: Math.max(a.max, b.max) }),
          result: (span) => span.max - span.min,
        }),
      });
      ranked.map((row) => {
        expectTypeOf(row.worst).toEqualTypeOf<readonly DeepReadonly<Flight>[]>();
        expectTypeOf(row.delays).toEqualTypeOf<readonly number[]>();
        expectTypeOf(row.span).toEqualTypeOf<number>();
        return row;
      });
    });
  });

  test('keys: literals, composites and records', () => {
    program((env) => {
      const flights = env.source(flightSource);
      expectTypeOf(flights.keyBy((flight) => flight.origin)).toEqualTypeOf<KeyedStream<string, Flight>>();
      flights
        .keyBy((flight) => [flight.origin, flight.delay])
        .process({
          onRecord: (_, ctx) => void expectTypeOf(ctx.key).toEqualTypeOf<readonly [string, number]>(),
        });
      flights
        .map((flight) => ({ place: { city: flight.origin } }))
        .keyBy((record) => record.place)
        .aggregate({ n: count() });
      // @ts-expect-error: undefined is no key
      flights.keyBy(() => undefined);
    });
  });

  test('map, filter with a guard, flatMap and primitives', () => {
    program((env) => {
      const words = env.source(fromArray(['a b', 'c'])).flatMap((line) => line.split(' '));
      expectTypeOf(words).toEqualTypeOf<DataStream<string>>();
      expectTypeOf(words.map((word) => word.length)).toEqualTypeOf<DataStream<number>>();
      expectTypeOf(
        words.map((word) => (word === '' ? undefined : word)).filter((word) => word !== undefined),
      ).toEqualTypeOf<DataStream<string>>();
      expectTypeOf(
        env.source(generate({ count: 3 }, (index) => new Date(index))).map((date) => date),
      ).toEqualTypeOf<DataStream<Date>>();
      words
        .keyBy((word) => word)
        .reduce((a, b) => a + b)
        .forEach((word) => word.toUpperCase());
    });
  });

  test('union and join', () => {
    program((env) => {
      const flights = env.source(flightSource);
      expectTypeOf(flights.union(env.source(flightSource))).toEqualTypeOf<DataStream<Flight>>();
      expectTypeOf(
        flights.map((flight) => flight.delay).union(flights.map((flight) => flight.origin)),
      ).toEqualTypeOf<DataStream<number | string>>();
      const inner = flights.join(airportSource, {
        recordKey: (flight) => flight.origin,
        tableKey: (airport) => airport.iata,
        select: (flight, airport) => ({ delay: flight.delay, city: airport.city }),
      });
      expectTypeOf(inner).toEqualTypeOf<DataStream<{ delay: number; city: string | null }>>();
      const left = flights.join(airportSource, {
        recordKey: (flight) => flight.origin,
        tableKey: (airport) => airport.iata,
        type: 'left',
        select: (flight, airport) => ({ delay: flight.delay, city: airport?.city }),
      });
      expectTypeOf(left).toEqualTypeOf<DataStream<{ delay: number; city: string | null | undefined }>>();
      flights.join(airportSource, {
        recordKey: (flight) => flight.origin,
        tableKey: (airport) => airport.iata,
        type: 'left',
        // @ts-expect-error: the row may be undefined
        select: (_, airport) => airport.city,
      });
      flights.join(airportSource, {
        recordKey: (flight) => flight.delay,
        // @ts-expect-error: keys of different types never meet
        tableKey: (airport) => airport.iata,
        select: (flight) => flight,
      });
    });
  });

  test('process functions: state handles, emitted and returned types, side outputs', () => {
    program((env) => {
      const slow = outputTag<{ readonly origin: string; readonly count: number }>('slow');
      const result = env
        .source(flightSource)
        .keyBy((flight) => flight.origin)
        .process({
          state: {
            seen: valueState({ initial: 0 }),
            latest: valueState<Flight>(),
            delays: listState<number>(),
            byDay: mapState<string, { total: number }>(),
          },
          emits: type<{ origin: string }>(),
          onRecord(flight, ctx) {
            expectTypeOf(flight).toEqualTypeOf<DeepReadonly<Flight>>();
            expectTypeOf(ctx.key).toEqualTypeOf<string>();
            expectTypeOf(ctx.state.seen.value()).toEqualTypeOf<number>();
            expectTypeOf(ctx.state.latest.value()).toEqualTypeOf<DeepReadonly<Flight> | undefined>();
            expectTypeOf(ctx.state.delays.get()).toEqualTypeOf<Iterable<number>>();
            expectTypeOf(ctx.state.byDay.get('x')).toEqualTypeOf<{ readonly total: number } | undefined>();
            ctx.state.latest.update(flight);
            ctx.timers.registerEventTime(ctx.timestamp + 1);
            ctx.emit({ origin: flight.origin });
            ctx.output(slow, { origin: flight.origin, count: 1 });
            ctx.output(outputTag<Flight>('whole'), flight);
            // @ts-expect-error: not what was declared
            ctx.emit({ origin: 1 });
            // @ts-expect-error: not the tag's type
            ctx.output(slow, { origin: 1, count: 1 });
            // @ts-expect-error: no such state
            ctx.state.other.clear();
            // @ts-expect-error: another type
            ctx.state.seen.update('1');
            // @ts-expect-error: state values are read-only
            ctx.state.latest.value().tags.push('x');
          },
          onTimer(timer, ctx) {
            return [{ firedAt: timer.timestamp, count: ctx.state.seen.value() }];
          },
        });
      expectTypeOf(result).toEqualTypeOf<
        DataStream<{ origin: string } | { firedAt: number; count: number }>
      >();
      expectTypeOf(result.sideOutput(slow)).toEqualTypeOf<
        DataStream<{ readonly origin: string; readonly count: number }>
      >();
    });
  });

  test("a process function's output from what onRecord returns", () => {
    program((env) => {
      const flights = env.source(flightSource);
      const counted = flights
        .keyBy((flight) => flight.origin)
        .process({
          state: { seen: valueState<number>() },
          onRecord(flight, ctx) {
            const seen = (ctx.state.seen.value() ?? 0) + 1;
            ctx.state.seen.update(seen);
            return seen % 10 === 0 ? [{ origin: flight.origin, seen }] : [];
          },
        });
      expectTypeOf(counted).toEqualTypeOf<DataStream<{ origin: string; seen: number }>>();
      const plain = flights.process({
        onRecord: (flight) => (flight.delay > 0 ? [flight.delay] : undefined),
      });
      expectTypeOf(plain).toEqualTypeOf<DataStream<number>>();
      flights.process({
        // @ts-expect-error: nothing was declared with `emits`
        onRecord: (flight, ctx) => ctx.emit(flight.delay),
      });
    });
  });

  test('positions of a defined source from its start', () => {
    const source = defineSource({
      name: 'numbers',
      splits: [{ id: 'a', from: 0, to: 10 }],
      start: (split) => split.from,
      *read(split, position) {
        expectTypeOf(position).toEqualTypeOf<number>();
        for (let value = position; value < split.to; value++)
          yield { records: [{ value }], position: value + 1 };
      },
    });
    program((env) => expectTypeOf(env.source(source)).toEqualTypeOf<DataStream<{ value: number }>>());
    const polled = defineSource({
      name: 'polled',
      boundedness: 'unbounded',
      splits: [{ id: 'all' }],
      start: 0,
      async *read(_split, position) {
        for (let at = position; ; at++) yield { records: [String(at)], position: at };
      },
    });
    program((env) => expectTypeOf(env.source(polled)).toEqualTypeOf<DataStream<string>>());
    const paged = defineSource({
      name: 'paged',
      splits: () => [{ id: 'all' }],
      start: { page: 0 },
      *read(_split, position) {
        yield { records: ['a'], position: { page: position.page + 1 } };
      },
    });
    program((env) => expectTypeOf(env.source(paged)).toEqualTypeOf<DataStream<string>>());
  });
});

describe('the compiler refuses', () => {
  test('asynchronous functions where records are processed', () => {
    program((env) => {
      const flights = env.source(flightSource);
      expectTypeOf(flights).toEqualTypeOf<DataStream<Flight>>();
      // @ts-expect-error: a promise
      flights.map(async (flight) => flight.delay);
      // @ts-expect-error: a promise
      flights.filter(async (flight) => flight.delay > 0);
      // @ts-expect-error: a promise
      flights.flatMap(async (flight) => [flight.delay]);
      // @ts-expect-error: a promise
      flights.keyBy(async (flight) => flight.origin);
      // @ts-expect-error: a promise
      flights.keyBy((flight) => flight.origin).process({ onRecord: async (flight) => [flight.delay] });
    });
  });

  test('changing a record, fields that are not there, and aggregates of text', () => {
    program((env) => {
      const flights = env.source(flightSource);
      expectTypeOf(flights).toEqualTypeOf<DataStream<Flight>>();
      // @ts-expect-error: read-only
      flights.map((flight) => flight.tags.push('x'));
      // @ts-expect-error: no such field
      flights.keyBy((flight) => flight.destination);
      // @ts-expect-error: not a number
      flights.keyBy((flight) => flight.origin).aggregate({ total: sum((flight) => flight.origin) });
      // @ts-expect-error: no such field
      flights.watermarks(boundedOutOfOrderness('1 s', (flight) => flight.time));
    });
  });

  test('a sink for other records, a late output of other records, and windows without a key', () => {
    program((env) => {
      const flights = env.source(flightSource);
      expectTypeOf(flights).toEqualTypeOf<DataStream<Flight>>();
      // @ts-expect-error: the sink wants more than there is
      flights.sink(sinkOf<{ readonly origin: string; readonly destination: string }>());
      // @ts-expect-error: the sink wants a field more
      flights.sink(sinkOf<Flight & { readonly destination: string }>());
      // @ts-expect-error: the sink wants something else
      flights.sink(sinkOf<number>());
      flights.sink(sinkOf<{ readonly origin: string }>());
      flights.map((flight) => flight).sink(sinkOf<Flight>());
      // @ts-expect-error: windows are for keyed streams
      flights.window(tumbling('1 hour'));
      const windows = flights.keyBy((flight) => flight.origin).window(tumbling('1 h'));
      windows.sideOutputLateData(outputTag<Flight>('late'));
      windows.sideOutputLateData(outputTag<DeepReadonly<Flight>>('late'));
      // @ts-expect-error: records of another type
      windows.sideOutputLateData(outputTag<number>('late'));
    });
  });

  test('unknown options', () => {
    program(() => {
      // @ts-expect-error: no such option
      defineJob('typo', () => {}, { paralellism: 2 });
    });
    program((env) => {
      // @ts-expect-error: no such option
      env.source(flightSource, { watermark: undefined });
      // @ts-expect-error: no such option
      const end = env.source(flightSource).print({ as: 'json' });
      expectTypeOf(end).toEqualTypeOf<StreamEnd>();
    });
  });
});
