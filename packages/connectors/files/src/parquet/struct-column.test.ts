import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { connectorContext, readAll, readSplit } from '../fixture/read-source.ts';
import { parquet } from './parquet.ts';

const context = connectorContext(fileURLToPath(new URL('../fixture', import.meta.url)));

/** `groups-v1.parquet` and `-v2`, made once by another writer (Arrow 26, SNAPPY, data pages of either version, three row groups). */
function row(i: number): object {
  const isNull = i % 7 === 3 || (i > 100 && i < 280);
  const group = {
    text: i % 5 === 0 ? null : `t${i % 30}ü`,
    id: BigInt(i) * 2n ** 45n,
    at: i * 1001,
    sparse: i > 300 && i < 420 ? null : i * 0.5,
  };
  return {
    g: isNull ? null : group,
    r: { n: i, label: i % 3 === 0 ? null : `l${i % 4}` },
    deep: i % 2 === 1 ? null : { inner: { x: i }, list: [i, i + 1] },
  };
}

const FILES = ['groups-v1.parquet', 'groups-v2.parquet'];

test.each(FILES)('parquet reads groups that may be null, and others, of %s', async (path) => {
  const source = parquet<object>({ path, int64: 'bigint' });
  for (const recordsMax of [1, 7, 100, 8192])
    expect(await readAll(source, context, recordsMax)).toEqual(Array.from({ length: 600 }, (_, i) => row(i)));
});

test.each(FILES)('parquet restored anywhere in groups of %s goes on behind it', async (path) => {
  const source = parquet<{ g: object; r: object }>({ path, int64: 'bigint', columns: ['g', 'r'] });
  const [, split] = await source.enumerate(context);
  if (split === undefined) throw new Error('no split');
  for (let at = 0; at <= 250; at += 9) {
    const { records } = await readSplit(source, split, { context, position: { row: at }, recordsMax: 40 });
    const expected = Array.from({ length: 250 - at }, (_, i) => row(250 + at + i)) as {
      g: unknown;
      r: unknown;
    }[];
    expect(records).toEqual(expected.map(({ g, r }) => ({ g, r })));
  }
});

test('parquet reports rows whose group has an INT64 that no number holds exactly', async () => {
  const source = parquet<object>({ path: 'groups-v1.parquet', columns: ['g'] as never });
  const [, split] = await source.enumerate(context);
  if (split === undefined) throw new Error('no split');
  const { records, malformed } = await readSplit(source, split, { context, recordsMax: 40 });
  // Rows 250 to 279 are null, and all behind them that are not are beyond 2^53.
  expect(records).toEqual(records.map(() => ({ g: null })));
  expect(records.length + malformed.length).toBe(250);
  expect(malformed[0]).toMatchObject({
    position: expect.stringMatching(/groups-v1\.parquet, row 281$/) as string,
    reason: expect.stringContaining('column "g"') as string,
  });
});
