// What checkpoints cost, in CPU time of the process; and what it costs to stop the world for them, in time.
import { count, defineJob, generate, type CheckpointOptions, type JobDefinition } from '@millrace/api';
import { mix32 } from '@millrace/common';
import { compareEach, median, thoroughness, type Bench, type Comparison, type Row } from './compare.ts';
import { runLocalJob } from './local-job.ts';
import { measuresOf } from './measures.ts';

/** So many that a run has tens of checkpoints: the code of the first ones is not compiled yet. */
const RECORDS = 60_000_000;
const SHORT_RECORDS = 5_000_000;
/** While the world is stopped, no record is counted. */
const STOPPED_RECORDS = 5_000_000;
const KEYS = 100_000;
/** More often than people take them, so that what they cost stands out from noise; most keys have changed even so. */
const INTERVAL = '100 ms';
const STOPPING_INTERVAL = '250 ms';
const ROUNDS = 3;
const ONE_A_SECOND = { what: 'a checkpoint each second, 100,000 keys', guard: 0.95 };

function keyedCount(records: number, checkpoint: CheckpointOptions | false): JobDefinition {
  return defineJob(
    'checkpoint-cost',
    (env) => {
      env
        .source(
          generate({ count: records }, (index) => ({ id: (mix32(index) >>> 0) % KEYS, value: index & 255 })),
        )
        .keyBy((event) => event.id)
        .aggregate({ events: count() })
        .forEach(() => {});
    },
    { checkpoint },
  );
}

interface Run {
  readonly wallMs: number;
  readonly cpuMs: number;
  /** Without the final one. */
  readonly checkpoints: number;
}

async function run(records: number, checkpoint: CheckpointOptions | false): Promise<Run> {
  const startedMs = performance.now();
  const before = process.cpuUsage();
  const status = await runLocalJob(keyedCount(records, checkpoint));
  const { user, system } = process.cpuUsage(before);
  return {
    wallMs: performance.now() - startedMs,
    cpuMs: (user + system) / 1000,
    checkpoints: status.checkpoints.completedCount - 1,
  };
}

/**
 * A checkpoint's CPU time is what a run with some took more than the run without beside it, divided by their number: how
 * long the machine let either wait does not matter. The ratio is what is left of each second that has one checkpoint.
 * The measures are those of the runs with checkpoints, which have more than one a second.
 */
export async function costOfOneASecond(): Promise<Row> {
  const records = thoroughness.isShort ? SHORT_RECORDS : RECORDS;
  await run(records, { interval: INTERVAL });
  const rounds: { readonly plainMs: number; readonly eachMs: number; readonly taken: Run }[] = [];
  while (rounds.length < (thoroughness.isShort ? 1 : ROUNDS)) {
    const isPlainFirst = rounds.length % 2 === 0;
    const first = await run(records, isPlainFirst ? false : { interval: INTERVAL });
    const second = await run(records, isPlainFirst ? { interval: INTERVAL } : false);
    const [plain, taken] = isPlainFirst ? [first, second] : [second, first];
    const eachMs = (taken.cpuMs - plain.cpuMs) / Math.max(1, taken.checkpoints);
    rounds.push({ plainMs: plain.cpuMs, eachMs, taken });
  }
  const eachMs = median(rounds.map((round) => round.eachMs));
  const plain = records / (median(rounds.map((round) => round.plainMs)) / 1000) / 1e6;
  const ratio = 1 - eachMs / 1000;
  const checkpoints = rounds.reduce((sum, { taken }) => sum + taken.checkpoints, 0);
  return {
    what: `${ONE_A_SECOND.what} (${eachMs.toFixed(1)} ms, of ${checkpoints})`,
    against: 'none',
    baseline: plain,
    ours: plain * ratio,
    unit: 'M records/CPU s',
    ratio,
    guard: ONE_A_SECOND.guard,
    ...measuresOf({
      cpuMs: rounds.reduce((sum, { taken }) => sum + taken.cpuMs, 0),
      records: rounds.length * records,
      workMs: rounds.map(({ taken }) => taken.wallMs),
    }),
  };
}

const ALIGNED: Comparison = {
  what: 'aligned barriers, four a second',
  against: 'stop-the-world',
  unit: 'M records/s',
  unitScale: 1e6,
  rounds: ROUNDS,
  warmUps: 0,
  baseline: async () => {
    await run(STOPPED_RECORDS, { interval: STOPPING_INTERVAL, mode: 'stop-the-world' });
    return STOPPED_RECORDS;
  },
  ours: async () => {
    await run(STOPPED_RECORDS, { interval: STOPPING_INTERVAL });
    return STOPPED_RECORDS;
  },
};

export const checkpointBench: Bench = {
  name: 'checkpoint',
  run: async (wants = () => true) => [
    ...(wants(ONE_A_SECOND) ? [await costOfOneASecond()] : []),
    ...(await compareEach([ALIGNED], wants)),
  ],
};
