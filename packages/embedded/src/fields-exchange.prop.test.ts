// Columns of a source, pruned in the chain and before each exchange, give what whole records give.
import { inspect } from 'node:util';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { count, defineJob, fromArray, generate, last, type DataStream, type Source } from '@millrace/api';
import { executeJob } from './execute-job.ts';

interface Row {
  readonly a: number;
  readonly b: string;
  readonly c: { readonly x: number | null };
}

const ROWS = 30;
const rowAt = (index: number): Row => ({
  a: index % 7,
  b: `text ${index % 3}`,
  c: { x: index % 5 === 0 ? null : index },
});

const asRecords = fromArray(Array.from({ length: ROWS }, (_, index) => rowAt(index)));
const asColumns: Source<Row> = generate<Row>(
  { count: ROWS, splits: 1 },
  { a: (index) => rowAt(index).a, b: (index) => rowAt(index).b, c: (index) => rowAt(index).c },
);

const FILTERS: readonly ((row: Row) => boolean)[] = [
  (row) => row.a > 2,
  ({ b }) => b.endsWith('1'),
  () => true,
  (row) => Object.keys(row).length === 3,
];
const KEYS: readonly ((row: Row) => unknown)[] = [
  (row) => row.b,
  (row) => row.c.x ?? 'none',
  () => 1,
  (row) => [row.a, row.b],
];
const MAPS: readonly ((row: Row) => unknown)[] = [
  (row) => ({ ...row, d: 1 }),
  (row) => row,
  ({ a, ...rest }) => [a, rest],
  (row) => row.a,
  ({ c: { x } }) => x,
  (row) => ('b' in row ? row.c : 0),
  () => 'nothing',
];

type Build = (rows: DataStream<Row>) => { forEach(each: (result: unknown) => void): unknown };

/** Each has an exchange behind a filter: by turns, by key with an operator that reads little, by key with one that reads all. */
const ENDS: readonly ((parts: { key: (row: Row) => unknown; map: (row: Row) => unknown }) => Build)[] = [
  ({ map }) =>
    (rows) =>
      rows.map(map).parallelism(2),
  ({ map }) =>
    (rows) =>
      rows
        .filter((row) => row.b !== '')
        .parallelism(2)
        .map(map),
  ({ key, map }) =>
    (rows) =>
      rows
        .keyBy(key as (row: Row) => string)
        .aggregate({ rows: count(), last: last(map as (row: Row) => string) }),
  ({ key, map }) =>
    (rows) =>
      rows.keyBy(key as (row: Row) => string).process({ onRecord: (row) => [map(row as Row)] }),
  ({ key }) =>
    (rows) =>
      rows.keyBy(key as (row: Row) => string).process({ onRecord: (row) => [row.a] }),
];

async function results(source: Source<Row>, filter: (row: Row) => boolean, build: Build): Promise<string[]> {
  const seen: string[] = [];
  const job = defineJob('fields', (env) => {
    env.options({ restart: 'none' });
    build(
      env
        .source(source)
        .parallelism(1)
        .filter(filter as (row: unknown) => boolean)
        .parallelism(1),
    ).forEach((result) => void seen.push(inspect(result, { depth: 6 })));
  });
  await executeJob(job, { parallelism: 2 });
  return seen.toSorted();
}

test('fields that nobody reads behind an exchange are left out without a trace', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...FILTERS),
      fc.constantFrom(...KEYS),
      fc.constantFrom(...MAPS),
      fc.constantFrom(...ENDS),
      async (filter, key, map, end) => {
        const build = end({ key, map });
        expect(await results(asColumns, filter, build)).toEqual(await results(asRecords, filter, build));
      },
    ),
    { numRuns: 40 },
  );
});
