import { writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { connectorContext, readAll, readFromEveryPosition, readSplit } from '../fixture/read-source.ts';
import { temporaryDirectory } from '../fixture/temporary-directory.ts';
import { csv, type CsvOptions } from './csv.ts';

interface Row {
  name: string;
  count: number | null;
}

async function read(text: string, options: Partial<CsvOptions<Row>> = {}): Promise<unknown[]> {
  const directory = await temporaryDirectory();
  await writeFile(`${directory.path}/rows.csv`, text);
  return await readAll(
    csv<Row>({ path: 'rows.csv', types: { count: 'number' }, ...options }),
    connectorContext(directory.path),
  );
}

test('csv reads quoted fields with delimiters, quotes and line ends in them', async () => {
  expect(await read('name,count\r\n"a, b",1\r\n"say ""hi""",2\r\n"two\nlines",3')).toEqual([
    { name: 'a, b', count: 1 },
    { name: 'say "hi"', count: 2 },
    { name: 'two\nlines', count: 3 },
  ]);
});

test('csv makes empty fields null where the column is no string, and skips blank lines', async () => {
  expect(await read('name,count\n,\n\nx,\n"",7\n')).toEqual([
    { name: '', count: null },
    { name: 'x', count: null },
    { name: '', count: 7 },
  ]);
});

test('csv takes its names from the options when there is no header, and another delimiter', async () => {
  expect(await read('a;1\nb;2\n', { columns: ['name', 'count'], delimiter: ';' })).toEqual([
    { name: 'a', count: 1 },
    { name: 'b', count: 2 },
  ]);
});

test('csv reads a header with a byte order mark, and a column with an awkward name', async () => {
  const [row] = await read('\ufeffname,__proto__\nx,y\n', { types: {} });
  expect(Object.entries(row as object)).toEqual([
    ['name', 'x'],
    ['__proto__', 'y'],
  ]);
});

function textOf(raw: string | Uint8Array): string {
  return Buffer.from(raw).toString('utf8');
}

test('csv refuses a type of a column that is not there', async () => {
  await expect(read('name,cuont\na,1\n')).rejects.toMatchObject({
    code: 'MR_OPTION_INVALID',
    message: expect.stringContaining('column "count"') as string,
  });
});

test('csv says in which line a record starts, also behind line ends inside quotes', async () => {
  const directory = await temporaryDirectory();
  const context = connectorContext(directory.path);
  await writeFile(`${directory.path}/rows.csv`, 'name,count\n"a\nb",1\n\nc,2\nd,3\n');
  const source = csv<Row>({ path: 'rows.csv', types: { count: 'number' } });
  const [split] = await source.enumerate(context);
  if (split === undefined) throw new Error('no split');
  const { places } = await readSplit(source, split, { context, recordsMax: 2 });
  expect(places.map((place) => place.split(', ')[1])).toEqual([
    'line 2 (byte 11)',
    'line 5 (byte 20)',
    'line 6 (byte 24)',
  ]);
});

test('csv reports malformed rows one by one and reads on in the next line', async () => {
  const directory = await temporaryDirectory();
  const context = connectorContext(directory.path);
  await writeFile(`${directory.path}/rows.csv`, 'name,count\na,1\n"b"x,2\nc,3,3\nd,many\ne,5\n"f,6\ng,7\n');
  const source = csv<Row>({ path: 'rows.csv', types: { count: 'number' } });
  const [split] = await source.enumerate(context);
  if (split === undefined) throw new Error('no split');
  const { records, malformed } = await readSplit(source, split, { context });
  expect(records).toEqual([
    { name: 'a', count: 1 },
    { name: 'e', count: 5 },
    { name: 'g', count: 7 },
  ]);
  expect(
    malformed.map(({ reason, raw, position }) => [reason, textOf(raw), position.split(', ')[1]]),
  ).toEqual([
    ['a quoted field is followed by "x"', '"b"x,2', 'line 3 (byte 15)'],
    ['the row has 3 fields, expected 2', 'c,3,3', 'line 4 (byte 22)'],
    ['the field "count" is no number: "many"', 'd,many', 'line 5 (byte 28)'],
    ['a quoted field is not closed', '"f,6', 'line 7 (byte 39)'],
  ]);
});

test('csv restored at any position goes on behind it', async () => {
  const directory = await temporaryDirectory();
  const rows = Array.from({ length: 20 }, (_, count) => ({ name: `row\n"${count}"`, count }));
  const text = rows.map(({ name, count }) => `"${name.replaceAll('"', '""')}",${count}\n`).join('');
  await writeFile(`${directory.path}/rows.csv`, `name,count\n${text}`);
  const runs = await readFromEveryPosition(
    csv<Row>({ path: 'rows.csv', types: { count: 'number' } }),
    connectorContext(directory.path),
  );
  expect(runs).toHaveLength(8);
  for (const run of runs) expect(run).toEqual(rows);
});

test('csv refuses a delimiter that is no single ASCII character', () => {
  expect(() => csv({ path: 'x', delimiter: '||' })).toThrow('must be one ASCII character');
});
