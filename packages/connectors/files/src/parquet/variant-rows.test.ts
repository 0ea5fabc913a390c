import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { connectorContext, readAll, readSplit } from '../fixture/read-source.ts';
import { parquet } from './parquet.ts';

const context = connectorContext(fileURLToPath(new URL('../fixture', import.meta.url)));
/** Made once by another writer (Arrow 26, SNAPPY, data pages of either version of a few hundred bytes, three row groups). */
const FILES = ['kinds-v1.parquet', 'kinds-v2.parquet'];
const ROWS = Array.from({ length: 600 }, (_, i) => i);
const START_MS = 1_767_225_600_000;

/** One row is of no kind; of kind 2 one has no object, and one has no time in `iso`. */
const kindOf = (i: number): number => (i === 123 ? 7 : i % 10 === 0 ? 0 : i % 10 < 3 ? 1 : 2);
const variant = (is: number, object: string) => ({ tag: 'kind', is, among: [0, 1, 2], object });

const b = (i: number): object => ({ n: i * 0.5, text: i % 5 === 0 ? null : `t${i % 30}ü` });
const c = (i: number): object => ({
  id: i,
  text: i % 7 === 0 ? null : `text ${i}`,
  at: START_MS + i * 1001,
  iso: START_MS + i * 1001,
  sparse: i > 300 && i < 420 ? null : `s${i % 3}`,
});
const d = (i: number): object => ({ id: i, list: [i, i + 1] });
const ofKind = (kind: number): number[] => ROWS.filter((i) => kindOf(i) === kind);

test.each(FILES)('parquet reads one kind of rows of %s, whatever the size of batches', async (path) => {
  for (const recordsMax of [1, 7, 100, 8192]) {
    const read = (is: number, object: string): Promise<object[]> =>
      readAll(parquet<object>({ path, variant: variant(is, object) }), context, recordsMax);
    // All others have an object of nulls.
    expect(await read(1, 'b')).toEqual(ofKind(1).map(b));
    expect(await read(2, 'd')).toEqual(ofKind(2).map(d));
    const source = parquet<{ iso: number }>({ path, variant: variant(2, 'c'), times: ['iso'] });
    expect(await readAll(source, context, recordsMax)).toEqual(
      ofKind(2)
        .filter((i) => i !== 205 && i !== 209)
        .map(c),
    );
  }
});

test.each(FILES)(
  'parquet gives no more rows of a kind of %s at a time than it is asked for',
  async (path) => {
    for (const [is, object] of [
      [1, 'b'],
      [2, 'c'],
    ] as const) {
      const source = parquet<object>({ path, variant: variant(is, object) });
      const [split] = await source.enumerate(context);
      if (split === undefined) throw new Error('no split');
      const { positions } = await readSplit(source, split, { context, recordsMax: 10 });
      const counts = positions.map(
        ({ recordCount }, i) => recordCount - (positions[i - 1]?.recordCount ?? 0),
      );
      // What comes is guessed from what came.
      expect(Math.max(...counts)).toBeLessThanOrEqual(13);
    }
  },
);

test.each(FILES)('parquet tells kinds of %s by texts', async (path) => {
  const source = parquet<object>({
    path,
    variant: { tag: 'name', is: 'one', among: ['zero', 'one', 'two'], object: 'b' },
  });
  expect(await readAll(source, context, 50)).toEqual(ofKind(1).map(b));
});

test.each(FILES)('parquet restored anywhere among kinds of %s goes on behind it', async (path) => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 0, max: 100 }),
      fc.integer({ min: 1, max: 90 }),
      fc.subarray(['id', 'text', 'at', 'sparse']),
      async (at, recordsMax, fields) => {
        const source = parquet<object>({ path, variant: variant(2, 'c') });
        const [, , last] = await source.enumerate(context);
        if (last === undefined) throw new Error('no split');
        const reading = { context: { ...context, fields }, recordsMax };
        const whole = await readSplit(source, last, { ...reading, position: { row: at } });
        const expected = ofKind(2)
          .filter((i) => i >= 500 + at)
          .map((i) => Object.entries(c(i)).filter(([name]) => fields.includes(name)))
          .map((entries) => Object.fromEntries(entries) as object);
        expect(whole.records).toEqual(expected);
        for (const { position, recordCount } of whole.positions) {
          const rest = await readSplit(source, last, { ...reading, position });
          expect(rest.records).toEqual(expected.slice(recordCount));
        }
      },
    ),
    { numRuns: 20 },
  );
});

