// Opens a backend: restores what is to be restored, and hands it over ready.
import type { KeyedStateBackend, KeyedStateBackendOptions } from '../keyed-state-backend.ts';
import { restoreFiles } from '../snapshot/restore-files.ts';
import { WorkingSetBackend } from './working-set-backend.ts';

/**
 * Opens keyed state of one operator and subtask: a working set in memory, all of it in the store when it must be.
 * Contract: after a restore the first snapshot is whole and refers to no file restored from.
 * @throws {MillraceError} MR_CHECKPOINT_CORRUPT when a restored file does not match its checksum
 * @throws {MillraceError} MR_STATE_BACKEND when the store fails
 */
export async function openKeyedStateBackend(options: KeyedStateBackendOptions): Promise<KeyedStateBackend> {
  const backend = new WorkingSetBackend(options);
  const { restore } = options;
  if (restore !== undefined) {
    await restoreFiles({
      ...restore,
      range: options.keyGroupRange,
      registry: backend.registry,
      relieve: () => backend.relieve(),
    });
    backend.timers.rebuild();
  }
  return backend;
}
