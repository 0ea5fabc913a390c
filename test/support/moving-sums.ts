// What test/e2e/jobs/moving-sums.ts must write, worked out record by record.
import { join } from 'node:path';
import { readingAt } from '../e2e/jobs/moving-sums.ts';
import { compareCounts, lineCounts } from './lines.ts';

const SLIDE = 2_000;
const SIZE = 10_000;

interface Expected {
  readonly windows: Map<string, number>;
  readonly timers: Map<string, number>;
}

function expected(count: number): Expected {
  const sums = new Map<string, { sensor: string; start: number; count: number; sum: number }>();
  const timers = new Map<string, number>();
  for (let index = 0; index < count; index++) {
    const { sensor, time, value } = readingAt(index);
    for (let start = Math.floor(time / SLIDE) * SLIDE; start > time - SIZE; start -= SLIDE) {
      const window = sums.get(`${sensor}/${start}`) ?? { sensor, start, count: 0, sum: 0 };
      sums.set(`${sensor}/${start}`, { ...window, count: window.count + 1, sum: window.sum + value });
    }
    timers.set(JSON.stringify({ sensor, at: Math.ceil(time / SIZE) * SIZE }), 1);
  }
  const windows = [...sums.values()].map(({ sensor, start, count: each, sum }): [string, number] => [
    `${sensor} ${start} ${each} ${sum}`,
    1,
  ]);
  return { windows: new Map(windows), timers };
}

/** Lines that the output in `directory` of a job over `count` readings has too few and too many of. */
export async function compareMovingSums(
  directory: string,
  count: number,
): Promise<{ lost: number; duplicated: number }> {
  const wanted = expected(count);
  const windows = new Map<string, number>();
  for (const [line, times] of await lineCounts(join(directory, 'windows'))) {
    const {
      key,
      windowStart,
      count: each,
      sum,
    } = JSON.parse(line) as { key: string; windowStart: number; count: number; sum: number };
    windows.set(`${key} ${windowStart} ${each} ${sum}`, times);
  }
  const timers = await lineCounts(join(directory, 'timers'));
  const ofWindows = compareCounts(wanted.windows, windows);
  const ofTimers = compareCounts(wanted.timers, timers);
  return {
    lost: ofWindows.lost + ofTimers.lost,
    duplicated: ofWindows.duplicated + ofTimers.duplicated,
  };
}
