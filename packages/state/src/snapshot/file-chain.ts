// Which files a restore needs: per key group, those from its last base on.
import type { KeyedStateFile, KeyGroupRun } from '@millrace/proto';

/**
 * Files of a snapshot, oldest first, without those that no key group needs, and each without the runs of those that do not need it: what
 * names them goes through several processes with each checkpoint.
 */
export function neededFiles(files: readonly KeyedStateFile[]): readonly KeyedStateFile[] {
  const first = firstFileByKeyGroup(files);
  return files
    .map((file, index) => withRuns(file, ({ keyGroup }) => index >= (first.get(keyGroup) ?? 0)))
    .filter(({ runs }) => runs.length > 0);
}

/** The file with those of its runs that are `wanted`. */
export function withRuns(file: KeyedStateFile, isWanted: (run: KeyGroupRun) => boolean): KeyedStateFile {
  const runs = file.runs.filter(isWanted);
  return runs.length === file.runs.length ? file : { ...file, runs };
}

/** Index in `files` of what each key group needs first: its last base, or its first file where it has none. */
export function firstFileByKeyGroup(files: readonly KeyedStateFile[]): ReadonlyMap<number, number> {
  const first = new Map<number, number>();
  files.forEach(({ kind, runs }, index) => {
    for (const { keyGroup } of runs) if (kind === 'base' || !first.has(keyGroup)) first.set(keyGroup, index);
  });
  return first;
}
