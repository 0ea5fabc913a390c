import { truncate, writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { connectorContext, readAll, readFromEveryPosition, readSplit } from '../fixture/read-source.ts';
import { temporaryDirectory } from '../fixture/temporary-directory.ts';
import { jsonLines } from './json-lines.ts';

interface Row {
  id: number;
  text: string;
}

const ROWS: Row[] = Array.from({ length: 50 }, (_, id) => ({
  id,
  text: `${'ü'.repeat(id % 7)} "quoted" 🛫 line\n${id}`,
}));

test.each([1, 7, 64, 1000, 1_000_000])(
  'jsonLines reads each line once, whatever the ranges: %i bytes a split',
  async (splitBytes) => {
    const directory = await temporaryDirectory();
    await writeFile(`${directory.path}/rows.jsonl`, ROWS.map((row) => `${JSON.stringify(row)}\n`).join(''));
    const source = jsonLines<Row>({ path: 'rows.jsonl', splitBytes });
    expect(await readAll(source, connectorContext(directory.path))).toEqual(ROWS);
  },
);

test('jsonLines restored at any position goes on behind it', async () => {
  const directory = await temporaryDirectory();
  await writeFile(`${directory.path}/rows.jsonl`, ROWS.map((row) => JSON.stringify(row)).join('\r\n'));
  const source = jsonLines<Row>({ path: '*.jsonl' });
  const runs = await readFromEveryPosition(source, connectorContext(directory.path));
  expect(runs).toHaveLength(18);
  for (const run of runs) expect(run).toEqual(ROWS);
});

test('jsonLines skips blank lines and a byte order mark, and takes a last line without an end', async () => {
  const directory = await temporaryDirectory();
  await writeFile(`${directory.path}/rows.jsonl`, '\ufeff{"id":1}\n\n  \n{"id":2}\n3');
  expect(await readAll(jsonLines<unknown>({ path: 'rows.jsonl' }), connectorContext(directory.path))).toEqual(
    [{ id: 1 }, { id: 2 }, 3],
  );
});

test('jsonLines reports malformed lines with their place and reads on', async () => {
  const directory = await temporaryDirectory();
  const long = `{"a": "${'x'.repeat(2000)}`;
  await writeFile(
    `${directory.path}/rows.jsonl`,
    Buffer.concat([
      Buffer.from(`{"id":1}\n{oops}\n${long}\n{"id":2}\n"`),
      Buffer.from([0xff]),
      Buffer.from('"\n{"id":3}'),
    ]),
  );
  const context = connectorContext(directory.path);
  const source = jsonLines<unknown>({ path: 'rows.jsonl' });
  const [split] = await source.enumerate(context);
  if (split === undefined) throw new Error('no split');
  const { records, malformed, weightRead } = await readSplit(source, split, { context, recordsMax: 100 });
  expect(records).toEqual([{ id: 1 }, { id: 2 }, { id: 3 }]);
  expect(malformed.map(({ position, raw }) => [position, raw.length])).toEqual([
    [`${directory.path}/rows.jsonl, line 2 (byte 9)`, 6],
    [`${directory.path}/rows.jsonl, line 3 (byte 16)`, 2007],
    [`${directory.path}/rows.jsonl, line 5 (byte 2033)`, 3],
  ]);
  expect(weightRead).toBe(split.weight);
});

test.each([1, 2, 100])('jsonLines says where a record is, read %i lines at a time', async (recordsMax) => {
  const directory = await temporaryDirectory();
  await writeFile(`${directory.path}/rows.jsonl`, '{"id":1}\n\n{oops}\n{"id":2}\n{"id":3}\n');
  const context = connectorContext(directory.path);
  const source = jsonLines<{ id: number }>({ path: 'rows.jsonl' });
  const [split] = await source.enumerate(context);
  if (split === undefined) throw new Error('no split');
  const { places } = await readSplit(source, split, { context, recordsMax });
  expect(places).toEqual([
    `${directory.path}/rows.jsonl, line 1 (byte 0)`,
    `${directory.path}/rows.jsonl, line 4 (byte 17)`,
    `${directory.path}/rows.jsonl, line 5 (byte 26)`,
  ]);
  const position = { offset: 17, lineCount: 3 };
  const restored = await readSplit(source, split, { context, recordsMax, position });
  expect(restored.places).toEqual(places.slice(1));
});

test('jsonLines reads lines longer than a chunk', async () => {
  const directory = await temporaryDirectory();
  const rows = [
    { id: 1, text: 'x'.repeat(3_000_000) },
    { id: 2, text: 'y' },
  ];
  await writeFile(`${directory.path}/rows.jsonl`, rows.map((row) => JSON.stringify(row)).join('\n'));
  expect(
    await readAll(
      jsonLines<Row>({ path: 'rows.jsonl', splitBytes: 1_000_000 }),
      connectorContext(directory.path),
    ),
  ).toEqual(rows);
});

test('jsonLines refuses a file that was cut since its splits were made', async () => {
  const directory = await temporaryDirectory();
  const context = connectorContext(directory.path);
  await writeFile(`${directory.path}/rows.jsonl`, '{"id":1}\n{"id":2}\n');
  const source = jsonLines<Row>({ path: 'rows.jsonl' });
  const [split] = await source.enumerate(context);
  await writeFile(`${directory.path}/rows.jsonl`, '{"id":1}\n');
  if (split === undefined) throw new Error('no split');
  await expect(source.openSplit(split, undefined, context)).rejects.toMatchObject({
    code: 'MR_SOURCE_READ',
    retry: 'never',
  });
});

test('jsonLines refuses a file that is cut while it is read', async () => {
  const directory = await temporaryDirectory();
  const context = connectorContext(directory.path);
  const path = `${directory.path}/rows.jsonl`;
  const line = `${JSON.stringify({ id: 1, text: 'x'.repeat(1_000) })}\n`;
  await writeFile(path, line.repeat(4_000));
  const source = jsonLines<Row>({ path: 'rows.jsonl', splitBytes: 10_000_000 });
  const [split] = await source.enumerate(context);
  if (split === undefined) throw new Error('no split');
  const reader = await source.openSplit(split, undefined, context);
  const readToEnd = async (): Promise<void> => {
    while ((await reader.read(1_000)) !== undefined);
  };
  expect(await reader.read(1)).toBeDefined();
  await truncate(path, line.length * 1_500);
  await expect(readToEnd()).rejects.toMatchObject({ code: 'MR_SOURCE_READ', retry: 'never' });
  await reader.close?.();
});

test('jsonLines takes no time that no Date holds, whether lines are parsed or looked over', async () => {
  const directory = await temporaryDirectory();
  const times = ['1e400', '-1e400', '8640000000000001', `"${'9'.repeat(400)}"`, '"1767225600123456789"'];
  const lines = ['1.5', ...times, '"2026-01-01"', '-8.64e15'].map((at) => `{"at":${at}}`);
  await writeFile(`${directory.path}/rows.jsonl`, lines.join('\n'));
  const source = jsonLines<{ readonly at: number }>({ path: 'rows.jsonl', times: ['at'] });
  // @ts-expect-error -- no field of Row
  jsonLines<Row>({ path: 'rows.jsonl', times: ['at'] });
  for (const fields of [undefined, ['at']]) {
    const context = {
      ...connectorContext(directory.path),
      ...(fields === undefined ? {} : { fields }),
    };
    const [split] = await source.enumerate(context);
    if (split === undefined) throw new Error('no split');
    const { records, malformed } = await readSplit(source, split, { context, recordsMax: 100 });
    expect(records).toEqual([{ at: 1.5 }, { at: 1_767_225_600_000 }, { at: -8.64e15 }]);
    expect(malformed).toHaveLength(times.length);
    expect(malformed[0]?.reason).toContain('cannot read Infinity in "at" as a time');
  }
});

test('A path in place of options is refused as one', () => {
  const jsonLinesOf = jsonLines as (options: unknown) => unknown;
  expect(() => jsonLinesOf('out/')).toThrow(expect.objectContaining({ code: 'MR_OPTION_INVALID' }));
});
