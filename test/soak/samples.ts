// What a process uses, once a second, and what that says: slopes and extremes.
import { readdirSync, readFileSync } from 'node:fs';

const PAGE_BYTES = 4096;
export const MEGABYTE = 1024 * 1024;

export interface Sample {
  readonly atMs: number;
  readonly rssBytes: number;
  readonly handles: number;
}

/** A sample of a living process; undefined when it is gone. Linux only. */
export function sampleOf(pid: number): Sample | undefined {
  try {
    const [, residentPages = '0'] = readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ');
    return {
      atMs: performance.now(),
      rssBytes: Number(residentPages) * PAGE_BYTES,
      handles: readdirSync(`/proc/${pid}/fd`).length,
    };
  } catch {
    return undefined;
  }
}

/** Least-squares slope in bytes a minute. */
export function slopeBytesPerMinute(samples: readonly Sample[]): number {
  const meanMs = mean(samples.map(({ atMs }) => atMs));
  const meanBytes = mean(samples.map(({ rssBytes }) => rssBytes));
  let covariance = 0;
  let variance = 0;
  for (const { atMs, rssBytes } of samples) {
    covariance += (atMs - meanMs) * (rssBytes - meanBytes);
    variance += (atMs - meanMs) ** 2;
  }
  return variance === 0 ? 0 : (covariance / variance) * 60_000;
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
}
