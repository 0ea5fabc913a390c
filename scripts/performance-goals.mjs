// What docs/performance.md measures the engine by: the goals for two cores.

/** What a query with state must be against Flink on RocksDB, in the same run. */
export const TIMES_ROCKSDB = 3;

/** Nexmark: M events/s, times Flink in the same run; `hasState`: it is compared with Flink on RocksDB as well. */
export const NEXMARK_GOALS = {
  q0: { name: 'pass', goal: 9, times: 1.5 },
  q1: { name: 'map', goal: 8, times: 1.5 },
  q2: { name: 'filter', goal: 10.5, times: 1.5 },
  q3: { name: 'join, small', goal: 11.5, times: 1.5, hasState: true },
  q4: { name: 'join and average', goal: 0.87, times: 1.5, hasState: true },
  q5: { name: 'sliding hot items', goal: 2.7, times: 2, hasState: true },
  q6: { name: 'average of the last ten' },
  q7: { name: 'window maximum', goal: 1.2, times: 2.6, hasState: true },
  q8: { name: 'window join', goal: 12, times: 1.5, hasState: true },
  q9: { name: 'winning bids', goal: 0.6, times: 1.9, hasState: true },
  q10: { name: 'to files', goal: 1.5, times: 2 },
  q11: { name: 'sessions', goal: 2.3, times: 2, hasState: true },
  q12: { name: 'processing-time windows', goal: 3.6, times: 1.5, hasState: true },
  q13: { name: 'side input', goal: 4, times: 1.5 },
  q14: { name: 'expressions', goal: 4, times: 1.5 },
  q15: { name: 'distinct', goal: 1.4, times: 1.7, hasState: true },
  q16: { name: 'distinct by channel', goal: 0.3, times: 2.5, hasState: true },
  q17: { name: 'statistics of a day', goal: 2.6, times: 1.5, hasState: true },
  q18: { name: 'last bid', goal: 1.05, times: 1.5, hasState: true },
  q19: { name: 'top 10', goal: 1, times: 1.5, hasState: true },
  q20: { name: 'filter join', goal: 0.75, times: 1.5, hasState: true },
  q21: { name: 'channel by expression', goal: 3, times: 1.5 },
  q22: { name: 'directories of a URL', goal: 4, times: 1.5 },
};

/**
 * The other workloads: M records/s, both engines warm. `flink`: what Flink reached where the goals were set; speeds are of one machine, so
 * that the goal of a ratio is that of the two.
 */
export const WORKLOAD_GOALS = {
  passthrough: { name: 'passthrough, one chain', goal: 100, flink: 72 },
  shuffle: { name: 'shuffle of 203-byte records, one process', goal: 5, flink: 3.7 },
  'shuffle-processes': { name: 'the same, two processes', goal: 4, flink: 3.3 },
  wordcount: { name: 'word count, 5,000 words', goal: 14, flink: 9.3 },
  'keyed-count': { name: 'keyed count, 1 M keys', goal: 8, flink: 5.6 },
  'keyed-count-durable': { name: 'the same; Flink on RocksDB', goal: 5, flink: 0.41 },
  'keyed-count-10m': { name: 'keyed count, 10 M keys, all in memory', goal: 4, flink: 2.2 },
  'keyed-count-10m-durable': {
    name: 'the same, a tenth of the keys in the cache, from an empty state: half of them are there at the end; Flink on RocksDB',
    goal: 0.35,
    flink: 0.28,
  },
  'keyed-count-10m-full': {
    name: 'the same, until nine tenths of them are there; Flink on RocksDB',
    goal: 0.35,
    flink: 0.28,
  },
  'windowed-count': { name: 'windowed count, 10 s, 10,000 keys', goal: 12, flink: 5.8 },
  'windowed-count-durable': { name: 'the same; Flink on RocksDB', goal: 10, flink: 0.24 },
  'sliding-count': { name: 'sliding 60 s by 0.5 s, 1,000 keys', goal: 8, flink: 0.04 },
  flights: { name: 'flights, the main job', goal: 2, flink: 1.67 },
};

/** Single figures: which part and field, its unit, and the most that it may be; without that it is there to compare with. */
export const OTHER_GOALS = [
  {
    what: 'latency of a keyed count across 2 processes, 100,000 records/s: p50',
    part: 'latency',
    of: (row) => row.p50Ms,
    most: 2,
    unit: 'ms',
  },
  { what: 'the same: p99', part: 'latency', of: (row) => row.p99Ms, most: 10, unit: 'ms' },
  {
    what: 'lag of a window of 10 s at half load: p99',
    part: 'window-lag',
    of: (row) => row.p99Ms,
    most: 50,
    unit: 'ms',
  },
  {
    what: 'checkpoint of 1 GB, 2 % changed: longest stop of the record path',
    part: 'checkpoint',
    of: (row) => row.syncMsMax,
    most: 20,
    unit: 'ms',
  },
  { what: 'the same: whole, p99', part: 'checkpoint', of: (row) => row.durationMsP99, most: 500, unit: 'ms' },
  {
    what: 'CPU time that a checkpoint every second takes',
    part: 'checkpoint-cost',
    of: (row) => (1 - row.ratio) * 100,
    most: 5,
    unit: '%',
  },
  {
    what: 'failure of a task, 1 M keys: first new output',
    part: 'task-failure',
    of: (row) => row.withoutOutputMs / 1e3,
    most: 1,
    unit: 's',
  },
  {
    what: 'flights, the first run of a process, from the submission to the last committed file',
    part: 'flights-first',
    of: (row) => row.seconds,
    most: 3,
    unit: 's',
  },
  {
    what: 'the same hours and days by DuckDB, in batch, on two threads: the limit',
    part: 'reference',
    of: (row) => row.seconds,
    unit: 's',
  },
  {
    what: 'the flights by `millrace run --embedded`, all built, from the command to its end',
    part: 'command',
    of: (row) => row.seconds,
    most: 5,
    unit: 's',
  },
  {
    what: 'kill -9 of a TaskManager, 1 M keys (of a kilobyte each): first new output, the longest',
    part: 'recovery',
    of: (row) => (row.maxMs === undefined ? undefined : row.maxMs / 1e3),
    most: 3,
    unit: 's',
  },
  {
    what: 'the same, as 1 GB of state',
    part: 'recovery',
    of: (row) => (row.maxMs === undefined ? undefined : row.maxMs / 1e3),
    most: 5,
    unit: 's',
  },
  {
    what: 'rescale 1 → 2 → 1, 1 GB: longest time without output',
    part: 'rescale',
    of: (row) => (row.withoutOutputMs === undefined ? undefined : row.withoutOutputMs / 1e3),
    most: 5,
    unit: 's',
  },
  {
    what: '1,000 subtasks deployed, in one process',
    part: 'subtasks',
    of: (row) => (row.subtasks > 900 && row.cluster === 'embedded' ? row.seconds : undefined),
    most: 5,
    unit: 's',
  },
  {
    what: 'the same, on 2 TaskManagers',
    part: 'subtasks',
    of: (row) => (row.subtasks > 900 && row.cluster === 'processes' ? row.seconds : undefined),
    most: 5,
    unit: 's',
  },
];
