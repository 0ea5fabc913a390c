import { hashNumber } from '@millrace/common';
import { describe, expect, test } from 'vitest';
import { valueCells } from '../cell/cell-codec.ts';
import { KeyedTable } from './keyed-table.ts';
import { StampClock } from './stamp-clock.ts';

const NAMESPACE = 7;

function tableOf(keyCount: number): KeyedTable {
  const descriptor = { name: 'rows', columns: ['f64'], hasNamespaces: true, cells: valueCells } as const;
  const table = new KeyedTable(descriptor, new StampClock(), 16);
  for (let key = 0; key < keyCount; key++) table.upsert(key, hashNumber(key), NAMESPACE);
  return table;
}

/** Goes over the rows; `at` is called with each key. */
function walk(
  table: KeyedTable,
  at: (key: number) => void = () => undefined,
  namespace = NAMESPACE,
): number[] {
  const seen: number[] = [];
  const cursor = table.openCursor(namespace);
  for (let row = cursor.next(); row >= 0; row = cursor.next()) {
    const key = table.keyOf(row) as number;
    seen.push(key);
    at(key);
  }
  return seen;
}

const remove = (table: KeyedTable, key: number): void => table.remove(key, hashNumber(key), NAMESPACE);

describe('A cursor over rows in memory', () => {
  test.each([1, 2, 3])('meets each row once while one in %i is removed as it is met', (oneIn) => {
    const table = tableOf(1_000);
    const seen = walk(table, (key) => key % oneIn === 0 && remove(table, key));
    expect(seen.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 1_000 }, (_, key) => key));
    expect(table.entryCount).toBe(1_000 - Math.ceil(1_000 / oneIn));
  });

  test('meets each row that stays once while others go and come', () => {
    const table = tableOf(1_000);
    const gone = new Set<number>();
    const seen = walk(table, (key) => {
      if (key >= 1_000) return;
      const other = (key * 7 + 1) % 1_000;
      if (other % 2 === 0) gone.add(other);
      if (other % 2 === 0) remove(table, other);
      // Rows' numbers are given out again, here and in another namespace.
      table.upsert(1_000 + key, hashNumber(1_000 + key), key % 4 === 0 ? NAMESPACE : 1);
    });
    const old = seen.filter((key) => key < 1_000);
    expect(new Set(seen).size).toBe(seen.length);
    for (let key = 1; key < 1_000; key += 2) expect(old).toContain(key);
    for (const key of seen) expect(key < 1_000 || key % 4 === 0).toBe(true);
    expect(gone.size).toBeGreaterThan(100);
  });

  test('comes to its end where its namespace goes, and begins anew', () => {
    const table = tableOf(100);
    let count = 0;
    walk(table, () => {
      if (++count !== 3) return;
      table.removeNamespace(NAMESPACE);
      for (let key = 0; key < 5; key++) table.upsert(key, hashNumber(key), NAMESPACE);
      for (let key = 0; key < 5; key++) table.upsert(key, hashNumber(key), 1);
    });
    expect(count).toBe(3);
    for (let key = 0; key < 5; key++) remove(table, key);
    expect(table.namespaces()).toEqual([1]);
  });
});

describe('A cursor over all rows of a table without namespaces', () => {
  const all = 0;
  const add = (table: KeyedTable, key: number): number => table.upsert(key, hashNumber(key), all);
  const removeOf = (table: KeyedTable, key: number): void => table.remove(key, hashNumber(key), all);

  function plainTable(keyCount: number): KeyedTable {
    const descriptor = { name: 'rows', columns: ['f64'], hasNamespaces: false, cells: valueCells } as const;
    const table = new KeyedTable(descriptor, new StampClock(), 16);
    for (let key = 0; key < keyCount; key++) add(table, key);
    return table;
  }

  const walkAll = (table: KeyedTable, at?: (key: number) => void): number[] => walk(table, at, all);

  test('meets them in the order of their coming, and those that stay once while others go and come', () => {
    const table = plainTable(1_000);
    const upTo = (count: number): number[] => Array.from({ length: count }, (_, key) => key);
    expect(walkAll(table)).toEqual(upTo(1_000));
    const seen = walkAll(table, (key) => {
      if (key % 3 === 0 && key < 1_000) removeOf(table, key);
      if (key % 5 === 1 && key < 1_000) removeOf(table, (key + 501) % 1_000);
      add(table, 1_000 + (key % 1_000));
    });
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen.filter((key) => key < 1_000 && key % 3 !== 0 && key % 5 !== 2)).toEqual(
      upTo(1_000).filter((key) => key % 3 !== 0 && key % 5 !== 2),
    );
  });

  test('finds the few that are left of many', () => {
    const table = plainTable(5_000);
    for (let key = 0; key < 5_000; key++) if (key % 1_000 !== 7) removeOf(table, key);
    expect(walkAll(table)).toEqual([7, 1_007, 2_007, 3_007, 4_007]);
    table.removeNamespace(all);
    for (const key of [3, 1, 2]) add(table, key);
    expect(walkAll(table).toSorted((a, b) => a - b)).toEqual([1, 2, 3]);
    expect(walkAll(table, (key) => removeOf(table, key))).toHaveLength(3);
    expect(walkAll(table)).toEqual([]);
  });

  test('comes to its end where all rows go at once, and begins anew', () => {
    const table = plainTable(100);
    const seen = walkAll(table, (key) => {
      if (key !== 2) return;
      table.removeNamespace(all);
      for (let again = 0; again < 50; again++) add(table, again);
    });
    expect(seen).toEqual([0, 1, 2]);
    expect(walkAll(table)).toHaveLength(50);
  });
});
