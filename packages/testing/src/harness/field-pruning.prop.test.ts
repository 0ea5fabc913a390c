// What a job gives does not depend on which fields of its records are made: runs with and without pruning are compared.
import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { aggregator, count, last, max, topN, type DataStream } from '@millrace/api';
import { ChainHarness } from './chain-harness.ts';

const NAMES = ['a', 'b', 'c', 'text', 'maybe', 'absent', 'nested'] as const;

type Row = { [name in (typeof NAMES)[number]]?: unknown };
type RowFunction = (row: Row) => unknown;

const cell: fc.Arbitrary<unknown> = fc.oneof(fc.integer(), fc.constantFrom(-0, 0.5, NaN));
const word = fc.constantFrom('', 'é', 'a word of thirteen', 'short', '\ud800');

/** Rows of a shape or two, with what shapes are made of: optional and nullable fields, text, structs, values. */
const row: fc.Arbitrary<Row> = fc.record(
  {
    a: cell,
    b: fc.integer(),
    c: fc.date(),
    text: word,
    maybe: fc.option(word),
    absent: fc.boolean(),
    nested: fc.oneof(
      fc.record({ x: cell, list: fc.array(word, { maxLength: 5 }) }),
      fc.constant(new Map([[1, 2]])),
    ),
  },
  { requiredKeys: ['a', 'b', 'text', 'nested'] },
);

const name = fc.constantFrom(...NAMES);

/** Expressions over `r`, some of which name fields, and some of which let the record go. */
const expression: fc.Arbitrary<string> = fc.oneof(
  { weight: 4, arbitrary: name.map((n) => `r.${n}`) },
  name.map((n) => `r?.["${n}"]`),
  name.map((n) => `((q) => q.${n})(r)`),
  name.map((n) => `(() => r.${n})()`),
  name.map((n) => `("${n}" in r)`),
  name.map((n) => `{ ...r }.${n}`).map((text) => `(${text})`),
  name.map((n) => `r["${n}".trim()]`),
  name.map((n) => `[1].map((r) => r.${n})`),
  fc.constantFrom(
    'r',
    'Object.keys(r).join()',
    'r.nested?.x',
    'typeof r',
    'r === undefined',
    '!r',
    'r.hasOwnProperty("c")',
    'r.constructor.name',
    'String(r.maybe ?? r.text)',
    '1',
    'r.text.length > 5 ? r.a : r.b',
    'r && r.a',
    'r || r.a',
  ),
);

/** Functions of one record, in the forms in which users write them. */
const rowFunction: fc.Arbitrary<string> = fc.oneof(
  { weight: 4, arbitrary: expression.map((e) => `(r) => (${e})`) },
  fc.tuple(expression, expression).map(([e, f]) => `(r) => ({ x: ${e}, y: ${f} })`),
  fc.tuple(name, name).map(([n, m]) => `({ ${n}: p, ...rest }) => [p, rest.${m}]`),
  fc.tuple(name, name).map(([n, m]) => `({ ${n}: p = 1, "${m}": q }) => [p, q]`),
  fc.tuple(name, expression).map(([n, e]) => `function (r) { const { ${n}: p } = r; return [p, ${e}]; }`),
  fc.tuple(name, name).map(([n, m]) => `function (r) { return [r.${n}, arguments[0].${m}]; }`),
  name.map((n) => `(r) => ({ ...r, z: r.${n} })`),
  name.map((n) => `((r) => r.${n}).bind(undefined)`),
);

const compiled = (text: string): RowFunction =>
  // oxlint-disable-next-line typescript/no-implied-eval -- the property makes the text
  new Function(`"use strict"; return (${text});`)() as RowFunction;

const truthy = (text: string): RowFunction => {
  // Keeps the source of what is tested: a wrapper would hide it.
  const test = `(r) => String((${text})(r)).length % 2 === 0`;
  return compiled(test);
};

/** A job with a filter, maps, a fan-out, a union inside the chain, and keyed operators with aggregates. */
interface Program {
  readonly filters: readonly [string, string];
  readonly maps: readonly [string, string, string];
  readonly selects: readonly [string, string];
  readonly key: string;
  /** Which of its streams are there: what one of them reads would hide that another reads less. */
  readonly branches: readonly string[];
}

