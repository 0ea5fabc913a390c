// Which files a restore needs: per key group, those from its last base on.
import type { KeyedStateFile } from '@millrace/proto';

/** Files of a snapshot, oldest first, without those that no key group needs. */
export function neededFiles(files: readonly KeyedStateFile[]): readonly KeyedStateFile[] {
  const lastBases = lastBaseByKeyGroup(files);
  return files.filter((file, index) => file.runs.some((run) => index >= (lastBases.get(run.keyGroup) ?? 0)));
}

/** Index in `files` of each key group's last base; absent: none. */
export function lastBaseByKeyGroup(files: readonly KeyedStateFile[]): ReadonlyMap<number, number> {
  const lastBases = new Map<number, number>();
  files.forEach((file, index) => {
    if (file.kind === 'base') for (const run of file.runs) lastBases.set(run.keyGroup, index);
  });
  return lastBases;
}

/** Files with a key group's runs since its last base, at most over all key groups of `[from, to)`. */
export function chainLength(files: readonly KeyedStateFile[], from: number, to: number): number {
  const lastBases = lastBaseByKeyGroup(files);
  const lengths = new Map<number, number>();
  files.forEach((file, index) => {
    for (const run of file.runs) {
      if (run.keyGroup < from || run.keyGroup >= to || index < (lastBases.get(run.keyGroup) ?? 0)) continue;
      lengths.set(run.keyGroup, (lengths.get(run.keyGroup) ?? 0) + 1);
    }
  });
  let longest = 0;
  for (const length of lengths.values()) longest = Math.max(longest, length);
  return longest;
}
