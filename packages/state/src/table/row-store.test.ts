import fc from 'fast-check';
import { hashKey, mix32, silentLogger } from '@millrace/common';
import { describe, expect, test } from 'vitest';
import { openKeyedStateBackend } from '../backend/open-keyed-state-backend.ts';
import { FREE, RESTORED, RowStore } from './row-store.ts';

/** So many that hashes are what they are found by. */
const MANY = 66_000;
const FIRST = 1_000_000;
const OPERATIONS = ['add', 'mark', 'mark', 'mark', 'restored', 'release', 'stamp', 'many'] as const;

describe('stamps of changes', () => {
  test('are what they would be without the bits before them', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom(...OPERATIONS), fc.nat(200)), { maxLength: 120 }),
        (operations) => {
          const rows = new RowStore({ columnKinds: ['f64'], hasSubkeys: false, hasIndexHashes: false });
          const stamps = new Map<number, number>();
          let stamp = 1;
          const add = (): void => void stamps.set(rows.add(0, 0, stamp), stamp);
          for (const [kind, n] of operations) {
            const row = [...stamps.keys()][n % Math.max(1, stamps.size)];
            if (kind === 'stamp') stamp++;
            else if (kind === 'many') for (let left = n; left > 0; left--) add();
            else if (kind === 'add' || row === undefined) add();
            else if (kind === 'mark') {
              rows.mark(row, stamp);
              stamps.set(row, stamp);
            } else if (kind === 'restored') {
              rows.markRestored(row);
              stamps.set(row, RESTORED);
            } else {
              rows.release(row);
              stamps.delete(row);
              expect(rows.changed[row]).toBe(FREE);
            }
          }
          for (const [row, wanted] of stamps) expect(rows.changed[row]).toBe(wanted);
        },
      ),
    );
  });
});

describe('keys that are found by their hashes alone', () => {
  async function openTable() {
    const backend = await openKeyedStateBackend({
      keyGroupCount: 720,
      keyGroupRange: { firstKeyGroup: 0, lastKeyGroup: 719 },
      cacheEntriesMax: 2 * MANY,
      openStore: () => Promise.reject(new Error('nothing leaves memory here')),
      codegenId: 'test',
      log: silentLogger,
    });
    const table = backend.table({ name: 'rows', columns: ['f64'], hasNamespaces: false });
    for (let key = FIRST; key < FIRST + MANY; key++) table.upsert(key, hashKey(key), 0);
    return table;
  }

  test('are told apart also where a hash is not their own', async () => {
    const table = await openTable();
    const seven = table.upsert(7, hashKey(7), 0);
    expect(table.find(8, hashKey(7), 0)).toBe(-1);
    const eight = table.upsert(8, hashKey(7), 0);
    expect([seven, eight, table.find(7, hashKey(7), 0)]).toEqual([MANY, MANY + 1, MANY]);
    expect(table.find(8, hashKey(7), 0)).toBe(MANY + 1);
  });

  test('are no others than 32-bit integers', async () => {
    const table = await openTable();
    const text = 'a text';
    const keys = [-0, 0, -1, 2 ** 31 - 1, -(2 ** 31), 2 ** 31, 2 ** 32, 0.5, NaN, text];
    // A number with the hash of a text.
    const hash = hashKey(text);
    const twin = unmix(hash);
    expect(mix32(twin)).toBe(hash);
    const twinRow = table.upsert(twin, hash, 0);
    expect(keys.map((key) => table.find(key, hashKey(key), 0))).toEqual(keys.map(() => -1));
    const rows = keys.map((key) => table.upsert(key, hashKey(key), 0));
    expect(rows.map((row) => row - twinRow)).toEqual([1, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(keys.map((key) => table.find(key, hashKey(key), 0))).toEqual(rows);
    expect(table.find(twin, hash, 0)).toBe(twinRow);
    for (const key of [FIRST, FIRST + MANY - 1]) expect(table.find(key, hashKey(key), 0)).toBe(key - FIRST);
  });
});

/** The number with this hash: MurmurHash3's finaliser, step by step back. */
function unmix(hash: number): number {
  let h = hash ^ (hash >>> 16);
  h = Math.imul(h, 0x7ed1b41d);
  h = h ^ (h >>> 13) ^ (h >>> 26);
  h = Math.imul(h, 0xa5cb9243);
  return h ^ (h >>> 16);
}
