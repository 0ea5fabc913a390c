import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import type { MalformedRecord } from '@millrace/api';
import { connectorContext, readSplit } from '../fixture/read-source.ts';
import { parquet, type ParquetOptions } from './parquet.ts';

const context = connectorContext(fileURLToPath(new URL('../fixture', import.meta.url)));
/**
 * 12 rows, made once by another writer (DuckDB 1.5.6): `o` and `nested` are null in each third, from the first on. v2 has what only the library
 * decodes: delta encodings.
 */
const FILES = ['objects-v1.parquet', 'objects-v2.parquet'];
const ROWS = Array.from({ length: 12 }, (_, i) => i);
const WITH_OBJECT = ROWS.filter((i) => i % 3 !== 0);
const variant = (object: string) => ({ tag: 'kind', is: 2, among: [2], object });

type Records = Readonly<Record<string, unknown>>[];

async function read(
  options: ParquetOptions<Record<string, unknown>>,
  fields?: readonly string[],
): Promise<{ records: Records; malformed: MalformedRecord[] }> {
  const source = parquet<Record<string, unknown>>(options);
  const [split] = await source.enumerate(context);
  if (split === undefined) throw new Error('no split');
  const of = fields === undefined ? context : { ...context, fields };
  return await readSplit(source, split, { context: of, recordsMax: 5 });
}

const rowNumber = ({ position }: MalformedRecord): number => Number(/\d+$/.exec(position)?.[0]) - 1;

test.each(FILES)('a row of %s without its object is malformed whatever is read', async (path) => {
  const without = ROWS.filter((i) => i % 3 === 0);
  for (const object of ['o', 'nested'])
    for (const fields of [[], ['nosuch'], ['list']]) {
      const { records, malformed } = await read({ path, variant: variant(object), int64: 'bigint' }, fields);
      expect(records).toHaveLength(8);
      expect(malformed.map(rowNumber)).toEqual(without);
      expect(malformed[0]?.reason).toBe(`its "kind" is 2, and it has no object "${object}"`);
    }
});

test.each(FILES)('a field of objects of %s is the same whatever else is read', async (path) => {
  const flag = WITH_OBJECT.map((i) => (i % 5 === 0 ? null : i % 2 === 0));
  const at = WITH_OBJECT.map((i) => (i - 1) * 1000 - 1);
  for (const others of [[], ['flag'], ['list'], ['price'], ['flag', 'list', 'price']]) {
    const withOthers = async (name: string): Promise<unknown[]> =>
      (await read({ path, variant: variant('o') }, [name, ...others])).records.map((record) => record[name]);
    // Rows 4 and 5 have an INT64 that no number holds exactly: in `big`, and in `list`.
    const isExact = (i: number): boolean => i !== 5 || !others.includes('list');
    const kept = (values: unknown[]): unknown[] =>
      values.filter((_, index) => isExact(WITH_OBJECT[index] ?? 0));
    expect(await withOthers('big')).toEqual(WITH_OBJECT.filter((i) => i !== 4 && isExact(i)));
    expect(await withOthers('at')).toEqual(kept(at));
    expect(await withOthers('flag')).toEqual(kept(flag));
  }
});

test.each(FILES)('whole objects of %s are those of their fields', async (path) => {
  const { records, malformed } = await read({ path, variant: variant('o') });
  expect(malformed.map(rowNumber)).toEqual([0, 3, 4, 5, 6, 9]);
  expect(records[0]).toEqual({ flag: false, big: 1, at: -1, list: [1, 0], price: 0.25 });
  const whole = await read({ path, columns: ['o'] });
  expect(whole.records.filter(({ o }) => o !== null).map(({ o }) => o)).toEqual(records);
});

test.each(FILES)('what is no group of fields in %s is refused as an object', async (path) => {
  for (const object of ['array', 'map', 'flat'])
    await expect(read({ path, variant: variant(object) })).rejects.toMatchObject({
      code: 'MR_OPTION_INVALID',
      message: expect.stringContaining(`"${object}" is no group of fields`) as string,
    });
});

test.each(FILES)('a number or text of %s that no Date holds is no time', async (path) => {
  for (const [name, wrong, raw] of [
    ['time', [1, 2, 4], '{"time":null}'],
    ['text', ROWS.filter((i) => i !== 2), '{"text":"1767225600123456789"}'],
    ['unsigned', ROWS, '{"unsigned":"18446744073709551615"}'],
  ] as const) {
    const { records, malformed } = await read({ path, columns: [name], times: [name], int64: 'bigint' });
    expect(records).toHaveLength(12 - wrong.length);
    expect(malformed.map(rowNumber)).toEqual(wrong);
    // As the file has it, not the time that it is not.
    expect(malformed.find((row) => rowNumber(row) === 1)?.raw).toBe(raw);
  }
});

test.each([undefined, variant('o')])('a time that the file does not have is refused (%o)', async (of) => {
  const options = { path: 'objects-v1.parquet', times: ['nosuch'] };
  await expect(read(of === undefined ? options : { ...options, variant: of })).rejects.toMatchObject({
    code: 'MR_OPTION_INVALID',
    message: expect.stringContaining('Cannot read column "nosuch"') as string,
  });
});
