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

export default defineJob('moving-sums', (env) => {
  const { params } = env;
  const total = params.number('count', 10_000);
  const out = params.string('out', 'out');
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
      state: { seen: valueState<number>() },
      onRecord: (reading, { state, timers }) => {
        state.seen.update((state.seen.value() ?? 0) + 1);
        // One timer for each ten seconds of a sensor.
        timers.registerEventTime(Math.ceil(reading.time / 10_000) * 10_000);
      },
      onTimer: ({ timestamp }, { key }) => [{ sensor: key, at: timestamp }],
    })
    .sink(jsonLines({ path: `${out}/timers` }));
});
