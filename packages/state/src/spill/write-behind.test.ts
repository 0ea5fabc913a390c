import type { KeyValueOperation } from '@millrace/common';
import { ByteSink } from '@millrace/proto';
import { MemoryKeyValueStore } from '../adapter/memory-key-value-store.ts';
import { describe, expect, test } from 'vitest';
import { StampClock } from '../table/stamp-clock.ts';
import { RowSpill } from './row-spill.ts';
import { ROW_TAG, writeIdentity } from './store-keys.ts';
import { WriteBehind } from './write-behind.ts';

const put = (name: string): KeyValueOperation => ({
  type: 'put',
  key: Buffer.from(name),
  value: Buffer.from(name),
});

describe('Writes behind', () => {
  test('tell when all that was appended is in the store, oldest first', async () => {
    const store = new MemoryKeyValueStore();
    const writeBehind = new WriteBehind(() => Promise.resolve(store));
    const events: string[] = [];
    const has = (name: string) => store.getSync(Buffer.from(name)) !== undefined;
    for (const name of ['a', 'b']) {
      writeBehind.append(put(name));
      writeBehind.whenWritten(() => events.push(`${name} ${has(name)}`));
    }
    const draining = writeBehind.drain();
    writeBehind.append(put('c'));
    writeBehind.whenWritten(() => events.push(`c ${has('c')}`));
    await draining;
    expect(events).toEqual(['a true', 'b true', 'c true']);
    expect(writeBehind.unwrittenBytes).toBe(0);
  });

  test('write nothing after one that failed, and say so to each who asks', async () => {
    const store = new MemoryKeyValueStore();
    const written: string[] = [];
    let isFirst = true;
    store.write = async (operations) => {
      await Promise.resolve();
      if (isFirst) {
        isFirst = false;
        throw new Error('the disk is full');
      }
      written.push(...operations.map(({ key }) => Buffer.from(key).toString()));
    };
    const writeBehind = new WriteBehind(() => Promise.resolve(store));
    const released: string[] = [];
    const add = (name: string) => {
      writeBehind.append(put(name));
      writeBehind.whenWritten(() => released.push(name));
    };
    add('a');
    const first = writeBehind.drain();
    await Promise.resolve();
    await Promise.resolve();
    add('b');
    const others: (Promise<void> | undefined)[] = [];
    for (let turn = 0; turn < 20; turn++) {
      await Promise.resolve();
      others.push(writeBehind.drain());
    }
    for (const drained of [first, ...others]) await expect(drained).rejects.toThrow('the disk is full');
    expect([written, released]).toEqual([[], []]);
  });

  test('let go of rows that were removed before the store had them, without opening it', async () => {
    const writeBehind = new WriteBehind(() => Promise.reject(new Error('nothing is for the store')));
    const log = { bytesMax: 10_000, firstKeyGroup: 0, keyGroupCount: 1 };
    const spill = new RowSpill({ writeBehind, clock: new StampClock(), log, hasSubkeys: () => false });
    for (let index = 0; index < 5000; index++) {
      const identity = { key: index, hash: index, subkey: undefined, generation: 0 };
      const key = new ByteSink();
      key.u8(ROW_TAG);
      writeIdentity(key, { keyGroupCount: 1, tableId: 0 }, identity);
      const hash = spill.hashOf(key);
      spill.log.begin(hash, key);
      spill.log.sink.latin1('a value of twenty or so');
      spill.log.end();
      spill.delete(hash, key);
      await writeBehind.drain();
      expect(spill.log.hold().length).toBeLessThan(12);
    }
  });
});
