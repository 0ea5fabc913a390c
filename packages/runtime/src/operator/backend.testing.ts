// A keyed-state backend in memory for tests of what lies on it.
import { silentLogger, type BlobStore } from '@millrace/common';
import type { KeyedStateFile } from '@millrace/proto';
import { openKeyedStateBackend, type KeyedStateBackend } from '@millrace/state';

const KEY_GROUPS = 16;

/** Opens a backend for all key groups, with what `restore` has. */
export async function openTestBackend(restore?: {
  readonly files: readonly KeyedStateFile[];
  readonly blobStore: BlobStore;
}): Promise<KeyedStateBackend> {
  return await openKeyedStateBackend({
    keyGroupCount: KEY_GROUPS,
    keyGroupRange: { firstKeyGroup: 0, lastKeyGroup: KEY_GROUPS - 1 },
    cacheEntriesMax: 10_000,
    openStore: () => Promise.reject(new Error('nothing leaves memory here')),
    codegenId: 'test',
    log: silentLogger,
    ...(restore === undefined ? {} : { restore }),
  });
}
