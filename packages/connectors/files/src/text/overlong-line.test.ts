// A line beyond the bound is one malformed row: nothing of it is a record, and the lines behind it are where they are.
import { writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import type { Json, Source } from '@millrace/api';
import { csv } from '../csv/csv.ts';
import { connectorContext, readSplit } from '../fixture/read-source.ts';
import { temporaryDirectory } from '../fixture/temporary-directory.ts';
import { jsonLines } from '../json-lines/json-lines.ts';
import { ROW_BYTES_MAX } from './text-reader.ts';

const MORE_BYTES = 2_500_000;

/** A row whose rest, wherever it is cut, would be a row as well. */
const OVERLONG = '1'.repeat(ROW_BYTES_MAX + MORE_BYTES);

async function rowsOf<T>(
  source: Source<T>,
  path: string,
  position?: Json,
): Promise<Awaited<ReturnType<typeof readSplit<T>>>> {
  const context = connectorContext(path);
  const [split] = await source.enumerate(context);
  if (split === undefined) throw new Error('no split');
  return await readSplit(source, split, {
    context,
    recordsMax: 10,
    ...(position === undefined ? {} : { position }),
  });
}

test.each([
  ['jsonLines', jsonLines<unknown>({ path: 'rows', splitBytes: 100_000_000 }), [1, 2, 3]],
  ['csv', csv<{ a: string }>({ path: 'rows', columns: ['a'] }), [{ a: '1' }, { a: '2' }, { a: '3' }]],
] as const)(
  '%s makes one malformed row of a line beyond the bound, and goes on behind its end',
  async (_name, source, rows) => {
    const { path } = await temporaryDirectory();
    await writeFile(`${path}/rows`, `1\n${OVERLONG}\n2\n3\n`);
    const whole = await rowsOf<unknown>(source as Source<unknown>, path);
    expect(whole.records).toEqual(rows);
    expect(whole.malformed.map(({ position, reason }) => [position, reason])).toEqual([
      [`${path}/rows, line 2 (byte 2)`, expect.stringContaining('longer than')],
    ]);
    const behind = 2 + OVERLONG.length + 1;
    expect(whole.places).toEqual([
      `${path}/rows, line 1 (byte 0)`,
      `${path}/rows, line 3 (byte ${behind})`,
      `${path}/rows, line 4 (byte ${behind + 2})`,
    ]);
    for (const { position, recordCount } of whole.positions) {
      const restored = await rowsOf<unknown>(source as Source<unknown>, path, position);
      expect(restored.records).toEqual(rows.slice(recordCount));
    }
  },
);

test('a last line beyond the bound has no record either', async () => {
  const { path } = await temporaryDirectory();
  await writeFile(`${path}/rows`, `1\n${OVERLONG}`);
  const { records, malformed } = await rowsOf(
    jsonLines<unknown>({ path: 'rows', splitBytes: 100_000_000 }),
    path,
  );
  expect(records).toEqual([1]);
  expect(malformed).toHaveLength(1);
});

test('a line beyond the bound that goes on in the next range has no record there', async () => {
  const { path } = await temporaryDirectory();
  await writeFile(`${path}/rows`, `1\n${OVERLONG}\n2\n`);
  const source = jsonLines<unknown>({ path: 'rows', splitBytes: 8_000_000 });
  const context = connectorContext(path);
  const all: unknown[] = [];
  let malformedCount = 0;
  for (const split of await source.enumerate(context)) {
    const { records, malformed } = await readSplit(source, split, { context, recordsMax: 10 });
    all.push(...records);
    malformedCount += malformed.length;
  }
  expect(all).toEqual([1, 2]);
  expect(malformedCount).toBe(1);
});
