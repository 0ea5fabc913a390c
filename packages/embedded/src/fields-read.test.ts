// Sources that have columns make what is read of them, and nothing else.
import { expect, test } from 'vitest';
import {
  count,
  type DataStream,
  defineJob,
  generate,
  sourceBrand,
  type Source,
  type SplitContext,
} from '@millrace/api';
import { executeJob } from './execute-job.ts';

interface Bid {
  id: number;
  price: number;
  url: string;
  bidder: { name: string };
}

const COUNT = 40;

/** How often each field of a bid was computed while the job ran. */
async function computed(
  build: (bids: DataStream<Bid>) => void,
): Promise<{ readonly [name: string]: number }> {
  const calls: { [name: string]: number } = {};
  const counted =
    <V>(name: keyof Bid, value: (index: number) => V) =>
    (index: number): V => {
      calls[name] = (calls[name] ?? 0) + 1;
      return value(index);
    };
  const bids = generate<Bid>(
    { count: COUNT },
    {
      id: counted('id', (index) => index),
      price: counted('price', (index) => index * 10),
      url: counted('url', (index) => `https://example.com/${index}`),
      bidder: counted('bidder', (index) => ({ name: `bidder ${index}` })),
    },
  );
  const job = defineJob('bids', (env) => {
    env.options({ restart: 'none' });
    build(env.source(bids));
  });
  expect((await executeJob(job)).state).toBe('FINISHED');
  return calls;
}

test('a generator computes the fields that functions name, once a record', async () => {
  const seen: unknown[] = [];
  const calls = await computed((bids) =>
    bids
      .filter((bid) => bid.price >= 100)
      .map(({ id, price }) => id + price)
      .forEach((value) => void seen.push(value)),
  );
  expect(seen).toEqual(Array.from({ length: 30 }, (_, index) => (index + 10) * 11));
  expect(calls).toEqual({ price: COUNT, id: 30 });
});

test('what is read behind a filter only is computed for the rows that come there', async () => {
  const seen: unknown[] = [];
  const calls = await computed((bids) =>
    bids.filter((bid) => bid.id % 10 === 0).forEach((bid) => void seen.push({ ...bid })),
  );
  expect(seen[1]).toEqual({
    id: 10,
    price: 100,
    url: 'https://example.com/10',
    bidder: { name: 'bidder 10' },
  });
  expect(calls).toEqual({ id: COUNT, price: 4, url: 4, bidder: 4 });
});

test('a count behind an exchange reads its key only, and what ignores its records nothing', async () => {
  const byPrice = await computed((bids) =>
    bids
      .keyBy((bid) => bid.price)
      .aggregate({ bids: count() })
      .forEach(() => undefined),
  );
  expect(byPrice).toEqual({ price: COUNT });
  expect(await computed((bids) => bids.forEach(() => undefined))).toEqual({});
});

test('an error shows the whole record', async () => {
  const job = defineJob('fails', (env) => {
    env.options({ restart: 'none' });
    env
      .source(
        generate<{ id: number; text: string }>({ count: 3 }, { id: (i) => i, text: (i) => `text ${i}` }),
      )
      .map(({ id }) => {
        if (id === 2) throw new Error('two');
        return id;
      })
      .forEach(() => undefined);
  });
  await expect(executeJob(job)).rejects.toThrow('{"id":2,"text":"text 2"}');
});

/** A source of two rows with three columns, of which `b` must not be touched unless the context asks for it. */
function columnSource(contexts: SplitContext[]): Source<{ a: number; b: string; c: number }> {
  return {
    [sourceBrand]: 1,
    name: 'columns',
    boundedness: 'bounded',
    isOrdered: false,
    describe: () => ({}),
    enumerate: () => [{ id: 'only' }],
    openSplit: (_split, _position, context) => {
      contexts.push(context);
      let isDone = false;
      const untouched = {
        name: 'b',
        get values(): readonly unknown[] {
          throw new Error('nobody reads this');
        },
      };
      const b = context.fields === undefined ? { name: 'b', values: ['x', 'y'] } : untouched;
      return {
        read: () => {
          if (isDone) return undefined;
          isDone = true;
          const a = { name: 'a', values: new Float64Array([1, 2]) };
          return {
            kind: 'columns',
            rowCount: 2,
            position: 2,
            columns: [a, b, { name: 'c', values: [3, 4] }],
          };
        },
      };
    },
  };
}

type Rows = DataStream<{ a: number; b: string; c: number }>;

/** What a job over the columns gives, and which fields its source was asked for. */
async function overColumns(
  build: (rows: Rows) => { forEach(each: (result: unknown) => void): unknown },
): Promise<{ readonly seen: readonly unknown[]; readonly fields: readonly string[] | undefined }> {
  const contexts: SplitContext[] = [];
  const seen: unknown[] = [];
  const job = defineJob('columns', (env) => {
    env.options({ restart: 'none', deadLetters: false });
    build(env.source(columnSource(contexts))).forEach((result) => void seen.push(result));
  });
  await executeJob(job);
  return { seen, fields: contexts[0]?.fields?.toSorted() };
}

test('a source is told which fields are read, and columns that it gives nevertheless are not touched', async () => {
  expect(await overColumns((rows) => rows.map((row) => row.a + row.c))).toEqual({
    seen: [4, 6],
    fields: ['a', 'c'],
  });
  expect(await overColumns((rows) => rows.filter((row) => row.a > 1).map((row) => row.c))).toEqual({
    seen: [4],
    fields: ['a', 'c'],
  });
  expect(
    await overColumns((rows) =>
      rows
        .union(rows.filter((row) => row.a > 1))
        .filter((row) => row.c > 3)
        .map(({ a }) => a),
    ),
  ).toEqual({ seen: [2, 2], fields: ['a', 'c'] });
});

test('a record that may become a dead letter is kept whole, in its chain and over an exchange', async () => {
  const failing = (row: { a: number }): number => {
    if (row.a === 2) throw new Error('two');
    return row.a;
  };
  const letters = await overColumns((rows) => rows.map(failing).onError('dead-letter').deadLetters());
  expect(letters.seen).toMatchObject([{ raw: '{"a":2,"b":"y","c":4}' }]);
  expect(letters.fields).toBeUndefined();
  const behind = await overColumns((rows) =>
    rows
      .keyBy((row) => row.c)
      .process({ onRecord: (row) => [failing(row)] })
      .onError('dead-letter')
      .deadLetters(),
  );
  expect(behind.seen).toMatchObject([{ raw: '{"a":2,"b":"y","c":4}' }]);
});
