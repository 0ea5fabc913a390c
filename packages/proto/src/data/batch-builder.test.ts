import { expect, test } from 'vitest';
import { createBatchBuilder } from './batch-builder.ts';
import { decodeBatchV1, decodeUncheckedBatchV1, encodeBatchV1, encodeBehind } from './batch-codec-v1.ts';
import { recordAt, recordsOf } from './batch-shape.ts';
import type { BatchBuilder, RecordBatch } from './record-batch.ts';

interface Made {
  readonly builder: BatchBuilder;
  readonly batches: RecordBatch[];
}

function make(options: { readonly rowsMax?: number; readonly bytesTarget?: number } = {}): Made {
  const batches: RecordBatch[] = [];
  const builder = createBatchBuilder({
    codegenId: 'odd\nid */ `',
    targetCount: 2,
    isKeyed: false,
    onBatch: (_target, batch) => void batches.push(batch),
    ...options,
  });
  return { builder, batches };
}

const textsOf = (batches: readonly RecordBatch[]): string[] => batches.map(({ shape }) => shape.text);

test('a batch goes out when it has its rows', () => {
  const { builder, batches } = make({ rowsMax: 3 });
  for (let n = 0; n < 7; n++) builder.append(0, n, 0, 0);
  expect(batches.map(({ rowCount }) => rowCount)).toEqual([3, 3]);
  expect(builder.pendingRows).toBe(1);
});

test('the first full batches are small, and each is twice the one before', () => {
  const { builder, batches } = make({ rowsMax: 300 });
  for (let n = 0; n < 64 + 128 + 256 + 300 + 300 + 5; n++) builder.append(n % 7 === 0 ? 1 : 0, n, 0, 0);
  builder.flushAll();
  const rows = batches.map(({ rowCount }) => rowCount);
  expect(rows.slice(0, 3)).toEqual([64, 128, 256]);
  expect(Math.max(...rows)).toBe(300);
  expect(rows.reduce((sum, count) => sum + count)).toBe(1053);
});

test('a batch goes out when it has its bytes', () => {
  const { builder, batches } = make({ bytesTarget: 1000 });
  for (let n = 0; n < 10; n++) builder.append(0, 'x'.repeat(300), 0, 0);
  expect(batches.map(({ rowCount }) => rowCount)).toEqual([4, 4]);
});

test('a target with few rows holds little memory', () => {
  const { builder, batches } = make();
  builder.append(0, 1, 0, 0);
  builder.flushAll();
  expect(batches[0]?.timestampsMs.length).toBe(16);
});

test('a batch handed over does not change when more records come', () => {
  const { builder, batches } = make();
  builder.append(0, { a: 1, tags: ['x', 'y', 'z', 'w'] }, 5, 0);
  builder.flushAll();
  builder.append(0, { a: 2, tags: ['q', 'q', 'q', 'q'] }, 6, 0);
  expect(recordsOf(batches[0] as RecordBatch)).toEqual([{ a: 1, tags: ['x', 'y', 'z', 'w'] }]);
  expect(batches[0]?.timestampsMs[0]).toBe(5);
});

test('records are copied: what the caller changes afterwards is not in the batch', () => {
  const { builder, batches } = make();
  const record = { nested: { list: [1, 'a', { deep: true }] }, map: new Map([['k', 1]]) };
  builder.append(0, record, 0, 0);
  record.nested.list.push(2);
  record.map.set('k', 2);
  builder.flushAll();
  expect(recordAt(batches[0] as RecordBatch, 0)).toEqual({
    nested: { list: [1, 'a', { deep: true }] },
    map: new Map([['k', 1]]),
  });
});

test('a shape widens once and then takes both kinds', () => {
  const { builder, batches } = make();
  for (const record of [{ n: 1 }, { n: 0.5 }, { n: 2 }, { n: null }, { n: 1 }, {}, { n: 3 }])
    builder.append(0, record, 0, 0);
  builder.flushAll();
  expect(textsOf(batches)).toEqual(['{n:i32}', '{n:f64}', '{n:f64?}', '{n:f64?;0;}']);
  expect(batches.map(({ rowCount }) => rowCount)).toEqual([1, 2, 2, 2]);
});

