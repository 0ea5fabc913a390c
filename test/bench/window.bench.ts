// Sliding windows of 120 panes against tumbling ones: slices make the overlap nearly free.
import {
  boundedOutOfOrderness,
  count,
  defineJob,
  generate,
  sliding,
  tumbling,
  type JobDefinition,
} from '@millrace/api';
import { mix32 } from '@millrace/common';
import { compare, type Bench } from './compare.ts';
import { runLocalJob } from './local-job.ts';

const RECORDS = 12_000_000;
const KEYS = 1_000;
/** Event time: 100,000 events a second. */
const EVENTS_PER_MS = 100;

function windowedCount(window: ReturnType<typeof tumbling>): JobDefinition {
  return defineJob(
    'windowed-count',
    (env) => {
      env
        .source(
          generate({ count: RECORDS, isOrdered: true }, (index) => ({
            id: (mix32(index) >>> 0) % KEYS,
            ms: index / EVENTS_PER_MS,
          })),
        )
        .watermarks(boundedOutOfOrderness('1 s', (event) => event.ms))
        .keyBy((event) => event.id)
        .window(window)
        .aggregate({ events: count() })
        .forEach(() => {});
    },
    { checkpoint: false },
  );
}

const run = async (window: Parameters<typeof windowedCount>[0]): Promise<number> => {
  await runLocalJob(windowedCount(window));
  return RECORDS;
};

export const windowBench: Bench = {
  name: 'window',
  run: async () => [
    await compare({
      what: 'sliding 60 s by 0.5 s, 1,000 keys',
      against: 'tumbling 60 s',
      unit: 'M records/s',
      unitScale: 1e6,
      guard: 0.5,
      rounds: 5,
      warmUps: 1,
      baseline: () => run(tumbling('60 s')),
      ours: () => run(sliding('60 s', '500 ms')),
    }),
  ],
};
