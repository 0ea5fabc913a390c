// The sources without I/O, read as the engine reads them.
import { isDeepStrictEqual } from 'node:util';
import type { Json } from '@millrace/proto';
import { describe, expect, test } from 'vitest';
import type { ConnectorContext, Source, Split } from '../connector/source.ts';
import { defineSource } from './define-source.ts';
import { fromArray } from './from-array.ts';
import { generate } from './generate.ts';

const context = { baseDirectory: '/', jobName: 'test', subtaskIndex: 0, parallelism: 3 } as ConnectorContext;

interface Reading<T> {
  readonly records: readonly T[];
  readonly positions: readonly Json[];
}

/** Reads a split to its end, at most `batchesMax` batches. */
async function read<T>(
  source: Source<T>,
  split: Split | undefined,
  options: { from?: Json; rows?: number; batchesMax?: number } = {},
): Promise<Reading<T>> {
  if (split === undefined) throw new Error('no such split');
  const reader = await source.openSplit(split, options.from, context);
  const records: T[] = [];
  const positions: Json[] = [];
  while (positions.length < (options.batchesMax ?? 100)) {
    const batch = await reader.read(options.rows ?? 2);
    if (batch === undefined) break;
    if (batch.kind === 'records') records.push(...batch.records);
    if (batch.kind === 'computed')
      for (let index = batch.from; index < batch.to; index++)
        records.push(
          Object.fromEntries(batch.columns.map(({ name, valueAt }) => [name, valueAt(index)])) as T,
        );
    if (batch.kind === 'indexed')
      for (let index = batch.from; index < batch.to; index++) records.push(batch.recordAt(index));
    positions.push(batch.position);
  }
  await reader.close?.();
  return { records, positions };
}

/** Positions, over all splits, behind which reading goes on with anything else than what is missing. */
async function wrongPositions<T>(source: Source<T>): Promise<readonly Json[]> {
  const wrong: Json[] = [];
  for (const split of await source.enumerate(context)) {
    const whole = await read(source, split);
    for (const [index, position] of whole.positions.entries()) {
      const begin = await read(source, split, { batchesMax: index + 1 });
      const rest = await read(source, split, { from: position });
      if (!isDeepStrictEqual([...begin.records, ...rest.records], whole.records)) wrong.push(position);
    }
  }
  return wrong;
}

describe('fromArray', () => {
  test('gives its records in order, in one split unless told otherwise', async () => {
    const source = fromArray(['a', 'b', 'c', 'd', 'e']);
    const splits = await source.enumerate(context);
    expect(splits).toEqual([{ id: '0-5', weight: 5, from: 0, to: 5 }]);
    expect(await read(source, splits[0])).toEqual({
      records: ['a', 'b', 'c', 'd', 'e'],
      positions: [2, 4, 5],
    });
    const parted = await fromArray([1, 2, 3, 4, 5], { splits: 2 }).enumerate(context);
    expect(parted.map((split) => split['from'])).toEqual([0, 2]);
  });

  test('of nothing has no splits', async () => {
    expect(await fromArray([]).enumerate(context)).toEqual([]);
  });

  test('goes on behind any position', async () => {
    expect(await wrongPositions(fromArray([1, 2, 3, 4, 5], { splits: 2 }))).toEqual([]);
  });
});

