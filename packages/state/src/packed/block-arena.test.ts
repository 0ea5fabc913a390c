import { describe, expect, test } from 'vitest';
import { BlockArena } from './block-arena.ts';
import { RowBlocks } from './row-blocks.ts';

const MIB = 1024 * 1024;
const row = (length: number) => ({ text: 'x'.repeat(length) });

describe('Blocks of memory', () => {
  test('that have segments of their own give their numbers back, however often they move', () => {
    const arena = new BlockArena();
    let block = arena.allocate(600_000);
    for (let times = 0; times < 200; times++) {
      const moved = arena.allocate(600_000 + (times % 3));
      arena.free(block);
      block = moved;
    }
    expect(block).toBeLessThan(16 << 17);
    expect(arena.bytes).toBeLessThan(3 * MIB);
  });

  test('use at least half of the addresses that there are', () => {
    const arena = new BlockArena();
    const sizes = [33_000, 100_000, 131_000, 140_000, 270_000, 800_000];
    const blocks = sizes.flatMap((words) => Array.from({ length: 20 }, () => arena.allocate(words)));
    const segments = (Math.max(...blocks) >>> 17) + 1;
    expect(arena.liveBytes).toBeGreaterThan((segments * MIB) / 2);
    for (const block of blocks) arena.free(block);
    expect(arena.liveBytes).toBe(0);
  });

  test.each([
    { columnCount: 1, keptColumn: 0 },
    { columnCount: 2, keptColumn: 0 },
    { columnCount: 2, keptColumn: 1 },
  ])(
    'that were given back are used for other sizes, and what little is left beside them is moved: %o',
    ({ columnCount, keptColumn }) => {
      const blocks = new RowBlocks();
      const rowCount = 60_000 / columnCount;
      const columns: unknown[][] = Array.from({ length: columnCount }, (_, column) =>
        Array.from({ length: rowCount }, (__, index) =>
          blocks.insert(0, 0, index + column, row(900), undefined, -1),
        ),
      );
      expect(blocks.isUntidy).toBe(false);
      for (const [column, cells] of columns.entries())
        for (let index = 0; index < rowCount; index++) {
          if (column === keptColumn && index % 100 === 0) continue;
          blocks.free(cells[index] as number);
          cells[index] = undefined;
        }
      const before = blocks.bytes;
      for (let turns = 0; blocks.isUntidy; turns++) {
        expect(turns).toBeLessThan(100);
        blocks.tidy(columns, rowCount);
      }
      expect(blocks.bytes).toBeLessThan(before / 4);
      const cells = columns[keptColumn] as unknown[];
      for (let index = 0; index < rowCount; index += 100) {
        expect(blocks.headAt(cells[index] as number, 0)).toBe(index + keptColumn);
        expect(blocks.rowAt(cells[index] as number, 0)).toEqual(row(900));
      }
    },
  );

  test('that a snapshot had are given back between batches when it is closed, also where no more are taken', () => {
    const blocks = new RowBlocks();
    const lists = Array.from({ length: 20_000 }, (_, index) =>
      blocks.insert(0, 0, index, row(900), undefined, -1),
    );
    const freeze = blocks.freeze();
    for (const list of lists) blocks.free(list);
    expect(blocks.isUntidy).toBe(false);
    blocks.close(freeze);
    while (blocks.isUntidy) blocks.tidy([[]], 0);
    expect(blocks.bytes).toBeLessThan(4 * MIB);
  });

  test('of many sizes that were emptied are given back, and then there is nothing to tidy', () => {
    const blocks = new RowBlocks();
    for (const length of [33_000, 41_000, 52_000, 65_000, 81_000]) {
      const lists = Array.from({ length: 16 }, () => blocks.insert(0, 0, 0, row(length), undefined, -1));
      for (const list of lists) blocks.free(list);
    }
    for (let turns = 0; blocks.isUntidy; turns++) {
      expect(turns).toBeLessThan(10);
      blocks.tidy([[]], 0);
    }
    expect(blocks.bytes).toBeLessThan(2 * MIB + 1);
    // They can be had again.
    expect(blocks.rowAt(blocks.insert(0, 0, 0, row(33_000), undefined, -1), 0)).toEqual(row(33_000));
  });

  test('are moved a few at a time', () => {
    const blocks = new RowBlocks();
    const cells: unknown[] = Array.from({ length: 200_000 }, (_, index) =>
      blocks.insert(0, 0, index, row(100), undefined, -1),
    );
    const isLeft = (index: number) => index % 5 < 2;
    for (let index = 0; index < cells.length; index++) {
      if (isLeft(index)) continue;
      blocks.free(cells[index] as number);
      cells[index] = undefined;
    }
    let turns = 0;
    for (; blocks.isUntidy; turns++) {
      const before = [...cells];
      blocks.tidy([cells], cells.length);
      expect(cells.filter((list, index) => list !== before[index]).length).toBeLessThan(20_000);
    }
    expect(turns).toBeGreaterThan(4);
    expect(turns).toBeLessThan(40);
    expect(blocks.bytes).toBeLessThan(blocks.liveBytes * 1.5);
    for (let index = 0; index < cells.length; index += 97)
      if (isLeft(index)) expect(blocks.headAt(cells[index] as number, 0)).toBe(index);
  });
});
