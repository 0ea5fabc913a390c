import { hashKey, silentLogger, type KeyValueStore } from '@millrace/common';
import { expect, test } from 'vitest';
import { MemoryKeyValueStore } from '../adapter/memory-key-value-store.ts';
import { openKeyedStateBackend } from '../backend/open-keyed-state-backend.ts';
import { MemoryBlobStore } from './memory-blob-store.testing.ts';

const KEYS = 300;

/** A store in which one bit of a value is another one when it is read, where `flip` says so. */
function damagedStore(flip: (key: Buffer, value: Uint8Array) => number | undefined): KeyValueStore {
  const store = new MemoryKeyValueStore();
  return {
    getSync: (key) => {
      const value = store.getSync(key);
      const bit = value === undefined ? undefined : flip(Buffer.from(key), value);
      if (value !== undefined && bit !== undefined)
        value[bit >> 3] = (value[bit >> 3] as number) ^ (1 << (bit & 7));
      return value;
    },
    write: (operations) => store.write(operations),
    scan: (range, onChunk) => store.scan(range, onChunk),
    close: () => store.close(),
  };
}

test.each(['N', 'S'])(
  'each bit of what is stored under %s is protected: a walk over a window’s rows fails, and misses none',
  async (tag) => {
    let bit: number | undefined;
    let bitCount = 0;
    const backend = await openKeyedStateBackend({
      keyGroupCount: 16,
      keyGroupRange: { firstKeyGroup: 0, lastKeyGroup: 15 },
      cacheEntriesMax: 5,
      openStore: () =>
        Promise.resolve(
          damagedStore((key, value) => {
            if (key.toString('latin1', 0, 1) !== tag) return undefined;
            bitCount = value.length * 8;
            return bit;
          }),
        ),
      spillLogBytesMax: 0,
      codegenId: 'test',
      log: silentLogger,
    });
    const table = backend.table({ name: 'counts', columns: ['f64'], hasNamespaces: true });
    for (let key = 0; key < KEYS; key++) {
      const row = table.upsert(key, hashKey(key), 7);
      (table.columns[0] as Float64Array)[row] = key;
      table.markDirty(row);
      void backend.relieve();
    }
    // A snapshot reads the store, behind all that is on its way there.
    await backend.freeze(1).write(new MemoryBlobStore(), 'chk-1/');
    void backend.relieve();
    const walk = () => {
      const cursor = table.openCursor(7);
      const found = new Set<unknown>();
      for (let row = cursor.next(); row >= 0; row = cursor.next()) found.add(table.keyOf(row));
      return found.size;
    };
    expect(walk()).toBe(KEYS);
    expect(bitCount).toBeGreaterThan(0);
    for (bit = 0; bit < Math.min(bitCount, 400); bit++)
      expect(walk, `bit ${bit}`).toThrow(expect.objectContaining({ code: 'MR_STATE_BACKEND' }) as Error);
    bit = undefined;
    await backend.close();
  },
);
