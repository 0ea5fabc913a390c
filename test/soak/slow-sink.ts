// A sink at a hundredth of its speed for a while: back-pressure holds the sources, memory stays within the buffers.
import type { Finding } from './main.ts';
import { mean, MEGABYTE } from './samples.ts';
import type { SoakCluster } from './soak-cluster.ts';

const FAST_MS = 60_000;
/** The part of the fast phase that is measured: its end. */
const BASE_MS = 20_000;
const SETTLING_MS = 10_000;
const PARALLELISM = 4;
/** Edges that cross slots: to the windows, and to the count. */
const EXCHANGES = 2;
const TASK_MANAGERS = 2;
/** Of each channel: batches that may be under way, and the size at which one is full (docs/internals/task.md). */
const CHANNEL_CREDITS = 8;
const BATCH_BYTES = 256 * 1024;
const SLACK = 1.25;
const RATE_BACK_MIN = 0.9;

export async function runSlowSink(
  cluster: SoakCluster,
  { slowMs, say }: { readonly slowMs: number; readonly say: (text: string) => void },
): Promise<readonly Finding[]> {
  say(`Fast for ${FAST_MS / 1000} s …`);
  const run = await cluster.run(['--slowFromMs', String(FAST_MS), '--slowUntilMs', String(FAST_MS + slowMs)]);
  await run.rate(FAST_MS - BASE_MS - SETTLING_MS);
  const [base, fastRate] = await Promise.all([run.watch(BASE_MS), run.rate(BASE_MS)]);
  await run.rate(2 * SETTLING_MS);
  say(`Slow for ${slowMs / 1000} s …`);
  const duringMs = slowMs - 2 * SETTLING_MS;
  const [during, slowRate] = await Promise.all([run.watch(duringMs), run.rate(duringMs)]);
  await run.rate(2 * SETTLING_MS);
  say('Fast again …');
  const backRate = await run.rate(BASE_MS);
  await run.cancel();

  const buffersBytes =
    (PARALLELISM * PARALLELISM * EXCHANGES * CHANNEL_CREDITS * BATCH_BYTES) / TASK_MANAGERS;
  const findings: Finding[] = [
    { what: 'rate before', value: fastRate, unit: 'records/s', isMet: true },
    {
      what: 'rate while slow',
      value: slowRate,
      unit: 'records/s',
      limit: fastRate / 10,
      isMet: slowRate < fastRate / 10,
    },
    {
      what: 'rate after, of before',
      value: backRate / fastRate,
      unit: '',
      limit: RATE_BACK_MIN,
      isMet: backRate >= fastRate * RATE_BACK_MIN,
    },
  ];
  for (const [id, samples] of during) {
    const baseBytes = mean((base.get(id) ?? []).map(({ rssBytes }) => rssBytes));
    const most = Math.max(...samples.map(({ rssBytes }) => rssBytes));
    const limit = (baseBytes + buffersBytes * SLACK) / MEGABYTE;
    findings.push({
      what: `${id}: most resident memory`,
      value: most / MEGABYTE,
      unit: 'MB',
      limit,
      isMet: most / MEGABYTE <= limit,
    });
  }
  return findings;
}
