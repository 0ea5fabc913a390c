// Multisets of lines, and how they differ.
import type { Outputs } from './simulated-job.ts';

/** Differences that are shown. */
const SHOWN_MAX = 3;

/**
 * Says what is wrong with `found`; empty: nothing. With `isPart`, lines may be missing: the job ended before its end. With
 * `areMoreAllowed`, others may be there: what is processed again after a failure shows twice.
 */
export function compareOutputs(
  expected: Outputs,
  found: Outputs,
  { isPart, areMoreAllowed = false }: { readonly isPart: boolean; readonly areMoreAllowed?: boolean },
): readonly string[] {
  return [...expected].flatMap(([where, lines]) => {
    const counts = new Map<string, number>();
    for (const line of lines) counts.set(line, (counts.get(line) ?? 0) + 1);
    for (const line of found.get(where) ?? []) counts.set(line, (counts.get(line) ?? 0) - 1);
    const lost = isPart ? [] : [...counts].filter(([, count]) => count > 0).map(([line]) => line);
    const added = areMoreAllowed ? [] : [...counts].filter(([, count]) => count < 0).map(([line]) => line);
    if (lost.length === 0 && added.length === 0) return [];
    return [
      `${where}: ${lost.length} lines lost, ${added.length} lines duplicated or wrong; lost ${lost.slice(0, SHOWN_MAX).join(' ')}; not expected ${added.slice(0, SHOWN_MAX).join(' ')}`,
    ];
  });
}

/** Lines of all files that a reader would take for output. */
export function linesOf(files: ReadonlyMap<string, Uint8Array>): readonly string[] {
  const lines: string[] = [];
  for (const [name, bytes] of files) {
    if (name.startsWith('.')) continue;
    const text = Buffer.from(bytes).toString('utf8');
    lines.push(...text.split('\n').slice(0, -1));
    if (!text.endsWith('\n')) lines.push(`${name} is not whole`);
  }
  return lines;
}
