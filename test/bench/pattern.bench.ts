// Patterns against a running count of the same keyed stream: what sorting by event time and matching cost.
import {
  boundedOutOfOrderness,
  count,
  defineJob,
  fromArray,
  generate,
  type DataStream,
  type JobDefinition,
  type PatternOptions,
  type PatternRule,
} from '@millrace/api';
import { mix32 } from '@millrace/common';
import { compareEach, type Bench, type Comparison } from './compare.ts';
import { runLocalJob } from './local-job.ts';

const RECORDS = 1_000_000;
const KEYS = 1_000;
/** Event time: 100,000 events a second, up to 50 ms out of order. */
const EVENTS_PER_MS = 100;
const DISORDER_MS = 50;

interface Payment {
  readonly card: number;
  readonly amount: number;
  readonly ms: number;
}

function job(name: string, build: (payments: DataStream<Payment>) => void): JobDefinition {
  return defineJob(
    name,
    (env) => {
      const payments = env
        .source(
          generate({ count: RECORDS }, (index) => ({
            card: (mix32(index) >>> 0) % KEYS,
            amount: (mix32(index + 7) >>> 0) % 1_000,
            ms: Math.floor(index / EVENTS_PER_MS) + ((mix32(index + 13) >>> 0) % DISORDER_MS),
          })),
        )
        .watermarks(boundedOutOfOrderness(DISORDER_MS, (payment) => payment.ms));
      build(payments);
    },
    { checkpoint: false },
  );
}

/** Small, then large within a second: one payment in a hundred starts a match. */
const fraud = (time: PatternOptions<Payment>['time']): JobDefinition =>
  job('pattern', (payments) => {
    payments
      .keyBy(({ card }) => card)
      .pattern(
        (first) =>
          first('small', ({ amount }) => amount < 10)
            .followedBy('large', ({ amount }) => amount > 990)
            .within('1 s'),
        { time: time ?? 'event' },
      )
      .select(({ small, large }) => large.amount - small.amount)
      .forEach(() => {});
  });

const RULES = 10_000;
const RULED_RECORDS = 300_000;
const MERCHANTS = 10_000;

/** Of one merchant each: a large payment, then a small one. */
function ruleOf(merchant: number): PatternRule {
  return {
    rule: `merchant ${merchant}`,
    pattern: {
      steps: [
        {
          name: 'large',
          where: {
            all: [
              { field: 'merchant', op: '==', value: merchant },
              { field: 'amount', op: '>', value: 500 },
            ],
          },
        },
        { name: 'small', where: { field: 'amount', op: '<', value: 10 } },
      ],
      within: '1 s',
    },
  };
}

/** Rules count from their event time on, so that all are there before the first payment. */
const ruled = (ruleCount: number): JobDefinition =>
  defineJob(
    `${ruleCount} rules`,
    (env) => {
      const rules = env
        .source(fromArray(Array.from({ length: ruleCount }, (_, merchant) => ruleOf(merchant))))
        .watermarks(boundedOutOfOrderness(0, () => -1));
      env
        .source(
          generate({ count: RULED_RECORDS }, (index) => ({
            card: (mix32(index) >>> 0) % KEYS,
            merchant: (mix32(index + 3) >>> 0) % MERCHANTS,
            amount: (mix32(index + 7) >>> 0) % 1_000,
            ms: Math.floor(index / EVENTS_PER_MS) + ((mix32(index + 13) >>> 0) % DISORDER_MS),
          })),
        )
        .watermarks(boundedOutOfOrderness(DISORDER_MS, (payment) => payment.ms))
        .keyBy(({ card }) => card)
        .dynamicPatterns(rules)
        .matches()
        .forEach(() => {});
    },
    { checkpoint: false },
  );

const rulesComparison: Comparison = {
  what: `${RULES} rules of one merchant each`,
  against: 'one rule',
  unit: 'M/CPU s',
  unitScale: 1e6,
  clock: 'cpu',
  rounds: 3,
  warmUps: 1,
  baseline: async () => {
    await runLocalJob(ruled(1));
    return RULED_RECORDS;
  },
  ours: async () => {
    await runLocalJob(ruled(RULES));
    return RULED_RECORDS;
  },
};

const counts = job('count', (payments) => {
  payments
    .keyBy(({ card }) => card)
    .aggregate({ payments: count() })
    .forEach(() => {});
});

const run = async (of: JobDefinition): Promise<number> => {
  await runLocalJob(of);
  return RECORDS;
};

const comparison = (what: string, pattern: JobDefinition): Comparison => ({
  what,
  against: 'keyed count',
  unit: 'M/CPU s',
  unitScale: 1e6,
  guard: 0.2,
  clock: 'cpu',
  rounds: 5,
  warmUps: 1,
  baseline: () => run(counts),
  ours: () => run(pattern),
});

export const patternBench: Bench = {
  name: 'pattern',
  run: (wants) =>
    compareEach(
      [
        comparison('small, then large; processing time', fraud('processing')),
        comparison('small, then large; event time, out of order', fraud('event')),
        rulesComparison,
      ],
      wants,
    ),
};
