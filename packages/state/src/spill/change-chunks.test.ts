import { MemoryKeyValueStore } from '../adapter/memory-key-value-store.ts';
import { describe, expect, test } from 'vitest';
import { ChangeChunks, readChanges } from './change-chunks.ts';
import { CHANGE_TAG, keyGroupBounds, keyGroupOfStoreKey } from './store-keys.ts';
import { WriteBehind } from './write-behind.ts';

/** Store key of a row; only its key group is looked at. */
function keyOf(keyGroup: number, name: string): Buffer {
  return Buffer.concat([Buffer.from([0x53, keyGroup >>> 8, keyGroup & 0xff]), Buffer.from(name)]);
}

function open() {
  const store = new MemoryKeyValueStore();
  const writeBehind = new WriteBehind(() => Promise.resolve(store));
  return { store, writeBehind, changes: new ChangeChunks(writeBehind) };
}

/** What the store has of some key groups, as `key group: name=value`. */
async function stored(store: MemoryKeyValueStore, from: number, to: number) {
  const found: string[] = [];
  let chunkCount = 0;
  await store.scan(keyGroupBounds(CHANGE_TAG, from, to), (entries) => {
    for (const [chunkKey, chunk] of entries) {
      chunkCount++;
      for (const [key, value] of readChanges(chunk))
        found.push(
          `${keyGroupOfStoreKey(chunkKey)}: ${Buffer.from(key.subarray(3)).toString()}=${value.toString()}`,
        );
    }
  });
  return { found, chunkCount };
}

describe('Chunks of changes', () => {
  test('have those of a key group together, in the order in which they came', async () => {
    const { store, writeBehind, changes } = open();
    changes.add(keyOf(3, 'a'), Buffer.from('one'));
    changes.add(keyOf(300, 'b'), Buffer.from('two'));
    changes.add(keyOf(3, 'c'), Buffer.from(''));
    changes.flush();
    changes.add(keyOf(3, 'a'), Buffer.from('newer'));
    changes.flush();
    expect(changes.bytes).toBe(0);
    await writeBehind.drain();
    expect(await stored(store, 0, 500)).toEqual({
      found: ['3: a=one', '3: c=', '3: a=newer', '300: b=two'],
      chunkCount: 3,
    });
    expect((await stored(store, 4, 500)).found).toEqual(['300: b=two']);
  });

  test('are written without being asked for, and are few', async () => {
    const { store, writeBehind, changes } = open();
    const value = 'v'.repeat(100);
    for (let index = 0; index < 100_000; index++)
      changes.add(keyOf(index % 64, `${index}`), Buffer.from(value));
    expect(changes.bytes).toBeLessThan(2 * 1024 * 1024);
    changes.flush();
    await writeBehind.drain();
    const { found, chunkCount } = await stored(store, 0, 64);
    expect(new Set(found).size).toBe(100_000);
    expect(chunkCount).toBeLessThan(1200);
  });

  test('are refused when a byte is not what it was', async () => {
    const { store, writeBehind, changes } = open();
    changes.add(keyOf(3, 'a'), Buffer.from('one'));
    changes.flush();
    await writeBehind.drain();
    const key = Buffer.from([CHANGE_TAG, 0, 3, 0, 0, 0, 0]);
    const chunk = store.getSync(key) as Uint8Array;
    for (let index = 0; index < chunk.length; index++) {
      const damaged = chunk.slice();
      damaged[index] = (damaged[index] as number) ^ 1;
      expect(() => readChanges(damaged)).toThrow(
        'Cannot read changes from the state store: their checksum does not match',
      );
    }
  });
});
