// Lines of which only some fields are made are what JSON.parse makes of them, and malformed where it says so.
import { writeFile } from 'node:fs/promises';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Split } from '@millrace/api';
import { connectorContext, readSplit, type ReadResult } from '../fixture/read-source.ts';
import { temporaryDirectory } from '../fixture/temporary-directory.ts';
import type { VariantOption } from '../variant.ts';
import { jsonLines } from './json-lines.ts';

type Fields = Readonly<Record<string, unknown>>;

const NAMES = ['a', 'bb', 'text', 'ü', 'x"y', ''];
const text = fc.string({
  unit: fc.constantFrom(
    'a',
    'B',
    '7',
    ' ',
    '"',
    '\\',
    '\n',
    '\u0007',
    '\u00e9',
    '\u20ac',
    '🛫',
    '}',
    ',',
    ':',
  ),
  maxLength: 40,
});
const number = fc.oneof(
  fc.integer(),
  fc.constantFrom(0, -0, 1e21, 123_456_789_012_345, Number('1234567890123456789'), 5e-324, 0.1),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
);
const value = fc.oneof(
  { weight: 4, arbitrary: number },
  { weight: 4, arbitrary: text },
  { weight: 1, arbitrary: fc.constantFrom(true, false, null) },
  { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 3 }) },
);
const object = fc
  .uniqueArray(fc.tuple(fc.constantFrom(...NAMES), value), { selector: ([name]) => name, maxLength: 5 })
  .map((entries) => Object.fromEntries(entries) as Fields);

/** As other programs write it: with blanks, or characters as escapes. */
function asText(row: unknown, style: number): string {
  const plain = JSON.stringify(row);
  if (style === 1) return JSON.stringify(row, null, 1).replaceAll(/\n\s*/g, '  ');
  if (style === 2) return `${plain.replaceAll('a', '\\u0061')} \r`;
  return plain;
}

/** Damages a line, or repeats what is in it. */
function damaged(line: string, at: number, with_: string): string {
  const place = at % (line.length + 1);
  return `${line.slice(0, place)}${with_}${line.slice(place + (at % 3))}`;
}

const damage = fc.option(
  fc.tuple(
    fc.nat(500),
    fc.constantFrom(
      '',
      '"',
      '\\',
      ',',
      '}',
      '{',
      '0',
      '-',
      'e',
      '\t',
      '"a":1,',
      '[',
      'null',
      '\u0001',
      '\ufffd',
      '\ue000',
      '.',
    ),
  ),
  { freq: 4 },
);

function linesOf(row: fc.Arbitrary<unknown>): fc.Arbitrary<string[]> {
  const line = fc
    .tuple(row, fc.integer({ min: 0, max: 5 }), damage)
    .map(([record, style, hit]) =>
      hit === null ? asText(record, style) : damaged(asText(record, style), ...hit),
    )
    .map((made) => made.replaceAll('\n', ' '));
  return fc.array(line, { minLength: 1, maxLength: 30 });
}

/** In place of a byte that is no UTF-8. */
const NO_TEXT = '\ue000';

function bytesOf(lines: string): Buffer {
  const [first = '', ...others] = lines.split(NO_TEXT);
  return Buffer.concat([
    Buffer.from(first),
    ...others.flatMap((part) => [Buffer.from([0xff]), Buffer.from(part)]),
  ]);
}

interface Reading {
  readonly lines: readonly string[];
  readonly fields: readonly string[] | undefined;
  readonly variant?: VariantOption;
  readonly recordsMax: number;
}

/** What is read, also again from each position. */
async function read(directory: string, reading: Reading): Promise<ReadResult<Fields>> {
  const { lines, fields, variant, recordsMax } = reading;
  await writeFile(`${directory}/rows.jsonl`, bytesOf(lines.join('\n')));
  const context = {
    ...connectorContext(directory),
    ...(fields === undefined ? {} : { fields }),
  };
  const source = jsonLines<Fields>({ path: 'rows.jsonl', ...(variant === undefined ? {} : { variant }) });
  const [split] = (await source.enumerate(context)) as [Split];
  const whole = await readSplit(source, split, { context, recordsMax });
  for (const { position, recordCount } of whole.positions) {
    const rest = await readSplit(source, split, { context, recordsMax, position });
    expect(rest.records).toEqual(whole.records.slice(recordCount));
  }
  return whole;
}

/** Of a record, what a function that reads `fields` can see. */
function seen(record: unknown, fields: readonly string[]): unknown {
  if (typeof record !== 'object' || record === null || Array.isArray(record)) return record;
  return Object.fromEntries(fields.map((name) => [name, (record as Fields)[name]]));
}

