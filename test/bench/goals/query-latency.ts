// How long results of Nexmark's queries take at a fixed rate, on two processes.
import { startProcesses } from '../nexmark/bench-cluster.ts';
import { measureLatency, type LatencyRun } from '../nexmark/latency.ts';

/** Of each kind one or two: without state, windows of event time, sessions, windows of the clock, and a running result. */
export const LATENCY_QUERIES: readonly string[] = ['q0', 'q1', 'q5', 'q7', 'q8', 'q11', 'q12', 'q18'];

const PARALLELISM = 2;
const TASK_MANAGERS = 2;
const RATE = 50_000;
const SECONDS = 30;

export async function measureQueryLatency(query: string): Promise<LatencyRun> {
  await using cluster = await startProcesses({ parallelism: PARALLELISM, taskManagers: TASK_MANAGERS });
  return await measureLatency(cluster, query, {
    parallelism: PARALLELISM,
    state: 'leveldb',
    checkpointInterval: '10s',
    ratePerSecond: RATE,
    seconds: SECONDS,
  });
}
