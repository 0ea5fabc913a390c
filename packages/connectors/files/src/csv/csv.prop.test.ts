import { writeFile } from 'node:fs/promises';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { connectorContext, readAll } from '../fixture/read-source.ts';
import { temporaryDirectory } from '../fixture/temporary-directory.ts';
import { csvEncoder } from '../sink/csv-encoder.ts';
import { csv } from './csv.ts';

interface Row {
  readonly name: string;
  readonly count: number | null;
  readonly note: string;
}

const text = fc.string({
  unit: fc.constantFrom(
    'a',
    'Z',
    '7',
    ' ',
    ',',
    ';',
    '"',
    "'",
    '\n',
    '\r\n',
    '^',
    '-',
    ']',
    '\\',
    '\u00e9',
    '\u20ac',
  ),
  maxLength: 12,
});
const rows = fc.array(
  fc.record({
    name: text,
    count: fc.option(fc.oneof(fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true }))),
    note: text,
  }),
  { minLength: 1, maxLength: 30 },
);

/** A record of another order and with fewer fields goes another way than the rest, and must come back all the same. */
function asWritten(row: Row, index: number): object {
  return index % 5 === 4 ? { note: row.note, name: row.name, count: row.count } : row;
}

test('csv reads what it wrote, whether or not all of a file is ASCII', async () => {
  const directory = await temporaryDirectory();
  await fc.assert(
    fc.asyncProperty(
      rows,
      fc.constantFrom(',', ';', '^', '-', ']', '\\', '.'),
      fc.boolean(),
      async (written, delimiter, isAscii) => {
        const columns = ['name', 'count', 'note'];
        const encoder = csvEncoder<object>({ columns, delimiter });
        const bytes = written.map((row, index) => Buffer.from(encoder.encodeAlone(asWritten(row, index))));
        const body = Buffer.concat(bytes).toString('utf8');
        const file = `${encoder.fileHeader()?.toString() ?? ''}${isAscii ? body.replaceAll(/[\u00e9\u20ac]/gu, 'x') : body}`;
        await writeFile(`${directory.path}/rows.csv`, file);
        const source = csv<Row>({ path: 'rows.csv', types: { count: 'number' }, delimiter });
        const ascii = (value: string): string =>
          isAscii ? value.replaceAll(/[\u00e9\u20ac]/gu, 'x') : value;
        expect(await readAll(source, connectorContext(directory.path), 7)).toEqual(
          written.map(({ name, count, note }) => ({
            name: ascii(name),
            count: count === 0 ? 0 : count,
            note: ascii(note),
          })),
        );
      },
    ),
    { numRuns: 60 },
  );
});

test('a row goes into a target that has room for it, and is the same wherever it goes', () => {
  fc.assert(
    fc.property(rows, fc.constantFrom(',', '.', '\t'), fc.nat({ max: 400 }), (written, delimiter, room) => {
      const encoder = csvEncoder<object>({ columns: undefined, delimiter, omitted: ['note'] });
      const longer = written.map((row) => ({ ...row, name: row.name.repeat(8) }));
      for (const row of longer) {
        const alone = Buffer.from(encoder.encodeAlone(row));
        const target = Buffer.alloc(room + 7);
        const end = encoder.encode(row, target, 7);
        if (end !== -1) expect(target.toString('utf8', 7, end)).toBe(alone.toString('utf8'));
        else expect(room).toBeLessThan(alone.length * 3 + 80);
      }
    }),
  );
});
