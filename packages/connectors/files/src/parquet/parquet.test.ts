import { cp, truncate, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parquetReadObjects } from 'hyparquet';
import type { FilePort } from '@millrace/api';
import { compressors } from 'hyparquet-compressors';
import { expect, test } from 'vitest';
import { nodeFilePort } from '../fixture/node-file-port.ts';
import { connectorContext, readAll, readSplit } from '../fixture/read-source.ts';
import { temporaryDirectory } from '../fixture/temporary-directory.ts';
import { BitUnpacker } from './bit-unpacker.ts';
import { parquet } from './parquet.ts';

interface Flight {
  date: number;
  delay: number;
  distance: number;
  origin: string;
  destination: string;
}

const DATA = fileURLToPath(new URL('../../node_modules/vega-datasets/data', import.meta.url));
const ROW_GROUP_ROWS = 272_727;

test('parquet lists one split per row group, in order, with its rows as weight', async () => {
  const splits = await parquet<Flight>({ path: 'flights-3m.parquet' }).enumerate(connectorContext(DATA));
  expect(splits.map((split) => split.weight)).toEqual([
    ...Array.from({ length: 10 }, () => ROW_GROUP_ROWS),
    272_730,
  ]);
  expect(splits[1]).toMatchObject({
    id: `${DATA}/flights-3m.parquet#1`,
    rowGroup: 1,
    rowStart: ROW_GROUP_ROWS,
  });
});

test('parquet reads what the library reads by its general way', async () => {
  const context = connectorContext(DATA);
  const source = parquet<Flight>({ path: 'flights-3m.parquet' });
  const splits = await source.enumerate(context);
  const last = splits[10];
  if (last === undefined) throw new Error('no split');
  const { records, weightRead } = await readSplit(source, last, { context, recordsMax: 4096 });
  const bytes = new Uint8Array(await nodeFilePort.readFile(`${DATA}/flights-3m.parquet`)).buffer;
  const rows = await parquetReadObjects({
    file: { byteLength: bytes.byteLength, slice: (a, b) => bytes.slice(a, b) },
    compressors,
    rowStart: 10 * ROW_GROUP_ROWS,
  });
  const expected = rows.map((row) => ({
    date: (row['date'] as Date).getTime(),
    delay: Number(row['delay']),
    distance: Number(row['distance']),
    origin: row['origin'] as string,
    destination: row['destination'] as string,
  }));
  expect(weightRead).toBe(272_730);
  expect(records.length).toBe(expected.length);
  // Compared as text: a deep comparison of this many objects takes seconds.
  expect(
    records.map((row) => JSON.stringify(row)).join('\n') ===
      expected.map((row) => JSON.stringify(row)).join('\n'),
  ).toBe(true);
});

test('parquet restored at a position goes on behind it, with the columns that were asked for', async () => {
  const context = connectorContext(DATA);
  const source = parquet<Flight>({ path: 'flights-3m.parquet', columns: ['origin', 'delay'] });
  const [split] = await source.enumerate(context);
  if (split === undefined) throw new Error('no split');
  const whole = await readSplit(source, split, { context, recordsMax: 9_001 });
  expect(Object.keys(whole.records[0] ?? {})).toEqual(['origin', 'delay']);
  for (const { position, recordCount } of whole.positions.filter((_, index) => index % 7 === 3)) {
    const rest = await readSplit(source, split, { context, recordsMax: 5_000, position });
    expect(JSON.stringify(rest.records)).toBe(JSON.stringify(whole.records.slice(recordCount)));
  }
  const end = whole.positions.at(-1);
  if (end === undefined) throw new Error('no position');
  expect((await readSplit(source, split, { context, position: end.position })).records).toEqual([]);
});

