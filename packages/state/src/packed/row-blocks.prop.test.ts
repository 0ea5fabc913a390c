import fc from 'fast-check';
import { ByteReader, ByteSink } from '@millrace/proto';
import { describe, expect, test } from 'vitest';
import { readValueAt } from '../cell/value-bytes.ts';
import { RowBlocks } from './row-blocks.ts';

const LISTS = 6;
type Entry = readonly [head: number, row: unknown];

const text = (length: number) => 'a longer text '.repeat(Math.ceil(length / 14)).slice(0, length);
/** From nothing to what has a segment of its own, and what generated writers refuse. */
const row = fc.oneof(
  { weight: 20, arbitrary: fc.nat(300).map((length) => ({ id: length, name: text(length) })) },
  { weight: 2, arbitrary: fc.nat(40_000).map((length) => ({ id: length, name: text(length) })) },
  { weight: 1, arbitrary: fc.constant({ name: text(1_500_000) }) },
  { weight: 2, arbitrary: fc.constantFrom(undefined, null, -0, NaN, 'ü€', [1, { a: [] }], new Date(5)) },
);
const head = fc.constantFrom(0, -0, NaN, 1.5, 7, -1, 2 ** 40, Infinity);
const list = fc.nat(LISTS - 1);
const place = fc.nat(1_000);
const step = fc.oneof(
  { weight: 24, arbitrary: fc.record({ kind: fc.constant('insert' as const), list, place, head, row }) },
  { weight: 12, arbitrary: fc.record({ kind: fc.constant('remove' as const), list, place }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('only' as const), list, head, row }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('free' as const), list }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restore' as const), list }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('freeze' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('tidy' as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('close' as const), place }) },
);

function writtenBytes(blocks: RowBlocks, address: number): Uint8Array {
  const sink = new ByteSink();
  blocks.lookAhead([address], 0, 1);
  blocks.writeTo(sink, address);
  return sink.copy();
}

const written = (blocks: RowBlocks, address: number) =>
  readValueAt(new ByteReader(writtenBytes(blocks, address))) as readonly Entry[];

const entries = (blocks: RowBlocks, address: number): readonly Entry[] =>
  Array.from({ length: blocks.lengthOf(address) }, (_, index) => [
    blocks.headAt(address, index),
    blocks.rowAt(address, index),
  ]);

/** As a restore does. */
function readBack(blocks: RowBlocks, bytes: Uint8Array): number {
  const reader = new ByteReader(bytes);
  reader.u8();
  const heads: number[] = [];
  const starts: number[] = [];
  const lengths: number[] = [];
  for (let left = reader.u32(); left > 0; left--) {
    heads.push(readValueAt(reader) as number);
    const length = reader.u32();
    starts.push(reader.skip(length));
    lengths.push(length);
  }
  return blocks.fromBytes(bytes, { heads, starts, lengths });
}

describe('Lists in blocks', () => {
  test('have what was put into them, and a freeze what was there', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 500, size: 'max' }), (steps) => {
        const blocks = new RowBlocks();
        const lists = Array.from({ length: LISTS }, () => 0);
        const model: Entry[][] = lists.map(() => []);
        const frozen: {
          readonly freeze: number;
          readonly lists: readonly number[];
          readonly model: readonly (readonly Entry[])[];
        }[] = [];
        for (const of of steps) {
          switch (of.kind) {
            case 'insert': {
              const entriesOf = model[of.list] as Entry[];
              const index = of.place % (entriesOf.length + 1);
              lists[of.list] = blocks.insert(lists[of.list] as number, index, of.head, of.row, undefined, -1);
              if (of.place % 2 === 0) blocks.letGo(lists[of.list] as number, index);
              entriesOf.splice(index, 0, [of.head, of.row]);
              break;
            }
            case 'only':
              lists[of.list] = blocks.setOnly(lists[of.list] as number, of.head, of.row, undefined, -1);
              model[of.list] = [[of.head, of.row]];
              break;
            case 'remove': {
              const entriesOf = model[of.list] as Entry[];
              if (entriesOf.length === 0) break;
              const index = of.place % entriesOf.length;
              lists[of.list] = blocks.removeAt(lists[of.list] as number, index);
              entriesOf.splice(index, 1);
              break;
            }
            case 'free':
              blocks.free(lists[of.list] as number);
              lists[of.list] = 0;
              model[of.list] = [];
              break;
            case 'restore': {
              const bytes = writtenBytes(blocks, lists[of.list] as number);
              blocks.free(lists[of.list] as number);
              lists[of.list] = readBack(blocks, bytes);
              break;
            }
            case 'tidy':
              blocks.tidy([lists], lists.length);
              break;
            case 'freeze':
              frozen.push({
                freeze: blocks.freeze(),
                lists: [...lists],
                model: model.map((each) => [...each]),
              });
              break;
            default: {
              const [held] = frozen.splice(of.place % Math.max(1, frozen.length), 1);
              if (held === undefined) break;
              expect(held.lists.map((address) => written(blocks, address))).toEqual(held.model);
              blocks.close(held.freeze);
            }
          }
        }
        expect(lists.map((address) => entries(blocks, address))).toEqual(model);
        expect(lists.map((address) => written(blocks, address))).toEqual(model);
        for (const held of frozen)
          expect(held.lists.map((address) => written(blocks, address))).toEqual(held.model);
        for (const held of frozen) blocks.close(held.freeze);
        for (const address of lists) blocks.free(address);
        expect(blocks.liveBytes).toBe(0);
      }),
      { numRuns: 40 },
    );
  });

  test('take no more memory than twice their rows, about, however often they change and are frozen', () => {
    const blocks = new RowBlocks();
    const lists = Array.from({ length: 2_000 }, () => 0);
    let freeze = blocks.freeze();
    for (let round = 0; round < 40; round++) {
      for (let index = 0; index < lists.length; index++) {
        let address = blocks.insert(
          lists[index] as number,
          0,
          round,
          { round, name: text(100 + ((round * 7 + index) % 90)) },
          undefined,
          -1,
        );
        if (blocks.lengthOf(address) > 10) address = blocks.removeAt(address, 10);
        lists[index] = address;
      }
      blocks.close(freeze);
      freeze = blocks.freeze();
    }
    const bytesOfRows = lists.reduce((sum, address) => sum + writtenBytes(blocks, address).length, 0);
    expect(blocks.liveBytes).toBeLessThan(bytesOfRows * 2);
    // As much again is what the last freeze holds, and less than that is free for the next one.
    expect(blocks.bytes).toBeLessThan(blocks.liveBytes * 3);
    for (const address of lists) expect(blocks.headAt(address, 9)).toBe(30);
  });

  test('that become short give memory back', () => {
    const blocks = new RowBlocks();
    let address = 0;
    for (let index = 0; index < 5_000; index++)
      address = blocks.insert(address, index, index, { index, name: text(100) }, undefined, -1);
    const full = blocks.liveBytes;
    while (blocks.lengthOf(address) > 50) address = blocks.removeAt(address, 0);
    expect(blocks.liveBytes).toBeLessThan(full / 25);
    expect(blocks.rowAt(address, 49)).toEqual({ index: 4_999, name: text(100) });
  });
});
