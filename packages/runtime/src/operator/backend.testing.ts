// A keyed-state backend in memory for tests of what lies on it.
import { silentLogger, type BlobStore } from '@millrace/common';
import type { KeyedStateFile } from '@millrace/proto';
import { MemoryKeyValueStore, openKeyedStateBackend, type KeyedStateBackend } from '@millrace/state';

const KEY_GROUPS = 16;

/** For next to nothing in memory, with a store for the rest; the test calls `relieve`. */
const TINY = {
  cacheEntriesMax: 1,
  cacheBytesMax: 0,
  spillLogBytesMax: 256,
  openStore: () => Promise.resolve(new MemoryKeyValueStore()),
};

/** Opens a backend for all key groups, with what `restore` has. `isTiny`: rows leave memory. */
export async function openTestBackend(
  restore?: { readonly files: readonly KeyedStateFile[]; readonly blobStore: BlobStore },
  isTiny = false,
): Promise<KeyedStateBackend> {
  return await openKeyedStateBackend({
    keyGroupCount: KEY_GROUPS,
    keyGroupRange: { firstKeyGroup: 0, lastKeyGroup: KEY_GROUPS - 1 },
    cacheEntriesMax: 10_000,
    openStore: () => Promise.reject(new Error('nothing leaves memory here')),
    codegenId: 'test',
    log: silentLogger,
    ...(isTiny ? TINY : {}),
    ...(restore === undefined ? {} : { restore }),
  });
}
