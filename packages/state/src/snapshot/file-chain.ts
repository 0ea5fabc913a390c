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