const someFields = fc.subarray([...NAMES, 'other']);
const recordsMax = fc.integer({ min: 1, max: 40 });

test('fields of lines are those of JSON.parse, and malformed lines the same', async () => {
  const { path } = await temporaryDirectory();
  const row = fc.oneof(
    { weight: 9, arbitrary: object },
    { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 1 }) },
  );
  await fc.assert(
    fc.asyncProperty(linesOf(row), someFields, recordsMax, async (lines, fields, max) => {
      const parsed = await read(path, { lines, fields: undefined, recordsMax: max });
      const projected = await read(path, { lines, fields, recordsMax: max });
      expect(projected.records.map((record) => seen(record, fields))).toStrictEqual(
        parsed.records.map((record) => seen(record, fields)),
      );
      expect(projected.malformed).toEqual(parsed.malformed);
      expect(projected.places).toEqual(parsed.places);
    }),
    { numRuns: 150 },
  );
});

test('fields of the objects of one kind are those of JSON.parse, and malformed lines the same', async () => {
  const { path } = await temporaryDirectory();
  const variant: VariantOption = { tag: 'type', is: 2, among: [1, 2, 'three'], object: 'two' };
  const kinds = fc.record(
    {
      type: fc.constantFrom(1, 2, 2, 2, 'three', 4, null),
      one: fc.option(object),
      two: fc.oneof({ weight: 9, arbitrary: object }, { weight: 1, arbitrary: value }),
    },
    { requiredKeys: [] },
  );
  const row = fc.tuple(kinds, fc.boolean()).map(([fields, isTurned]) => {
    const entries = Object.entries(fields);
    return Object.fromEntries(isTurned ? entries.reverse() : entries);
  });
  await fc.assert(
    fc.asyncProperty(linesOf(row), someFields, recordsMax, async (lines, fields, max) => {
      const parsed = await read(path, { lines, fields: undefined, recordsMax: 1000 });
      const rows = parsed.records.map((record) => record as { type?: unknown; two?: Fields | null });
      const isObject = (two: unknown): boolean =>
        typeof two === 'object' && two !== null && !Array.isArray(two);
      const wanted = rows.filter(({ type, two }) => type === 2 && isObject(two)).map(({ two }) => two);
      const wrong = rows.filter(
        ({ type, two }) => !variant.among.includes(type as never) || (type === 2 && !isObject(two)),
      );
      const projected = await read(path, { lines, fields, variant, recordsMax: max });
      expect(projected.records).toStrictEqual(wanted.map((record) => seen(record, fields)));
      expect(projected.malformed).toHaveLength(parsed.malformed.length + wrong.length);
      const whole = await read(path, { lines, fields: undefined, variant, recordsMax: max });
      expect(whole.records).toStrictEqual(wanted);
      expect(whole.malformed).toEqual(projected.malformed);
      expect(whole.places).toEqual(projected.places);
    }),
    { numRuns: 150 },
  );
});

test('times of lines are numbers of milliseconds, or texts of them or in ISO 8601; others are malformed', async () => {
  const { path } = await temporaryDirectory();
  const times = [
    '1767225600123',
    '"1767225600123"',
    '"2026-01-01T01:00:00.123+01:00"',
    '"2026-01-01 00:00:00.123"',
  ];
  const wrong = ['null', '"soon"', '"1767225600"', '{}', 'true'];
  const lines = [...times, ...wrong].map((time) => `{"id":1,"at":${time}}`);
  await writeFile(`${path}/rows.jsonl`, `${[...lines, '{"id":2}', '3'].join('\n')}\n`);
  const source = jsonLines<Fields>({ path: 'rows.jsonl', times: ['at'] });
  for (const fields of [undefined, ['at'], ['at', 'id']]) {
    const context = { ...connectorContext(path), ...(fields === undefined ? {} : { fields }) };
    const [split] = (await source.enumerate(context)) as [Split];
    const { records, malformed } = await readSplit(source, split, { context, recordsMax: 100 });
    expect(records.map(({ at }) => at)).toEqual(times.map(() => 1_767_225_600_123));
    expect(malformed.map(({ reason }) => reason)).toEqual(
      ['null', '"soon"', '"1767225600"', '{}', 'true', 'nothing', 'nothing'].map(
        (time) =>
          `cannot read ${time} in "at" as a time: it is neither ISO 8601 nor milliseconds since the epoch`,
      ),
    );
  }
});
