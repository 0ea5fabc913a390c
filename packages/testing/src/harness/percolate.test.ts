/* oxlint-disable vitest/expect-expect -- verifyOperator asserts */
import { expect, test } from 'vitest';
import { percolate, type SearchCondition } from '@millrace/api';
import { ChainHarness } from './chain-harness.ts';
import { endOfInput, record, verifyOperator, watermark } from './verify-operator.ts';

const everyWay = { parallelism: [1, 3] };

/** Every record of the input comes over both edges: a document says nothing of a query, and a change has no fields. */
interface Either {
  readonly kind: 'insert' | 'updateBefore' | 'updateAfter' | 'delete';
  readonly row: { readonly id: string; readonly owner: string; readonly query: SearchCondition };
  readonly title?: string;
  readonly price?: number;
}

const nothing: SearchCondition = { match_all: {} };

function document(title: string, price: number, atMs: number) {
  return record<Either>(
    { kind: 'updateBefore', row: { id: 'none', owner: '', query: nothing }, title, price },
    { atMs },
  );
}

function change(kind: Either['kind'], id: string, query: SearchCondition) {
  return record<Either>({ kind, row: { id, owner: `owner of ${id}`, query } });
}

function match(id: string, title: string, atMs: number) {
  return record(`${title} for owner of ${id}`, { atMs });
}

test('percolate gives each document with the queries that it fits, while queries come, change and go', async () => {
  await verifyOperator<Either>((input) =>
    percolate(input, input, { select: ({ title }, { owner }) => `${title} for ${owner}` }),
  )
    .input(
      document('too early', 1, 1),
      watermark(1),
      change('insert', 'cheap', { range: { price: { lt: 10 } } }),
      change('insert', 'fox', { match: { title: 'fox' } }),
      change('insert', 'both', {
        bool: { must: [{ match: { title: 'fox' } }, { range: { price: { gte: 10 } } }] },
      }),
      watermark(2),
      document('Red fox', 5, 3),
      document('Red hen', 5, 3),
      document('Old fox', 50, 3),
      watermark(3),
      change('updateBefore', 'fox', { match: { title: 'fox' } }),
      change('updateAfter', 'fox', { prefix: { title: 'Red' } }),
      change('delete', 'cheap', nothing),
      change('delete', 'never there', nothing),
      watermark(4),
      document('Red fox', 5, 5),
      document('Old fox', 50, 5),
      endOfInput,
    )
    .expect(
      watermark(1),
      watermark(2),
      match('cheap', 'Red fox', 3),
      match('fox', 'Red fox', 3),
      match('cheap', 'Red hen', 3),
      match('fox', 'Old fox', 3),
      match('both', 'Old fox', 3),
      watermark(3),
      watermark(4),
      match('fox', 'Red fox', 5),
      match('both', 'Old fox', 5),
      endOfInput,
    )
    .survivesRestoreAtEveryStep(everyWay);
});

test('without select, a result is the document and the whole record of the query', async () => {
  const query = change('insert', 'a', { term: { title: 'x' } });
  const found = document('x', 1, 2);
  await verifyOperator<Either>((input) => input.percolate(input))
    .input(query, watermark(1), found)
    .expect(
      watermark(1),
      record({ document: 'value' in found && found.value, query: 'value' in query && query.value.row }),
    )
    .survivesRestoreAtEveryStep(everyWay);
});

test('a document that fits more queries than may be sent at once gives all of them, once', async () => {
  const ids = Array.from({ length: 1_100 }, (_, index) => `q${index}`);
  await verifyOperator<Either>((input) => percolate(input, input, { select: (_document, { id }) => id }))
    .input(
      ...ids.map((id) => change('insert', id, { exists: { field: 'price' } })),
      watermark(1),
      document('x', 1, 2),
    )
    .expect(watermark(1), ...ids.map((id) => record(id)))
    .holds(everyWay);
});

test('an empty input gives nothing', async () => {
  await verifyOperator<Either>((input) => percolate(input, input))
    .input(endOfInput)
    .expect(endOfInput)
    .survivesRestoreAtEveryStep(everyWay);
});

test('a query that is none is left out where failing records are, and fails the job else', async () => {
  const bad = { kind: 'insert', row: { id: 'bad', owner: '', query: { nothing: 1 } } } as unknown as Either;
  const good: Either = {
    kind: 'insert',
    row: { id: 'good', owner: '', query: { exists: { field: 'price' } } },
  };
  const select = (_document: unknown, { id }: { readonly id: string }): string => id;
  const open = (isSkipping: boolean) =>
    ChainHarness.open<Either>({
      operators: (input) =>
        isSkipping
          ? percolate(input, input, { select }).onError('skip')
          : percolate(input, input, { select }),
      parallelism: 2,
    });
  const skipping = await open(true);
  skipping.send([{ value: bad }, { value: good }]);
  skipping.send([{ value: { ...good, kind: 'updateBefore', price: 1 } }]);
  expect(skipping.emitted.map((each) => each.record)).toEqual(['good']);
  await skipping.close();
  const failing = await open(false);
  expect(() => failing.send([{ value: bad }])).toThrow(
    'Cannot take standing query "bad": it has the condition "nothing"',
  );
  await failing.close();
});
