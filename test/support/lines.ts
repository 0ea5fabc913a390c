// Output files as multisets of lines, and in the order in which they were written.
import { createReadStream, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** How often each line stands in the visible files below `directory`. */
export async function lineCounts(directory: string): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (const name of readdirSync(directory)) {
    if (name.startsWith('.')) continue;
    for await (const line of createInterface({
      input: createReadStream(join(directory, name)),
      crlfDelay: Infinity,
    })) {
      counts.set(line, (counts.get(line) ?? 0) + 1);
    }
  }
  return counts;
}

/** Lines that `actual` has too few and too many of. */
export function compareCounts(
  expected: ReadonlyMap<string, number>,
  actual: ReadonlyMap<string, number>,
): { lost: number; duplicated: number } {
  let lost = 0;
  let duplicated = 0;
  for (const [line, count] of expected) lost += Math.max(0, count - (actual.get(line) ?? 0));
  for (const [line, count] of actual) duplicated += Math.max(0, count - (expected.get(line) ?? 0));
  return { lost, duplicated };
}

/** What a line says of its place: records of one key come in the order of their numbers. */
export interface LinePlace {
  readonly key: string;
  readonly index: number;
}

/** Lines of the visible files in `directory` that stand behind a later one of their key, read in the order in which they were written. */
export async function outOfOrder(directory: string, placeOf: (line: string) => LinePlace): Promise<number> {
  const newest = new Map<string, number>();
  let count = 0;
  for (const path of inOrderOfWriting(directory)) {
    const lines = createInterface({ input: createReadStream(path), crlfDelay: Infinity });
    for await (const line of lines) {
      const { key, index } = placeOf(line);
      if (index <= (newest.get(key) ?? -Infinity)) count++;
      newest.set(key, index);
    }
  }
  return count;
}

function inOrderOfWriting(directory: string): readonly string[] {
  return readdirSync(directory)
    .filter((name) => !name.startsWith('.'))
    .map((name) => join(directory, name))
    .map((path) => ({ path, writtenNs: statSync(path, { bigint: true }).mtimeNs }))
    .toSorted((a, b) => Number(a.writtenNs - b.writtenNs))
    .map(({ path }) => path);
}