test.each(FILES)('parquet reports rows of %s that are of no kind, or lack what theirs has', async (path) => {
  const source = parquet<{ iso: number }>({ path, variant: variant(2, 'c'), times: ['iso'] });
  const [first] = await source.enumerate(context);
  if (first === undefined) throw new Error('no split');
  const { malformed, records, places } = await readSplit(source, first, { context, recordsMax: 1000 });
  expect(records).toHaveLength(ofKind(2).filter((i) => i < 250).length - 2);
  expect(places[0]).toMatch(/parquet, row 4$/);
  expect(places.at(-1)).toMatch(/parquet, row 250$/);
  expect(malformed.map(({ position, reason }) => [position.replace(/^.*, /, ''), reason])).toEqual([
    ['row 124', 'cannot use 7 as its "kind": it is one of 0, 1, 2'],
    ['row 206', 'its "kind" is 2, and it has no object "c"'],
    [
      'row 210',
      'cannot read "never" in "iso" as a time: it is neither ISO 8601 nor milliseconds since the epoch',
    ],
  ]);
  expect(malformed[0]?.raw).toBe('{"kind":7}');
});

test.each(FILES)(
  'parquet reports an INT64 of %s that no number holds exactly, of its kind only',
  async (path) => {
    const source = parquet<object>({ path, variant: variant(0, 'a') });
    const [first, second] = await source.enumerate(context);
    if (first === undefined || second === undefined) throw new Error('no split');
    expect((await readSplit(source, first, { context })).malformed).toHaveLength(1);
    const { malformed, records } = await readSplit(source, second, { context });
    expect(records).toEqual([{ id: 250 * 2 ** 45, label: 'a2' }]);
    expect(malformed).toHaveLength(24);
    expect(malformed[0]?.reason).toContain('column "id"');
  },
);

test('parquet gives rows of a kind also when no field of theirs is read', async () => {
  const source = parquet<object>({ path: 'kinds-v1.parquet', variant: variant(1, 'b') });
  const records = await readAll(source, { ...context, fields: [] } as typeof context, 100);
  expect(records).toEqual(ofKind(1).map(() => ({})));
});

test('parquet takes each row of a file without the objects of their kind as malformed', async () => {
  const source = parquet<object>({ path: 'kinds-v1.parquet', variant: variant(0, 'nobody') });
  const [first] = await source.enumerate(context);
  if (first === undefined) throw new Error('no split');
  const { records, malformed } = await readSplit(source, first, { context });
  expect(records).toEqual([]);
  expect(malformed).toHaveLength(26);
  expect(malformed[0]?.reason).toBe('its "kind" is 0, and it has no object "nobody"');
});

test('parquet refuses a variant without one of its parts', () => {
  for (const wrong of [{}, { ...variant(3, 'a') }, { ...variant(1, '') }, { ...variant(1, 'a'), tag: 1 }])
    expect(() => parquet<object>({ path: 'x', variant: wrong as never })).toThrow('`variant`');
  expect(() => parquet<object>({ path: 'x', times: [''] as never })).toThrow('`times`');
});

test('parquet reports texts that are no times in a column that `times` names', async () => {
  const source = parquet<{ name: string }>({ path: 'kinds-v1.parquet', columns: ['name'], times: ['name'] });
  const [first] = await source.enumerate(context);
  if (first === undefined) throw new Error('no split');
  const { records, malformed } = await readSplit(source, first, { context });
  expect(records).toEqual([]);
  expect(malformed).toHaveLength(250);
});