test('parquet fetches and decodes only the columns that the job reads', async () => {
  const read: number[] = [];
  const files: FilePort = {
    ...nodeFilePort,
    read: (path, position, length) => {
      read.push(length);
      return nodeFilePort.read(path, position, length);
    },
  };
  const bytesRead = async (fields: readonly string[] | undefined): Promise<[number, unknown]> => {
    const context = { ...connectorContext(DATA), files, ...(fields === undefined ? {} : { fields }) };
    const source = parquet<Flight>({ path: 'flights-3m.parquet' });
    const [split] = await source.enumerate(context);
    if (split === undefined) throw new Error('no split');
    const reader = await source.openSplit(split, undefined, context);
    read.length = 0;
    const again = await source.openSplit(split, undefined, context);
    const batch = await again.read(1);
    await reader.close?.();
    const names = batch?.kind === 'columns' ? batch.columns.map(({ name }) => name) : [];
    return [read.reduce((sum, length) => sum + length, 0), names];
  };
  const [all] = await bytesRead(undefined);
  const [some, names] = await bytesRead(['origin', 'no such column']);
  expect(names).toEqual(['origin']);
  expect(some).toBeLessThan(all / 3);
  expect(await bytesRead([])).toEqual([0, []]);
});

test('parquet gives all rows also when no column is read', async () => {
  const context = { ...connectorContext(DATA), fields: [] };
  const source = parquet<Flight>({ path: 'flights-3m.parquet' });
  const [split] = await source.enumerate(context);
  if (split === undefined) throw new Error('no split');
  const { records } = await readSplit(source, split, { context, recordsMax: 4096 });
  expect(records.length).toBe(ROW_GROUP_ROWS);
});

test('parquet gives dates and bigints where they are asked for', async () => {
  const context = connectorContext(DATA);
  const source = parquet<object>({ path: 'flights-3m.parquet', dates: 'Date', int64: 'bigint' });
  const [split] = await source.enumerate(context);
  if (split === undefined) throw new Error('no split');
  const reader = await source.openSplit(split, undefined, context);
  const batch = await reader.read(1);
  if (batch?.kind !== 'columns') throw new Error('no columns');
  expect(batch.columns.map(({ name, values }) => [name, values[0]])).toEqual([
    ['date', new Date('2001-01-01T00:01:00.000Z')],
    ['delay', 33n],
    ['distance', 2176n],
    ['origin', 'LAS'],
    ['destination', 'PHL'],
  ]);
});

test('parquet names the columns that there are when one is asked for that is not', async () => {
  const source = parquet<{ speed: number }>({ path: 'flights-3m.parquet', columns: ['speed'] });
  await expect(readAll(source, connectorContext(DATA))).rejects.toMatchObject({
    code: 'MR_OPTION_INVALID',
    message: expect.stringContaining('it has "date", "delay", "distance", "origin", "destination"') as string,
  });
});

test('parquet refuses a file that is none, and one that was changed since its splits were made', async () => {
  const directory = await temporaryDirectory();
  const context = connectorContext(directory.path);
  await writeFile(`${directory.path}/none.parquet`, 'id,name\n1,a\n');
  await expect(parquet({ path: 'none.parquet' }).enumerate(context)).rejects.toMatchObject({
    code: 'MR_SOURCE_READ',
    retry: 'never',
  });
  await cp(`${DATA}/flights-3m.parquet`, `${directory.path}/flights.parquet`);
  const [split] = await parquet<Flight>({ path: 'flights.parquet' }).enumerate(context);
  if (split === undefined) throw new Error('no split');
  await truncate(`${directory.path}/flights.parquet`, 1_000_000);
  const opened = parquet<Flight>({ path: 'flights.parquet' }).openSplit(split, undefined, context);
  await expect(opened).rejects.toMatchObject({ code: 'MR_SOURCE_READ' });
});

test('parquet says which column of which file is damaged', async () => {
  const directory = await temporaryDirectory();
  const bytes = new Uint8Array(await nodeFilePort.readFile(`${DATA}/flights-3m.parquet`));
  bytes.fill(0xff, 4, 40);
  await writeFile(`${directory.path}/flights.parquet`, bytes);
  const read = readAll(parquet<Flight>({ path: 'flights.parquet' }), connectorContext(directory.path), 8192);
  await expect(read).rejects.toMatchObject({
    code: 'MR_SOURCE_READ',
    message: expect.stringContaining('Cannot read column "date" of row group 0') as string,
  });
});

const FIXTURES = fileURLToPath(new URL('../fixture', import.meta.url));

