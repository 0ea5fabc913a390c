import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ByteSink, ByteReader } from '@millrace/proto';
import { readValueAt } from '../cell/value-bytes.ts';
import { PackedCells, type FrozenCells } from './packed-cells.ts';

const ROWS = 24;

const text = (length: number) => 'a longer text '.repeat(Math.ceil(length / 14)).slice(0, length);
/** From nothing to more than a segment. */
const value = fc.oneof(
  { weight: 8, arbitrary: fc.nat(40_000).map((length) => ({ id: length, name: text(length) })) },
  { weight: 1, arbitrary: fc.constant({ name: text(1_500_000) }) },
  { weight: 2, arbitrary: fc.constantFrom(undefined, null, 0, -0, NaN, 'ü€', [1, { a: [] }], new Date(5)) },
);
const step = fc.oneof(
  { weight: 20, arbitrary: fc.record({ kind: fc.constant('set' as const), row: fc.nat(ROWS - 1), value }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('clear' as const), row: fc.nat(ROWS - 1) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('freeze' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('read' as const) }) },
);

function valuesOf(frozen: FrozenCells): readonly unknown[] {
  const sink = new ByteSink();
  const ends = new Uint32Array(ROWS);
  frozen.writeRows(sink, 0, ends);
  return Array.from(ends, (end, row) => {
    const from = row === 0 ? 0 : (ends[row - 1] as number);
    return readValueAt(new ByteReader(sink.view().subarray(from, end)));
  });
}

test('a packed column gives what was set last, and a freeze what was there', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 400, size: 'max' }), (steps) => {
      const cells = new PackedCells();
      cells.grow(ROWS);
      const model: unknown[] = Array.from({ length: ROWS }, () => undefined);
      const frozen: { readonly cells: FrozenCells; readonly model: readonly unknown[] }[] = [];
      for (const { kind, ...of } of steps) {
        if (kind === 'set' && 'value' in of) {
          cells.set(of.row, of.value);
          model[of.row] = of.value;
        } else if (kind === 'clear' && 'row' in of) {
          cells.clear(of.row);
          model[of.row] = undefined;
        } else if (kind === 'freeze') {
          frozen.push({ cells: cells.freeze(ROWS), model: [...model] });
        } else {
          const oldest = frozen.shift();
          if (oldest === undefined) continue;
          expect(valuesOf(oldest.cells)).toEqual(oldest.model);
          oldest.cells.release();
        }
      }
      expect(model.map((_, row) => cells.get(row))).toEqual(model);
      for (const { cells: held, model: then } of frozen) expect(valuesOf(held)).toEqual(then);
      const rows = Int32Array.from([3, 1]);
      const some = new ByteSink();
      cells.freeze(rows).writeRows(some, 1, new Uint32Array(1));
      expect(readValueAt(new ByteReader(some.view()))).toEqual(model[1]);
    }),
    { numRuns: 30 },
  );
});

test('rows that are written again and again take no more memory than twice their values, about', () => {
  const cells = new PackedCells();
  cells.grow(1_000);
  // A row in ten is never written again: its segments are emptied all the same.
  for (let row = 0; row < 1_000; row++) cells.set(row, { row, name: text(2_000) });
  for (let round = 0; round < 100; round++)
    for (let row = 0; row < 1_000; row++)
      if (row % 10 !== 0) cells.set(row, { row: round, name: text(2_000) });
  expect(cells.bytes).toBeLessThan(8 * 1024 * 1024);
  for (let row = 0; row < 1_000; row++)
    expect(cells.get(row)).toEqual({ row: row % 10 === 0 ? row : 99, name: text(2_000) });
});

test('values of hundreds of megabytes are whole', () => {
  const cells = new PackedCells();
  cells.grow(4);
  const long = new Uint8Array(2 ** 27 + 13).fill(7);
  long[long.length - 1] = 9;
  cells.setBytes(1, Uint8Array.of(1));
  cells.setBytes(2, long);
  cells.setBytes(3, Uint8Array.of(2));
  expect(cells.byteLengthOf(2)).toBe(long.length);
  const read = cells.bytesOf(2);
  expect([read.length, read[0], read.at(-1)]).toEqual([long.length, 7, 9]);
  expect([cells.get(1), cells.byteLengthOf(3)]).toEqual([undefined, 1]);
  cells.setBytes(2, Uint8Array.of(2));
  expect([...cells.bytesOf(2)]).toEqual([2]);
  expect(cells.liveBytes).toBeLessThan(100);
});
