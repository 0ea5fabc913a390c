import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ByteSink, ByteReader, createBatchBuilder, type RecordBatch } from '@millrace/proto';
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

function valuesOf(frozen: FrozenCells, rowCount = ROWS): readonly unknown[] {
  const sink = new ByteSink();
  const ends = new Uint32Array(rowCount);
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

interface BatchRow {
  readonly batch: RecordBatch;
  readonly records: readonly unknown[];
}

function batchOf(lengths: readonly number[], id: number): BatchRow {
  const records = lengths.map((length, at) => ({
    id: id * 1000 + at,
    name: text(length),
    price: length + 0.5,
  }));
  const batches: RecordBatch[] = [];
  const builder = createBatchBuilder({
    codegenId: 'test',
    targetCount: 1,
    isKeyed: false,
    onBatch: (_, batch) => batches.push(batch),
  });
  for (const record of records) builder.append(0, record, NaN, 0);
  builder.flushAll();
  expect(batches.map(({ rowCount }) => rowCount)).toEqual([lengths.length]);
  return { batch: batches[0] as RecordBatch, records };
}

const MANY_ROWS = 200;
/** From few rows, which wait for each other, to so many that each has to be written for the next. */
const anyRow = fc.oneof(
  fc.nat(3),
  fc.nat(MANY_ROWS - 1),
  fc.nat(2).map((index) => index * 64 + 1),
);
const batchStep = fc.oneof(
  {
    weight: 40,
    arbitrary: fc.record({ kind: fc.constant('setFrom' as const), row: anyRow, at: fc.nat(19) }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('nextBatch' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('set' as const), row: anyRow, length: fc.nat(300) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('clear' as const), row: anyRow }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('get' as const), row: anyRow }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('move' as const), row: anyRow, to: anyRow }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('freeze' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('release' as const) }) },
);
const batchLengths = fc.array(fc.oneof(fc.nat(9), fc.nat(400), fc.constant(12_000)), {
  minLength: 20,
  maxLength: 20,
});

test('rows of batches are what was set last, also those that wait to be written', () => {
  fc.assert(
    fc.property(
      fc.array(batchLengths, { minLength: 2, maxLength: 5 }),
      fc.array(batchStep, { minLength: 1, maxLength: 600, size: 'max' }),
      (lengths, steps) => {
        const batches = lengths.map(batchOf);
        const cells = new PackedCells();
        cells.grow(MANY_ROWS);
        const model: unknown[] = Array.from({ length: MANY_ROWS }, () => undefined);
        const frozen: { readonly cells: FrozenCells; readonly model: readonly unknown[] }[] = [];
        let next = 0;
        for (const step of steps) {
          const { batch, records } = batches[next % batches.length] as BatchRow;
          if (step.kind === 'nextBatch') next++;
          else if (step.kind === 'setFrom') {
            model[step.row] = records[step.at];
            if (!cells.setFrom(step.row, batch, step.at)) cells.set(step.row, records[step.at]);
          } else if (step.kind === 'set') {
            model[step.row] = { text: text(step.length) };
            cells.set(step.row, model[step.row]);
          } else if (step.kind === 'clear') {
            model[step.row] = undefined;
            cells.clear(step.row);
          } else if (step.kind === 'get') {
            expect(cells.get(step.row)).toEqual(model[step.row]);
          } else if (step.kind === 'move') {
            model[step.to] = model[step.row];
            cells.setBytes(step.to, cells.bytesOf(step.row));
          } else if (step.kind === 'freeze') {
            frozen.push({ cells: cells.freeze(MANY_ROWS), model: [...model] });
          } else {
            const oldest = frozen.shift();
            if (oldest === undefined) continue;
            expect(valuesOf(oldest.cells, MANY_ROWS)).toEqual(oldest.model);
            oldest.cells.release();
          }
        }
        for (const { cells: held, model: then } of frozen) expect(valuesOf(held, MANY_ROWS)).toEqual(then);
        const sink = new ByteSink();
        for (let row = 0; row < MANY_ROWS; row++) {
          const start = sink.position;
          cells.writeTo(sink, row);
          expect(cells.byteLengthOf(row)).toBe(sink.position - start);
          expect(cells.get(row)).toEqual(model[row]);
        }
      },
    ),
    { numRuns: 60 },
  );
});

test('a value that cannot be encoded leaves the one that waits', () => {
  const { batch, records } = batchOf(
    Array.from({ length: 20 }, (_, index) => index),
    1,
  );
  const cells = new PackedCells();
  cells.grow(ROWS);
  expect(cells.setFrom(7, batch, 3)).toBe(true);
  expect(() => cells.set(7, { refused: () => 1 })).toThrow('refused');
  expect(cells.get(7)).toEqual(records[3]);
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
