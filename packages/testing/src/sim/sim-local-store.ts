// The disposable store of a slot's keyed state: in memory, with the timing of a real one, and bits that change on reading.
import type { KeyValueStore } from '@millrace/common';
import { MemoryKeyValueStore } from '@millrace/state';
import { flipBit } from './sim-blob-store.ts';

export interface SimLocalStoreOptions {
  readonly yieldToWorld: () => Promise<void>;
  /** Where in its bytes a value is read wrongly, as a share of its length; undefined: nowhere. */
  readonly flipAt: () => number | undefined;
  readonly onClose: () => void;
}

/** Contract: as the port says. LevelDB protects keys and their order by its own checksums, values it does not. */
export function simLocalStore({ yieldToWorld, flipAt, onClose }: SimLocalStoreOptions): KeyValueStore {
  const store = new MemoryKeyValueStore({ yieldToWorld });
  const read = (value: Uint8Array): Uint8Array => {
    const share = flipAt();
    if (share !== undefined) flipBit(value, share);
    return value;
  };
  return {
    getSync: (key) => {
      const value = store.getSync(key);
      return value === undefined ? undefined : read(value);
    },
    write: (operations) => store.write(operations),
    scan: (range, onChunk) =>
      store.scan(range, (entries) => onChunk(entries.map(([key, value]) => [key, read(value)] as const))),
    close: async () => {
      await store.close();
      onClose();
    },
  };
}