const program: fc.Arbitrary<Program> = fc.record({
  filters: fc.tuple(expression, expression).map(([e, f]): [string, string] => [`(r) => ${e}`, `(r) => ${f}`]),
  maps: fc.tuple(rowFunction, rowFunction, rowFunction),
  selects: fc.tuple(rowFunction, rowFunction),
  branches: fc.subarray(['one', 'two', 'joined', 'aggregated'], { minLength: 1, maxLength: 2 }),
  key: fc.constantFrom(
    '(r) => r.b',
    '({ text }) => text',
    '(r) => String(r.maybe)',
    '() => 1',
    '(r) => { const q = r; return q.b; }',
  ),
});

interface Tested {
  forEach(each: (record: unknown) => void): unknown;
}

function operators({ filters, maps, selects, key, branches }: Program) {
  const mapped = (stream: DataStream<Row>, index: 0 | 1 | 2): Tested =>
    stream.map(compiled(maps[index]) as (r: unknown) => unknown);
  const filtered = (stream: DataStream<Row>, index: 0 | 1): DataStream<Row> =>
    stream.filter(truthy(filters[index]) as (r: unknown) => boolean);
  const made: Readonly<Record<string, (input: DataStream<Row>) => Tested>> = {
    one: (input) => mapped(input, 0),
    two: (input) => mapped(filtered(filtered(input, 0), 1), 1),
    joined: (input) => mapped(input.union(filtered(input, 1)), 2),
    aggregated: (input) => aggregated(input, { selects, key }),
  };
  return (input: DataStream<Row>): Readonly<Record<string, Tested>> =>
    Object.fromEntries(branches.map((branch) => [branch, made[branch]?.(input) as Tested]));
}

function aggregated(input: DataStream<Row>, { selects, key }: Pick<Program, 'selects' | 'key'>): Tested {
  return input.keyBy(compiled(key) as (r: unknown) => string).aggregate({
    rows: count(),
    some: count(truthy(selects[0]) as (r: unknown) => boolean),
    last: last(compiled(selects[1]) as (r: unknown) => string),
    most: max((r: Row) => Number(r.a)),
    top: topN<Row, unknown>(2, { by: (r) => Number(r.b), select: compiled(selects[0]) as never }),
    texts: aggregator<Row, number, number>({
      create: () => 0,
      add: (length, { text }) => length + String(text).length,
      merge: (a, b) => a + b,
      result: (length) => length,
    }),
  } as never) as unknown as Tested;
}

const shown = (value: unknown): string => inspect(value, { depth: 8, sorted: false });

/** What the program emits, or its error's code. */
async function outcome(
  made: Program,
  rows: readonly Row[],
  options: { readonly prunesFields: boolean; readonly freezesRecords: boolean },
): Promise<readonly string[]> {
  const harness = await ChainHarness.open<Row>({ operators: operators(made), parallelism: 1, ...options });
  try {
    harness.send(rows.map((value, index) => ({ value, atMs: index })));
    harness.endInput();
  } catch (error) {
    return [String((error as { readonly code?: unknown }).code), ...messageOf(error)];
  } finally {
    await harness.close();
  }
  return harness.emitted.map(
    ({ output, record, timestampMs }) => `${output} ${timestampMs} ${shown(record)}`,
  );
}

/** Which function threw and what: the record that an error shows is whole either way. */
function messageOf(error: unknown): string[] {
  return error instanceof Error ? [error.message.replace(/ at record .*: /s, ': ')] : [];
}

describe('Fields that nobody reads', () => {
  test('are left out without a trace in what a chain emits', async () => {
    await fc.assert(
      fc.asyncProperty(
        program,
        fc.array(row, { minLength: 1, maxLength: 12 }),
        fc.boolean(),
        async (made, rows, freezesRecords) => {
          const pruned = await outcome(made, rows, { prunesFields: true, freezesRecords });
          expect(pruned).toEqual(await outcome(made, rows, { prunesFields: false, freezesRecords }));
        },
      ),
      { numRuns: 120 },
    );
  });
});
