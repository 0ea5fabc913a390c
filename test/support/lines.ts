// Output files as multisets of lines.
import { createReadStream, readdirSync } from 'node:fs';
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
