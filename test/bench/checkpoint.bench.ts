// What checkpoints cost: the same job with one every second against none but the last.
import { count, defineJob, generate, type JobDefinition } from '@millrace/api';
import { mix32 } from '@millrace/common';
import { compare, type Bench } from './compare.ts';
import { runLocalJob } from './local-job.ts';

const RECORDS = 30_000_000;
const KEYS = 100_000;

function keyedCount(checkpoint: { readonly interval: string } | false): JobDefinition {
  return defineJob(
    'checkpoint-cost',
    (env) => {
      env
        .source(
          generate({ count: RECORDS }, (index) => ({ id: (mix32(index) >>> 0) % KEYS, value: index & 255 })),
        )
        .keyBy((event) => event.id)
        .aggregate({ events: count() })
        .forEach(() => {});
    },
    { checkpoint },
  );
}

export const checkpointBench: Bench = {
  name: 'checkpoint',
  run: async () => {
    let checkpointCount = 0;
    const row = await compare({
      what: 'a checkpoint each second, 100,000 keys, all changed',
      against: 'none',
      unit: 'M records/s',
      unitScale: 1e6,
      guard: 0.95,
      rounds: 3,
      warmUps: 1,
      baseline: async () => {
        await runLocalJob(keyedCount(false));
        return RECORDS;
      },
      ours: async () => {
        const status = await runLocalJob(keyedCount({ interval: '1 s' }));
        checkpointCount = status.checkpoints.completedCount;
        return RECORDS;
      },
    });
    return [{ ...row, what: `${row.what} (${checkpointCount} taken)` }];
  },
};