test('an object in two places of a record stays one, and the shape stays for the records behind it', () => {
  const { builder, batches } = make();
  const day = new Date(5);
  const tags = ['x', 'y', 'z', 'w'];
  builder.append(0, { from: new Date(1), to: new Date(2), tags, more: [...tags] }, 0, 0);
  builder.append(0, { from: day, to: day, tags, more: [...tags] }, 0, 0);
  builder.append(0, { from: new Date(3), to: new Date(4), tags, more: tags }, 0, 0);
  builder.append(
    0,
    { from: new Date(3), to: new Date(4), tags, more: Object.assign([...tags], { note: 1 }) },
    0,
    0,
  );
  builder.append(0, { from: new Date(5), to: new Date(6), tags, more: [...tags] }, 0, 0);
  builder.flushAll();
  const shape = '{from:date,to:date,tags:[str],more:[str]}';
  expect(textsOf(batches)).toEqual([shape, 'val', 'val', '{from:date,to:date,tags:[str],more:val}']);
  const records = batches.flatMap((batch) => recordsOf(batch)) as {
    from: Date;
    to: Date;
    tags: string[];
    more: string[];
  }[];
  expect(records.map(({ from, to }) => from === to)).toEqual([false, true, false, false, false]);
  expect(records.map((record) => record.tags === record.more)).toEqual([false, false, true, false, false]);
  expect(Object.entries(records[3]?.more ?? []).at(-1)).toEqual(['note', 1]);
});

test('an object that a Map of a record holds too stays one', () => {
  const { builder, batches } = make();
  const user = { name: 'ada' };
  const record = { user, byName: new Map<string, object>([['ada', user]]) };
  builder.append(0, { user: { name: 'eve' }, byName: new Map() }, 0, 0);
  builder.append(0, record, 0, 0);
  builder.append(0, { user, byName: new Map([['eve', { name: 'eve' }]]) }, 0, 0);
  builder.flushAll();
  expect(textsOf(batches)).toEqual(['{user:{name:str},byName:val}', 'val', '{user:{name:str},byName:val}']);
  const copy = recordAt(batches[1] as RecordBatch, 0) as typeof record;
  expect(copy.byName.get('ada')).toBe(copy.user);
});

test('an array that holds itself is a value', () => {
  const { builder, batches } = make();
  const ring: unknown[] = [1, 2, 3];
  ring.push(ring);
  builder.append(0, ring, 0, 0);
  builder.flushAll();
  const copy = recordAt(batches[0] as RecordBatch, 0) as unknown[];
  expect(copy[3]).toBe(copy);
});

test('records that never look alike end in a value column, after a bounded number of shapes', () => {
  const { builder, batches } = make();
  for (let n = 0; n < 500; n++) builder.append(0, { [`field${n}`]: n }, 0, 0);
  builder.flushAll();
  expect(batches.length).toBeLessThan(40);
  expect(batches.at(-1)?.shape.text).toBe('val');
});

test('records keep the order of their keys', () => {
  const { builder, batches } = make();
  builder.append(0, { b: 1, a: 'x' }, 0, 0);
  builder.flushAll();
  expect(Object.keys(recordAt(batches[0] as RecordBatch, 0) as object)).toEqual(['b', 'a']);
});

test('a refused field is named, and the records before it are kept', () => {
  const { builder, batches } = make();
  builder.append(0, { user: { tags: ['a', null] } }, 0, 0);
  const refused = { user: { tags: ['a', 'b', () => 1] } };
  expect(() => builder.append(0, refused, 0, 0)).toThrow(
    expect.objectContaining({ code: 'MR_UNSUPPORTED_VALUE', details: { path: 'record.user.tags[2]' } }),
  );
  builder.flushAll();
  expect(batches.flatMap((batch) => recordsOf(batch))).toEqual([{ user: { tags: ['a', null] } }]);
});

test('a record larger than the limit is refused', () => {
  const { builder } = make();
  expect(() => builder.append(0, 'x'.repeat(17 * 1024 * 1024), 0, 0)).toThrow(
    expect.objectContaining({ code: 'MR_UNSUPPORTED_VALUE' }),
  );
});

test('instances of classes arrive as plain objects, inherited fields left out', () => {
  class Trade {
    price = 3;
  }
  const { builder, batches } = make();
  builder.append(0, new Trade(), 0, 0);
  builder.append(0, Object.assign(Object.create({ inherited: 1 }) as object, { price: 4 }), 0, 0);
  builder.flushAll();
  const copied = batches
    .map(encodeBatchV1)
    .map(decodeBatchV1)
    .flatMap((batch) => recordsOf(batch));
  expect(copied).toStrictEqual([{ price: 3 }, { price: 4 }]);
});

test('a batch that stays in its process has no checksum, and is refused where one is looked for', () => {
  const records = Array.from({ length: 100 }, (_, id) => ({
    id,
    rope: `${'x'.repeat(20)}${id}`,
    wide: `für ${id} €`,
  }));
  const { builder, batches } = make();
  for (const record of records) builder.append(0, record, 0, 0);
  builder.flushAll();
  const bytes = batches.map((batch) => encodeBehind(batch, 0, false));
  expect(bytes.map(decodeUncheckedBatchV1).flatMap((batch) => recordsOf(batch))).toEqual(records);
  expect(() => bytes.map(decodeBatchV1)).toThrow(expect.objectContaining({ code: 'MR_FRAME_CORRUPT' }));
});
