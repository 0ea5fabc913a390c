// The lines of JSON that `npm run bench -- goals --json` printed, as rows by part, and of which commit and day each is.
import { readFileSync } from 'node:fs';

/** What makes a line of a part stand for one thing: a later one of the same replaces it. */
const IDENTITY = {
  nexmark: ({ query }) => query,
  'nexmark-rocksdb': ({ query }) => query,
  'nexmark-checkpoints': ({ query }) => query,
  'nexmark-latency': ({ query }) => query,
  bare: ({ what }) => what,
  workloads: ({ workload }) => workload,
  slots: ({ workload, slots, taskManagers }) => `${workload} ${slots} ${taskManagers}`,
  processes: ({ workload, slots, taskManagers }) => `${workload} ${slots} ${taskManagers}`,
  keys: ({ cache, keys }) => `${cache} ${keys}`,
  subtasks: ({ cluster, subtasks }) => `${cluster} ${subtasks}`,
  recovery: ({ round }) => String(round ?? 'all'),
  rescale: ({ to }) => String(to),
};

/** Rows by part, each once. A row that does not say of which commit it is, is of that of its file's machine. */
export function readRows(files) {
  const parts = new Map();
  for (const file of files) {
    let machine = {};
    for (const line of readFileSync(file, 'utf8').split('\n')) {
      const row = parsed(line);
      if (row === undefined || row.error !== undefined) continue;
      if (row.part === 'machine') machine = row;
      const { date, commit, isModified } = { ...machine, ...row };
      const rows = parts.get(row.part) ?? new Map();
      parts.set(row.part, rows);
      rows.set(IDENTITY[row.part]?.(row) ?? '', { date, commit, isModified, ...row });
    }
  }
  return parts;
}

/** undefined: no result, or the half of one, where a measurement was broken off. */
function parsed(line) {
  if (!line.startsWith('{')) return undefined;
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

/** Of which commit and day a row is: `84bb251, 2026-11-29`. */
export function originOf({ date, commit, isModified }) {
  if (commit === undefined || date === undefined) return 'unknown';
  return `${commit}${isModified ? ' with changes' : ''}, ${date.slice(0, 10)}`;
}

/** The rows as `readRows` reads them. */
export function linesOf(parts) {
  const rows = [...parts.values()].flatMap((ofPart) => [...ofPart.values()]);
  return rows.map((row) => `${JSON.stringify(row)}\n`).join('');
}
