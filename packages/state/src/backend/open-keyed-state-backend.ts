// Opens a backend: restores what is to be restored, and hands it over ready.
import type { KeyedStateBackend, KeyedStateBackendOptions } from '../keyed-state-backend.ts';
import { WorkingSetBackend } from './working-set-backend.ts';

/**
 * Opens keyed state of one operator and subtask: a working set in memory, all of it in the store when it must be.
 * Contract: after a restore the first snapshot refers to the files restored from, and holds what changed since; it is whole where values
 * were migrated or states renamed. Whoever owns the files keeps them as long as a checkpoint names them.
 * Large rows that nobody walks over stay in the files, which stay open, until they are asked for.
 * @throws {MillraceError} MR_CHECKPOINT_CORRUPT when a restored file does not match its checksum
 * @throws {MillraceError} MR_STATE_BACKEND when the store fails
 */
export async function openKeyedStateBackend(options: KeyedStateBackendOptions): Promise<KeyedStateBackend> {
  const backend = new WorkingSetBackend(options);
  const { restore } = options;
  if (restore === undefined) return backend;
  try {
    await backend.restore(restore);
  } catch (error) {
    await backend.close();
    throw error;
  }
  return backend;
}
