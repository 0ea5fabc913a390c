// What the sequence job reads, and what must come out of it: shared by the job and by its test.

/** Splits of the source. A key's records are all in one of them, so that their order is given. */
export const SPLITS = 4;
const KEYS_PER_SPLIT = 25;
export const WINDOW_MS = 1_000;

/** Key of a record; the split that `index` falls into is part of it. `recordCount` is a multiple of SPLITS. */
export function keyOf(index: number, recordCount: number): string {
  const split = Math.floor((index * SPLITS) / recordCount);
  return `${split}-${index % KEYS_PER_SPLIT}`;
}

interface Seen {
  count: number;
  sum: number;
}

const add = (to: Map<string, Seen>, key: string, index: number): Seen => {
  const before = to.get(key) ?? { count: 0, sum: 0 };
  const seen = { count: before.count + 1, sum: before.sum + index };
  to.set(key, seen);
  return seen;
};

/** The lines of both outputs, by plain loops. */
export function expectedLines(recordCount: number): {
  records: Map<string, number>;
  windows: Map<string, number>;
} {
  const records = new Map<string, number>();
  const byKey = new Map<string, Seen>();
  const byWindow = new Map<string, Seen>();
  for (let index = 0; index < recordCount; index++) {
    const key = keyOf(index, recordCount);
    records.set(JSON.stringify({ key, index, ...add(byKey, key, index) }), 1);
    add(byWindow, `${key} ${Math.floor(index / WINDOW_MS)}`, index);
  }
  const windows = new Map<string, number>();
  for (const [name, seen] of byWindow) {
    const [key, number] = name.split(' ');
    const windowStart = Number(number) * WINDOW_MS;
    windows.set(JSON.stringify({ key, windowStart, windowEnd: windowStart + WINDOW_MS, ...seen }), 1);
  }
  return { records, windows };
}
