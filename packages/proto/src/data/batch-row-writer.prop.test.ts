import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createBatchBuilder } from './batch-builder.ts';
import { decodeBatchV1, encodeBatchV1 } from './batch-codec-v1.ts';
import { BatchRowWriter } from './batch-row-writer.ts';
import type { RowBytes } from './plain-row-writer.ts';
import type { RecordBatch } from './record-batch.ts';
import { encodeValueV1 } from './value-codec-v1.ts';

const START = 8;

function batchesOf(records: readonly unknown[]): RecordBatch[] {
  const batches: RecordBatch[] = [];
  const builder = createBatchBuilder({
    codegenId: 'test',
    targetCount: 1,
    isKeyed: false,
    onBatch: (_, batch) => batches.push(batch),
  });
  for (const record of records) builder.append(0, record, NaN, 0);
  builder.flushAll();
  return batches;
}

/** undefined: refused. */
function written(writer: BatchRowWriter, batch: RecordBatch, row: number): Uint8Array | undefined {
  if (!writer.takes(batch)) return undefined;
  const end = START + writer.bytesOf(row);
  const bytes = Buffer.alloc(Math.ceil(end / 4) * 4 + 8, 0xee) as unknown as RowBytes;
  writer.write(bytes, new DataView(bytes.buffer, bytes.byteOffset, bytes.length), START, row);
  const around = [...bytes.subarray(0, START), ...bytes.subarray(bytes.length - 8)];
  expect(around.every((byte) => byte === 0xee)).toBe(true);
  return Uint8Array.from(bytes.subarray(START, end));
}

const text = fc.oneof(
  fc.string({ maxLength: 30 }),
  fc.constantFrom(
    '',
    'ü'.repeat(17),
    'ÿ'.repeat(40),
    'ÿðÿ\u007f'.repeat(9),
    'x'.repeat(127),
    'y'.repeat(128),
    'z'.repeat(300),
    'again',
  ),
);
const int = fc.oneof(fc.integer(), fc.integer({ min: -1, max: 70 }));
const double = fc.oneof(fc.double(), fc.constantFrom(-0, NaN, 1e12, 3, -4));
const records = fc.array(
  fc.record(
    { id: int, price: double, isHot: fc.boolean(), url: text, '€ extra': text },
    { requiredKeys: ['id', 'price', 'isHot', 'url', '€ extra'] },
  ),
  { minLength: 1, maxLength: 40, size: 'max' },
);

test('a row of a batch has the bytes of its record, built or decoded, or is refused', () => {
  const writer = new BatchRowWriter();
  fc.assert(
    fc.property(records, fc.boolean(), (list, isDecoded) => {
      let next = 0;
      for (const built of batchesOf(list)) {
        const batch = isDecoded ? decodeBatchV1(encodeBatchV1(built)) : built;
        for (let row = 0; row < batch.rowCount; row++) {
          const bytes = encodeValueV1(list[next++]);
          const given = written(writer, batch, row);
          if (given !== undefined) expect(Buffer.compare(given, bytes)).toBe(0);
          else expect(batch.rowCount).toBeLessThan(16);
        }
      }
    }),
    { numRuns: 30 },
  );
});

const many = (record: (row: number) => unknown) => Array.from({ length: 40 }, (_, row) => record(row));

test.each([
  ['a text beyond Latin-1', many((row) => ({ id: row, name: row === 39 ? '日本' : 'x' }))],
  ['a field that may be null', many((row) => ({ id: row % 3 === 0 ? null : row }))],
  ['fields in two orders', many((row) => (row % 2 === 0 ? { a: 1, b: 'x' } : { b: 'x', a: 1 }))],
  ['a nested object', many((row) => ({ id: { row } }))],
  ['a date', many((row) => ({ at: new Date(row) }))],
  ['a list', many((row) => ({ ids: [row, row] }))],
  ['no object', many((row) => row)],
  ['an object without fields', many(() => ({}))],
  ['a batch with more than 1 MiB of text', many((row) => ({ text: `${row}`.padEnd(30_000) }))],
])('%s is refused', (_, list) => {
  const writer = new BatchRowWriter();
  for (const batch of batchesOf(list)) {
    if (batch.rowCount < 16) continue;
    expect(written(writer, batch, 0)).toBe(undefined);
    expect(written(writer, decodeBatchV1(encodeBatchV1(batch)), 0)).toBe(undefined);
  }
});

test('batches of which few rows are written are left to others for a while', () => {
  const writer = new BatchRowWriter();
  const list = many((row) => ({ id: row, name: `row ${row}` }));
  const taken = Array.from({ length: 40 }, () => {
    const [batch] = batchesOf(list);
    return batch !== undefined && written(writer, batch, 0) !== undefined;
  });
  expect(taken.map((is) => (is ? 1 : 0)).join('')).toBe('1000000000000000'.repeat(3).slice(0, 40));
});
