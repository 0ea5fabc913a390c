import { expect, test } from 'vitest';
import { csv } from './csv/csv.ts';
import { jsonLines } from './json-lines/json-lines.ts';
import { parquet } from './parquet/parquet.ts';

test.each([
  ['a path that is none', () => jsonLines({ path: [] })],
  ['an empty path', () => parquet({ path: ['a', ''] })],
  ['a split of no bytes', () => jsonLines({ path: 'in', splitBytes: 0 })],
  ['a file of no bytes', () => csv({ path: 'out', maxFileBytes: 0.5 })],
  [
    'an unknown word for what to do with files that exist',
    () => jsonLines({ path: 'out', ifExists: 'overwrite' as never }),
  ],
  ['an unknown type of a CSV column', () => csv<{ a: string }>({ path: 'in', types: { a: 'int' as never } })],
  ['an unknown form of dates', () => parquet({ path: 'in', dates: 'string' as never })],
])('Options are checked when the graph is built: %s', (_, build) => {
  expect(build).toThrow(expect.objectContaining({ code: 'MR_OPTION_INVALID' }) as Error);
});
