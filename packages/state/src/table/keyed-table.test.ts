import { hashKey } from '@millrace/common';
import { expect, test } from 'vitest';
import { valueCells } from '../cell/cell-codec.ts';
import { KeyedTable } from './keyed-table.ts';
import { StampClock } from './stamp-clock.ts';

test.each([
  ['numbers', (index: number): unknown => index],
  ['texts', (index: number): unknown => `key ${index}`],
  ['several elements', (index: number): unknown => [index, 'day']],
  ['what is equal to nothing', (index: number): unknown => (index === 1 ? NaN : index)],
])(
  'A row is found again where it was, or wherever it is, or not when it is gone: keys are %s',
  (_, keyOf) => {
    const descriptor = { name: 'rows', columns: ['f64'], hasNamespaces: false, cells: valueCells } as const;
    const table = new KeyedTable(descriptor, new StampClock(), 16);
    const again = (row: number, index: number): number =>
      table.findAgain(row, keyOf(index), hashKey(keyOf(index)));
    const add = (index: number): number => table.upsert(keyOf(index), hashKey(keyOf(index)), 0);
    const remove = (index: number): void => table.remove(keyOf(index), hashKey(keyOf(index)), 0);

    expect(again(3, 1)).toBe(-1);
    const rows = [0, 1, 2].map(add);
    expect([0, 1, 2].map((index) => again(rows[index] as number, index))).toEqual(rows);
    expect([-1, 0, 2, 63, 1_000_000].map((row) => again(row, 1))).toEqual(Array(5).fill(rows[1]));
    remove(1);
    expect(again(rows[1] as number, 1)).toBe(-1);
    const reused = add(5);
    expect(reused).toBe(rows[1]);
    expect(again(reused, 1)).toBe(-1);
    const moved = add(1);
    expect(again(reused, 1)).toBe(moved);
  },
);
