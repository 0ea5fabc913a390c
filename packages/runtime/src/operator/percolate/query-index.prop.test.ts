import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { BooleanCondition, RangeBounds, SearchCondition } from '@millrace/api';
import { QueryIndex } from './query-index.ts';

type Document = { readonly [field: string]: unknown };

/** What conditions mean, said once more in the plainest way. */
function fits(document: Document, condition: SearchCondition): boolean {
  const [[kind, asked]] = Object.entries(condition) as [[string, never]];
  if (kind === 'match_all') return true;
  if (kind === 'exists') return valuesAt(document, (asked as { field: string }).field).length > 0;
  if (kind === 'bool') return fitsAll(document, asked);
  const [[name, wanted]] = Object.entries(asked) as [[string, unknown]];
  const values = valuesAt(document, name);
  switch (kind) {
    case 'term':
      return values.includes(plain(wanted));
    case 'terms':
      return (wanted as unknown[]).some((each) => values.includes(plain(each)));
    case 'prefix':
      return values.some((value) => typeof value === 'string' && value.startsWith(wanted as string));
    case 'range':
      return values.some((value) => isWithin(value, wanted as RangeBounds));
    default: {
      const { query, operator } = (typeof wanted === 'string' ? { query: wanted } : wanted) as {
        query: string;
        operator?: string;
      };
      const texts = values.filter((value) => typeof value === 'string').join(' ');
      const words = new Set(texts.toLowerCase().split(/[^a-z0-9]+/));
      const asks = query.toLowerCase().split(' ');
      return operator === 'and'
        ? asks.every((word) => words.has(word))
        : asks.some((word) => words.has(word));
    }
  }
}

function fitsAll(document: Document, bool: BooleanCondition): boolean {
  const list = (
    clause: SearchCondition | readonly SearchCondition[] | undefined,
  ): readonly SearchCondition[] =>
    clause === undefined ? [] : Array.isArray(clause) ? clause : [clause as SearchCondition];
  const must = [...list(bool.must), ...list(bool.filter)];
  const should = list(bool.should);
  const least = bool.minimum_should_match ?? (must.length === 0 && should.length > 0 ? 1 : 0);
  return (
    must.every((each) => fits(document, each)) &&
    !list(bool.must_not).some((each) => fits(document, each)) &&
    should.filter((each) => fits(document, each)).length >= least
  );
}

function isWithin(value: unknown, bounds: RangeBounds): boolean {
  const is = (bound: unknown, test: (a: number, b: number) => boolean): boolean =>
    bound === undefined ||
    (typeof plain(bound) === typeof value && test(value as number, plain(bound) as number));
  return (
    is(bounds.gt, (a, b) => a > b) &&
    is(bounds.gte, (a, b) => a >= b) &&
    is(bounds.lt, (a, b) => a < b) &&
    is(bounds.lte, (a, b) => a <= b)
  );
}

function plain(value: unknown): unknown {
  return value instanceof Date ? value.getTime() : value;
}

function valuesAt(value: unknown, path: string): unknown[] {
  let at: unknown[] = [value].flat(9);
  for (const name of path.split('.')) {
    at = at
      .flatMap((each) => (typeof each === 'object' && each !== null ? [(each as Document)[name]] : []))
      .flat(9);
  }
  return at
    .filter((each) => each !== undefined && each !== null)
    .map(plain)
    .filter((each) => typeof each !== 'object');
}

function sorted(ids: readonly unknown[]): number[] {
  return (ids as readonly number[]).toSorted((a, b) => a - b);
}

const text = fc.constantFrom('a', 'ab', 'abc', 'abd', 'b', 'red fox', 'Red hen', 'the lazy fox');
const number = fc.integer({ min: 0, max: 12 });
const date = number.map((ms) => new Date(ms));
const scalar = fc.oneof(text, number, fc.boolean(), fc.constantFrom(null, undefined, 3n, NaN), date);
const fieldValue = fc.oneof(scalar, fc.array(scalar, { maxLength: 3 }));
const field = fc.constantFrom('title', 'price', 'owner.name');
const document = fc.record(
  {
    title: fieldValue,
    price: fieldValue,
    owner: fc.oneof(
      fc.record({ name: fieldValue }),
      fc.array(fc.record({ name: fieldValue }), { maxLength: 2 }),
      text,
    ),
  },
  { requiredKeys: [] },
);
const value = fc.oneof(text, number, fc.boolean(), fc.constant(3n), date);
const bound = fc.oneof(number, date);
const bounds = fc
  .oneof(
    fc.record({ gt: bound, gte: bound, lt: bound, lte: bound }, { requiredKeys: [] }),
    fc.record({ gt: text, gte: text, lt: text, lte: text }, { requiredKeys: [] }),
  )
  .filter((of) => Object.keys(of).length > 0);

const { condition } = fc.letrec<{ condition: SearchCondition; clause: SearchCondition | SearchCondition[] }>(
  (tie) => {
    const clause = fc.oneof(tie('condition'), fc.array(tie('condition'), { maxLength: 3 }));
    const of = <V>(name: string, asked: fc.Arbitrary<V>): fc.Arbitrary<SearchCondition> =>
      fc
        .tuple(field, asked)
        .map(([path, wanted]) => ({ [name]: { [path]: wanted } }) as unknown as SearchCondition);
    return {
      clause,
      condition: fc.oneof(
        { depthSize: 'small', withCrossShrink: true },
        of('term', value),
        of('terms', fc.array(value, { maxLength: 3 })),
        of('prefix', fc.constantFrom('', 'a', 'ab', 'red', 'Red')),
        of('range', bounds),
        of(
          'match',
          fc.oneof(
            fc.constantFrom('fox', 'red fox', 'hen lazy'),
            fc.record({
              query: fc.constantFrom('red fox', 'the fox', 'a'),
              operator: fc.constantFrom('and' as const, 'or' as const),
            }),
          ),
        ),
        field.map((path): SearchCondition => ({ exists: { field: path } })),
        fc.constant<SearchCondition>({ match_all: {} }),
        fc
          .record(
            {
              must: clause,
              filter: clause,
              should: clause,
              must_not: clause,
              minimum_should_match: fc.integer({ min: 0, max: 2 }),
            },
            { requiredKeys: [] },
          )
          .map((bool) => ({ bool }) as SearchCondition),
      ),
    };
  },
);

const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ is: fc.constant('put' as const), id: number, query: condition }) },
  { weight: 1, arbitrary: fc.record({ is: fc.constant('delete' as const), id: number }) },
  { weight: 4, arbitrary: fc.record({ is: fc.constant('match' as const), document }) },
);

test('QueryIndex finds what trying every query finds, while queries are added, replaced and deleted', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const index = new QueryIndex();
      const queries = new Map<number, SearchCondition>();
      for (const each of steps) {
        if (each.is === 'put') {
          index.put(each.id, each.id, each.query);
          queries.set(each.id, each.query);
        } else if (each.is === 'delete') {
          index.delete(each.id);
          queries.delete(each.id);
        } else {
          const expected = [...queries].filter(([, query]) => fits(each.document, query)).map(([id]) => id);
          expect(sorted(index.match(each.document))).toEqual(sorted(expected));
          expect(sorted(index.matchByTryingAll(each.document))).toEqual(sorted(expected));
        }
      }
      expect(index.size).toBe(queries.size);
    }),
    { numRuns: 400 },
  );
});