/** `mixed.parquet`, made once by another writer (hyparquet-writer 0.17.0, SNAPPY, three row groups, many pages each). */
function mixedRow(i: number): object {
  return {
    id: BigInt(i) * 2n ** 45n,
    sparse: i % 7 === 3 || (i > 100 && i < 280) ? null : i * 0.5,
    text: i % 5 === 0 ? null : `t${i % 30}ü`,
    unique: `u${i}`,
    flag: i % 3 === 0,
    at: i % 11 === 0 ? null : 1e12 + i * 1001,
    nothing: null,
    json: { i, list: [i, 'x'] },
  };
}

test.each([1, 7, 100, 8192])(
  'parquet reads nulls, plain and general columns of many pages, %i rows at a time',
  async (recordsMax) => {
    const source = parquet<object>({ path: 'mixed.parquet', int64: 'bigint' });
    const records = await readAll(source, connectorContext(FIXTURES), recordsMax);
    expect(records).toEqual(Array.from({ length: 600 }, (_, i) => mixedRow(i)));
  },
);

test('parquet restored at any position of pages with nulls goes on behind it', async () => {
  const source = parquet<object>({
    path: 'mixed.parquet',
    int64: 'bigint',
    columns: ['sparse', 'text', 'nothing'] as never,
  });
  const [, split] = await source.enumerate(connectorContext(FIXTURES));
  if (split === undefined) throw new Error('no split');
  for (let row = 0; row <= 250; row += 9) {
    const { records } = await readSplit(source, split, {
      context: connectorContext(FIXTURES),
      position: { row },
      recordsMax: 40,
    });
    const expected = Array.from({ length: 250 - row }, (_, i) => mixedRow(250 + row + i)) as {
      sparse: unknown;
      text: unknown;
    }[];
    expect(records).toEqual(expected.map(({ sparse, text }) => ({ sparse, text, nothing: null })));
  }
});

test('parquet reports rows with an INT64 that no number holds exactly, and says what to do', async () => {
  const context = connectorContext(FIXTURES);
  const source = parquet<object>({ path: 'mixed.parquet' });
  const [, split] = await source.enumerate(context);
  if (split === undefined) throw new Error('no split');
  const { records, malformed } = await readSplit(source, split, { context, recordsMax: 40 });
  // Row 255 has 255 · 2^45, the last that is exact.
  expect(records).toEqual(
    Array.from({ length: 6 }, (_, i) => ({ ...mixedRow(250 + i), id: (250 + i) * 2 ** 45 })),
  );
  expect(malformed.length).toBe(244);
  expect(malformed[0]).toMatchObject({
    position: `${FIXTURES}/mixed.parquet, row 257`,
    reason: expect.stringContaining('column "id"') as string,
    raw: expect.stringContaining('"unique":"u256"') as string,
  });
});

test('BitUnpacker reads repeated and packed runs of every width, in any portions', () => {
  for (let width = 1; width <= 31; width++) {
    const values = Array.from(
      { length: 24 },
      (_, index) => Math.imul(index + 1, 0x9e3779b1) >>> (32 - width),
    );
    const packed = packed24(values, width);
    const unpacker = new BitUnpacker(
      Uint8Array.from([6 << 1, ...littleEndian(5 % 2 ** width, width), (3 << 1) | 1, ...packed]),
      {
        from: 0,
        to: 1 + Math.ceil(width / 8) + 1 + packed.length,
      },
      width,
    );
    const all: number[] = [];
    for (const count of [1, 4, 7, 13, 5]) {
      const target = new Int32Array(count);
      unpacker.read(target, count);
      all.push(...target);
    }
    expect(all).toEqual([...Array.from({ length: 6 }, () => 5 % 2 ** width), ...values]);
  }
});

function packed24(values: readonly number[], width: number): number[] {
  let bits = 0n;
  values.forEach((value, index) => (bits |= BigInt(value) << BigInt(index * width)));
  return Array.from({ length: 3 * width }, (_, index) => Number((bits >> BigInt(index * 8)) & 0xffn));
}

function littleEndian(value: number, width: number): number[] {
  return Array.from({ length: Math.ceil(width / 8) }, (_, index) => (value >>> (index * 8)) & 0xff);
}
