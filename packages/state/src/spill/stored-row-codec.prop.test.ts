import fc from 'fast-check';
import { ByteSink } from '@millrace/proto';
import { expect, test } from 'vitest';
import { valueCells } from '../cell/cell-codec.ts';
import { RowStore } from '../table/row-store.ts';
import { seal } from './store-checksum.ts';
import {
  readLoggedRowAt,
  readRawLoggedRow,
  readStoredRow,
  stampOfLoggedRow,
  writeLoggedRow,
} from './stored-row-codec.ts';

const number = fc.oneof(
  fc.constantFrom(0, -0, 1, -1, 255, 256, 2 ** 31 - 1, -(2 ** 31), 2 ** 31, 2 ** 40, NaN, Infinity, 0.5),
  fc.double(),
  fc.integer(),
);
const position = fc.oneof(fc.constantFrom(-1, 0, 126, 127, 128, 16_383, 2 ** 28, 2 ** 31 - 2), fc.nat(300));

/** A row with two numbers and a value. */
function written(of: {
  numbers: readonly [number, number];
  value: unknown;
  changed: number;
  position: number;
}) {
  const rows = new RowStore({
    columnKinds: ['f64', 'value', 'f64'],
    hasSubkeys: false,
    hasIndexHashes: false,
  });
  rows.letLeave();
  const row = rows.add(1, 1, of.changed);
  rows.setCells(row, [of.numbers[0], of.value, of.numbers[1]]);
  rows.directoryPositions[row] = of.position;
  const sink = new ByteSink(1);
  writeLoggedRow(sink, rows, row, valueCells);
  return sink;
}

test('a row is what left memory, wherever it stands, and in the store', () => {
  fc.assert(
    fc.property(
      fc.tuple(number, number),
      fc.constantFrom(undefined, 'text', { a: 1 }),
      fc.integer({ min: 0, max: 2 ** 31 - 1 }),
      position,
      (numbers, value, changed, directoryPosition) => {
        const { bytes, position: length } = written({ numbers, value, changed, position: directoryPosition });
        const row = { values: [numbers[0], value, numbers[1]], changed, directoryPosition };
        const alone = Buffer.from(bytes.subarray(0, length));
        expect(readLoggedRowAt(alone, 0, valueCells)).toEqual(row);
        const behind = Buffer.concat([Buffer.from('before'), alone, Buffer.from('behind')]);
        expect(readLoggedRowAt(behind, 6, valueCells)).toEqual(row);
        expect(stampOfLoggedRow(behind, 6)).toBe(changed);
        const raw = readRawLoggedRow(alone);
        expect([raw.changed, raw.directoryPosition, raw.cells[0], raw.cells[2]]).toEqual([
          changed,
          directoryPosition,
          ...numbers,
        ]);
        const stored = new ByteSink();
        stored.raw(alone);
        seal(stored);
        expect(readStoredRow(stored.view(), valueCells)).toEqual(row);
      },
    ),
  );
});

test('small numbers take two bytes each, and a damaged row is refused', () => {
  const of = { value: undefined, changed: 7, position: 3 };
  const small = written({ ...of, numbers: [0, 255] });
  expect(written({ ...of, numbers: [0.5, -0] }).position - small.position).toBe(14);
  const unsealed = Buffer.from(small.view());
  seal(small);
  const bytes = Buffer.from(small.view());
  bytes[1] = (bytes[1] as number) ^ 1;
  for (const damaged of [bytes, unsealed, Buffer.alloc(0), Buffer.alloc(3), Buffer.alloc(4)])
    expect(() => readStoredRow(damaged, valueCells)).toThrow(
      expect.objectContaining({ code: 'MR_STATE_BACKEND' }) as Error,
    );
});
