import { isMillraceError } from '@millrace/common';
import { expect, test } from 'vitest';
import { QueryIndex } from './query-index.ts';

test('QueryIndex tries a document on candidates alone: of a conjunction on those of its rarest part', () => {
  const index = new QueryIndex();
  for (let id = 0; id < 10_000; id++) {
    const must = [
      { term: { kind: 'book' } },
      { term: { author: `author ${id}` } },
      { range: { price: { lt: id } } },
    ];
    index.put(id, id, { bool: { must } });
  }
  expect(index.match({ kind: 'book', author: 'author 7', price: 3 })).toEqual([7]);
  expect(index.match({ kind: 'book', author: 'nobody', price: 3 })).toEqual([]);
  // The first queries had nothing to tell the parts apart.
  expect(index.triedCount).toBeLessThan(50);
});

test('QueryIndex finds intervals by a point', () => {
  const index = new QueryIndex();
  for (let id = 0; id < 10_000; id++)
    index.put(id, id, { range: { price: { gte: id * 10, lt: id * 10 + 10 } } });
  expect(index.match({ price: 55_555 })).toEqual([5_555]);
  expect(index.match({ price: 10 })).toEqual([1]);
  // Bounds are taken as closed by the index, and told apart by trying.
  expect(index.triedCount).toBeLessThanOrEqual(4);
});

test('QueryIndex forgets fields that no query names any more', () => {
  const index = new QueryIndex();
  for (let id = 0; id < 30_000; id++) {
    index.put('one', id, { term: { [`field ${id}`]: 1 } });
  }
  expect(index.match({ 'field 29999': 1 })).toEqual([29_999]);
  index.delete('one');
  index.delete('one');
  expect(index.match({ 'field 29999': 1 })).toEqual([]);
});

test.each([
  [undefined, 'it has nothing where a condition such as'],
  [{}, 'it has nothing where'],
  [{ term: { a: 1 }, terms: { b: [] } }, 'it has several names where a condition'],
  [{ term: { a: 1, b: 2 } }, 'it has several names where one field in "term"'],
  [{ term: { a: {} } }, 'it compares "a" with something that is no text'],
  [{ terms: { a: 'x' } }, 'the terms of "a" are no array'],
  [{ prefix: { a: 1 } }, 'the prefix of "a" is no text'],
  [{ range: { a: {} } }, 'the range of "a" needs a bound'],
  [{ range: { a: { gt: 1, lt: 'x' } } }, 'all numbers or all texts'],
  [{ range: { a: { from: 1 } } }, 'the range of "a" has "from"'],
  [{ range: { a: { gt: true } } }, 'neither a number nor a text'],
  [{ match: { a: '!?' } }, 'the match of "a" has no words'],
  [{ match: { a: { query: 'x', operator: 'xor' } } }, 'neither "or" nor "and"'],
  [{ exists: { name: 'a' } }, 'its "exists" names no field'],
  [{ bool: { must: { nothing: 1 } } }, 'it has the condition "nothing"'],
  [{ bool: { musst: [] } }, 'its "bool" has "musst"'],
  [{ bool: { minimum_should_match: 0.5 } }, 'no whole number'],
  [{ terms: { a: Array.from({ length: 10_000 }, () => 1) } }, 'more than 10000 conditions'],
])('QueryIndex refuses %j, and keeps the query that it was to replace', (query, message) => {
  const index = new QueryIndex();
  index.put('q', 'old', { exists: { field: 'a' } });
  let error: unknown;
  try {
    index.put('q', 'new', query);
  } catch (thrown) {
    error = thrown;
  }
  expect(isMillraceError(error) && error.code).toBe('MR_QUERY_INVALID');
  expect((error as Error).message).toContain(`Cannot take standing query "q": `);
  expect((error as Error).message).toContain(message);
  expect(index.match({ a: 1 })).toEqual(['old']);
});

test('QueryIndex refuses a query that nests too deep', () => {
  const deep = Array.from({ length: 40 }).reduce<unknown>((query) => ({ bool: { must: query } }), {
    match_all: {},
  });
  expect(() => new QueryIndex().put(1, 1, deep)).toThrow('nests conditions more than 32 deep');
});
