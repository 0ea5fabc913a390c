// Sliding windows and timers over a rated stream, whose results do not depend on how parallel the job is.
import { boundedOutOfOrderness, count, defineJob, generate, sliding, sum, valueState } from '@millrace/api';
import { jsonLines } from '@millrace/connector-files';

interface Reading {
  readonly sensor: string;
  readonly time: number;
  readonly value: number;
}

const SENSORS = 23;

/** The reading with this index. */
export const readingAt = (index: number): Reading => ({
  sensor: `s${(index * 7) % SENSORS}`,
  // Out of order by up to 40 ms.
  time: index * 10 + ((index * 13) % 5) * 10 - 40,
  value: index % 100,
});

/** How many readings a sensor had: version 1 of the state has the number, version 2 an object, and no way leads to version 3. */
type Seen = number | { readonly count: number };

function seenState(version: number) {
  if (version === 1) return valueState<Seen>();
  return valueState<Seen>({ version, from: version === 2 ? { 1: (old: number) => ({ count: old }) } : {} });
}

function oneMore(seen: Seen | undefined, version: number): Seen {
  const isOld = typeof seen === 'number';
  if (seen !== undefined && isOld !== (version === 1))
    throw new Error(`state of another version: ${typeof seen}`);
  const count = (isOld ? seen : (seen?.count ?? 0)) + 1;
  return version === 1 ? count : { count };
}

export default defineJob('moving-sums', (env) => {
  const { params } = env;
  const total = params.number('count', 10_000);
  const out = params.string('out', 'out');
  const version = params.number('seenVersion', 1);
  env.options({
    checkpoint: { interval: '500ms' },
    autoScaling: { settlingTime: '200ms', minInterval: '300ms', lossWait: '1 s' },
  });

  const readings = env
    .source(generate({ count: total, splits: 24, isOrdered: true }, readingAt), {
      ratePerSecond: params.number('ratePerSecond', 5_000),
    })
    .watermarks(boundedOutOfOrderness('1 s', (reading) => reading.time))
    .keyBy((reading) => reading.sensor);

  readings
    .window(sliding('10 s', '2 s'))
    .aggregate({ count: count(), sum: sum((reading) => reading.value) })
    .sink(jsonLines({ path: `${out}/windows` }));

  readings
    .process({
      state: { seen: seenState(version) },
      onRecord: (reading, { state, timers }) => {
        state.seen.update(oneMore(state.seen.value(), version));
        // One timer for each ten seconds of a sensor.
        timers.registerEventTime(Math.ceil(reading.time / 10_000) * 10_000);
      },
      onTimer: ({ timestamp }, { key }) => [{ sensor: key, at: timestamp }],
    })
    .sink(jsonLines({ path: `${out}/timers` }));
});