describe('generate', () => {
  test('cuts a count into contiguous ranges, one for each subtask', async () => {
    const source = generate({ count: 10 }, (index) => index * 10);
    const splits = await source.enumerate(context);
    expect(splits.map((split) => [split['from'], split['to'], split.weight])).toEqual([
      [0, 3, 3],
      [3, 6, 3],
      [6, 10, 4],
    ]);
    expect(await read(source, splits[2], { rows: 3 })).toEqual({
      records: [60, 70, 80, 90],
      positions: [9, 10],
    });
    expect(source.boundedness).toBe('bounded');
  });

  test('without a count it goes on, each split taking every p-th index', async () => {
    const source = generate({ splits: 2, ratePerSecond: 100 }, (index) => index);
    const splits = await source.enumerate(context);
    expect(await read(source, splits[1], { rows: 3, batchesMax: 2 })).toEqual({
      records: [1, 3, 5, 7, 9, 11],
      positions: [3, 6],
    });
    expect(await read(source, splits[1], { from: 3, rows: 2, batchesMax: 1 })).toEqual({
      records: [7, 9],
      positions: [5],
    });
    expect([source.boundedness, source.ratePerSecond]).toEqual(['unbounded', 100]);
  });

  test('goes on behind any position', async () => {
    expect(await wrongPositions(generate({ count: 7, splits: 2 }, (index) => index))).toEqual([]);
  });

  test('computes fields by themselves, in both kinds of splits', async () => {
    const fields = { id: (index: number) => index, word: (index: number) => `word-${index}` };
    const source: Source<{ id: number; word: string }> = generate({ count: 3, splits: 1 }, fields);
    const [split] = await source.enumerate(context);
    expect((await read(source, split)).records).toEqual([
      { id: 0, word: 'word-0' },
      { id: 1, word: 'word-1' },
      { id: 2, word: 'word-2' },
    ]);
    const endless = generate({ splits: 2 }, fields);
    const [, second] = await endless.enumerate(context);
    expect((await read(endless, second, { batchesMax: 1 })).records.map(({ id }) => id)).toEqual([1, 3]);
    expect(await wrongPositions(source)).toEqual([]);
    expect(() => generate({}, { id: 1 as never })).toThrowError(
      expect.objectContaining({ code: 'MR_OPTION_INVALID' }),
    );
  });

  test('refuses amounts that are none', () => {
    for (const options of [
      { count: -1 },
      { count: 1.5 },
      { splits: 0 },
      { ratePerSecond: 0 },
      { rate: 5 } as never,
    ]) {
      expect(() => generate(options, (index) => index)).toThrowError(
        expect.objectContaining({ code: 'MR_OPTION_INVALID' }),
      );
    }
  });
});

describe('defineSource', () => {
  const countdown = defineSource({
    name: 'countdown',
    splits: [
      { id: 'a', from: 3 },
      { id: 'b', from: 2 },
    ],
    start: (split) => split.from,
    *read(_split, position) {
      for (let value = position; value > 0; value--) yield { records: [value], position: value - 1 };
    },
  });

  test('reads a split with a generator', async () => {
    const splits = await countdown.enumerate(context);
    expect(await read(countdown, splits[0])).toEqual({ records: [3, 2, 1], positions: [2, 1, 0] });
    expect(await read(countdown, splits[0], { from: 1 })).toEqual({ records: [1], positions: [0] });
  });

  test('goes on behind any position', async () => {
    expect(await wrongPositions(countdown)).toEqual([]);
  });

  test('reads with an asynchronous generator, and closes it early', async () => {
    let isClosed = false;
    const polled = defineSource({
      name: 'polled',
      boundedness: 'unbounded',
      splits: async ({ parallelism }) =>
        Array.from({ length: parallelism }, (_, index) => ({ id: `${index}` })),
      start: 0,
      async *read(split, position) {
        try {
          for (let at = position; ; at++) yield { records: [`${split.id}:${at}`], position: at + 1 };
        } finally {
          isClosed = true;
        }
      },
    });
    const splits = await polled.enumerate(context);
    expect(await read(polled, splits[2], { from: 5, batchesMax: 2 })).toEqual({
      records: ['2:5', '2:6'],
      positions: [6, 7],
    });
    expect(isClosed).toBe(true);
  });
});

test.each([
  [5, 'yielded 5'],
  [{ records: [1] }, 'without `position`'],
  [{ records: [], position: 1, malformed: ['x'] }, '"x" among its `malformed`'],
])('defineSource refuses %j as a chunk', async (chunk, message) => {
  const source = defineSource({
    name: 'own',
    splits: [{ id: 'a' }],
    start: 0,
    *read() {
      yield chunk as never;
    },
  });
  const reader = await source.openSplit({ id: 'a' }, undefined, {} as never);
  expect(() => reader.read(10)).toThrow(message);
});
