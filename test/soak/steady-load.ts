// A steady load at 70 % of the peak: after a warm-up, no process grows.
import type { Finding } from './main.ts';
import { mean, MEGABYTE, slopeBytesPerMinute, type Sample } from './samples.ts';
import type { SoakCluster } from './soak-cluster.ts';

const PEAK_WARM_UP_MS = 15_000;
const PEAK_MS = 15_000;
const SHARE_OF_PEAK = 0.7;
/** The heaps of V8 reach their size within some minutes at some million records a second: what comes after is growth. */
const WARM_UP_MS = 240_000;
const SLOPE_MEGABYTES_PER_MINUTE_MAX = 1;
/** Sockets of a checkpoint's files come and go; what stays must not add up. */
const HANDLES_MORE_MAX = 4;
const MINUTE = 60;

export async function runSteady(
  cluster: SoakCluster,
  { durationMs, say }: { readonly durationMs: number; readonly say: (text: string) => void },
): Promise<readonly Finding[]> {
  say('Measuring the peak rate …');
  const fast = await cluster.run([]);
  await fast.rate(PEAK_WARM_UP_MS);
  const peak = await fast.rate(PEAK_MS);
  await fast.cancel();
  const wanted = Math.floor(peak * SHARE_OF_PEAK);
  say(
    `Peak ${Math.round(peak)} records/s; ${wanted} records/s for ${durationMs / 60_000} minutes behind a warm-up of ${WARM_UP_MS / 60_000} …`,
  );
  const steady = await cluster.run(['--ratePerSecond', String(wanted)]);
  await steady.watch(WARM_UP_MS);
  const [samplesOf, rate] = await Promise.all([steady.watch(durationMs), steady.rate(durationMs)]);
  await steady.cancel();
  return [
    { what: 'peak rate', value: peak, unit: 'records/s', isMet: true },
    { what: 'rate kept', value: rate, unit: 'records/s', limit: wanted * 0.95, isMet: rate >= wanted * 0.95 },
    ...[...samplesOf].flatMap(([id, samples]) => findingsOf(id, samples)),
  ];
}

function findingsOf(id: string, samples: readonly Sample[]): readonly Finding[] {
  const slope = slopeBytesPerMinute(samples) / MEGABYTE;
  const handles = (part: readonly Sample[]): number => mean(part.map((sample) => sample.handles));
  const more = handles(samples.slice(-MINUTE)) - handles(samples.slice(0, MINUTE));
  const rss = mean(samples.map(({ rssBytes }) => rssBytes)) / MEGABYTE;
  return [
    { what: `${id}: resident memory`, value: rss, unit: 'MB', isMet: true },
    {
      what: `${id}: growth of it`,
      value: slope,
      unit: 'MB/min',
      limit: SLOPE_MEGABYTES_PER_MINUTE_MAX,
      isMet: slope <= SLOPE_MEGABYTES_PER_MINUTE_MAX,
    },
    {
      what: `${id}: open handles, last minute less first`,
      value: more,
      unit: '',
      limit: HANDLES_MORE_MAX,
      isMet: more <= HANDLES_MORE_MAX,
    },
  ];
}
