// Distinct counts whose values are state by themselves, and aggregates over some of the records.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  aggregator,
  avg,
  count,
  countDistinct,
  first,
  last,
  max,
  min,
  sum,
  topN,
  type Change,
  type DataStream,
} from '@millrace/api';
import { ChainHarness } from './chain-harness.ts';
import type { HarnessSnapshot } from './harness-options.ts';
import { endOfInput, processingTime, record, verifyOperator, watermark } from './verify-operator.ts';

interface Bid {
  readonly channel: string;
  readonly bidder: number | string | null;
  readonly price: number;
}

const bid = (channel: string, bidder: Bid['bidder'], price: number): Bid => ({ channel, bidder, price });
const isCheap = ({ price }: Bid): boolean => price < 10;

const distinct = {
  bids: count<Bid>(),
  bidders: countDistinct(({ bidder }: Bid) => bidder),
  cheap: countDistinct(({ bidder }: Bid) => bidder, { where: isCheap }),
  prices: countDistinct(({ price }: Bid) => price, { where: ({ price }) => price > 0 }),
};
const byChannel = (input: DataStream<Bid>) => input.keyBy(({ channel }) => [channel, 'bids'] as const);
const key = ['web', 'bids'];

describe('countDistinct', () => {
  test('counts each value once a key, for each condition by itself', async () => {
    await verifyOperator<Bid>((input) => byChannel(input).aggregate(distinct))
      .input(
        record(bid('web', 1, 5)),
        record(bid('web', 1, 50)),
        record(bid('app', 1, 50)),
        record(bid('web', '1', 5)),
        record(bid('web', null, -1)),
        record(bid('app', 1, 7)),
      )
      .expect(
        record({ key, bids: 1, bidders: 1, cheap: 1, prices: 1 }),
        record({ key, bids: 2, bidders: 1, cheap: 1, prices: 2 }),
        record({ key: ['app', 'bids'], bids: 1, bidders: 1, cheap: 0, prices: 1 }),
        record({ key, bids: 3, bidders: 2, cheap: 2, prices: 2 }),
        record({ key, bids: 4, bidders: 2, cheap: 2, prices: 2 }),
        record({ key: ['app', 'bids'], bids: 2, bidders: 1, cheap: 1, prices: 2 }),
      )
      .survivesRestoreAtEveryStep({ parallelism: [1, 2] });
  });

  test('is summed up before the exchange where results may wait', async () => {
    await verifyOperator<Bid>((input) =>
      byChannel(input)
        .aggregate(distinct, { emit: 'update', miniBatch: { size: 100 } })
        .toStream(),
    )
      .input(
        record(bid('web', 1, 5), { atMs: 1 }),
        record(bid('web', 1, 50), { atMs: 2 }),
        record(bid('app', 2, 50), { atMs: 3 }),
        watermark(3),
        record(bid('web', 1, 5), { atMs: 5 }),
        record(bid('web', 2, 5), { atMs: 6 }),
        watermark(6),
        endOfInput,
      )
      .expect(
        record({ kind: 'insert', row: { key, bids: 2, bidders: 1, cheap: 1, prices: 2 } }, { atMs: 2 }),
        record(
          { kind: 'insert', row: { key: ['app', 'bids'], bids: 1, bidders: 1, cheap: 0, prices: 1 } },
          { atMs: 3 },
        ),
        watermark(3),
        record({ kind: 'updateBefore', row: { key, bids: 2, bidders: 1, cheap: 1, prices: 2 } }, { atMs: 6 }),
        record({ kind: 'updateAfter', row: { key, bids: 4, bidders: 2, cheap: 2, prices: 2 } }, { atMs: 6 }),
        watermark(6),
        endOfInput,
      )
      .survivesRestoreAtEveryStep({ parallelism: [1, 2] });
  });

  test('forgets the values of a key with the key', async () => {
    await verifyOperator<Bid>((input) =>
      input
        .keyBy(({ channel }) => channel)
        .aggregate(
          { bidders: countDistinct(({ bidder }: Bid) => bidder) },
          { emit: 'update', stateTtl: 100, generateUpdateBefore: false },
        )
        .toStream(),
    )
      .input(
        record(bid('web', 1, 5)),
        record(bid('web', 2, 5)),
        processingTime(150),
        record(bid('web', 1, 5)),
      )
      .expect(
        record({ kind: 'insert', row: { key: 'web', bidders: 1 } }),
        record({ kind: 'updateAfter', row: { key: 'web', bidders: 2 } }),
        processingTime(150),
        record({ kind: 'insert', row: { key: 'web', bidders: 1 } }),
      )
      .survivesRestoreAtEveryStep({ parallelism: [1, 2] });
  });

  test('takes values back over a changelog, for each condition by itself', async () => {
    const change = (kind: Change<Bid>['kind'], row: Bid) => record<Change<Bid>>({ kind, row });
    const row = (bidders: number, cheap: number) => ({ key: 'web', bidders, cheap });
    await verifyOperator<Change<Bid>>((input) =>
      input
        .toChangelog({ mode: 'retract' })
        .keyBy(({ channel }) => channel)
        .aggregate(
          {
            bidders: countDistinct(({ bidder }: Bid) => bidder),
            cheap: countDistinct(({ bidder }: Bid) => bidder, { where: isCheap }),
          },
          { emit: 'update', generateUpdateBefore: false },
        )
        .toStream(),
    )
      .input(
        change('insert', bid('web', 1, 5)),
        change('insert', bid('web', 1, 50)),
        change('delete', bid('web', 1, 5)),
        change('insert', bid('web', 2, 5)),
        change('delete', bid('web', 1, 50)),
        change('delete', bid('web', 2, 5)),
        change('insert', bid('web', 1, 50)),
      )
      .expect(
        record({ kind: 'insert', row: row(1, 1) }),
        record({ kind: 'updateAfter', row: row(1, 0) }),
        record({ kind: 'updateAfter', row: row(2, 1) }),
        record({ kind: 'updateAfter', row: row(1, 1) }),
        record({ kind: 'delete', row: row(1, 1) }),
        record({ kind: 'insert', row: row(1, 0) }),
      )
      .survivesRestoreAtEveryStep({ parallelism: [1, 2] });
  });

  test('leaves a record out of all counts that one of them fails on', async () => {
    const harness = await ChainHarness.open<Bid>({
      parallelism: 1,
      operators: (input) =>
        input
          .keyBy(({ channel }) => channel)
          .aggregate({
            bids: count(),
            bidders: countDistinct(({ bidder }: Bid) => bidder),
            cheap: countDistinct(({ bidder }: Bid) => bidder, {
              where: ({ price }) => {
                if (price < 0) throw new Error('below zero');
                return price < 10;
              },
            }),
          })
          .onError('skip'),
    });
    harness.send([bid('web', 1, 5), bid('web', 2, -1), bid('web', 2, 50)].map((value) => ({ value })));
    expect(harness.emitted.map((each) => each.record)).toEqual([
      { key: 'web', bids: 1, bidders: 1, cheap: 1 },
      { key: 'web', bids: 2, bidders: 2, cheap: 1 },
    ]);
    await harness.close();
  });

  test('of any records, in mini-batches and over restores, is the size of a set', async () => {
    const bids = fc.record({
      channel: fc.constantFrom('a', 'b'),
      bidder: fc.oneof(fc.integer({ min: 0, max: 9 }), fc.constantFrom('x', null, 0.5)),
      price: fc.integer({ min: -3, max: 15 }),
    });
    const steps = fc.array(
      fc.record({ batch: fc.array(bids, { maxLength: 8 }), restore: fc.integer({ min: 0, max: 3 }) }),
      {
        maxLength: 6,
      },
    );
    await fc.assert(
      fc.asyncProperty(steps, fc.integer({ min: 1, max: 6 }), async (given, size) => {
        const operators = (input: DataStream<Bid>) =>
          input
            .keyBy(({ channel }) => channel)
            .aggregate(distinct, { emit: 'update', generateUpdateBefore: false, miniBatch: { size } })
            .toStream();
        const results = new Map<unknown, unknown>();
        let harness = await ChainHarness.open<Bid>({ operators, parallelism: 1 });
        const take = (): void => {
          for (const { record: emitted } of harness.emitted.splice(0)) {
            const { row } = emitted as Change<{ readonly key: string }>;
            results.set(row.key, row);
          }
        };
        for (const [index, { batch, restore }] of given.entries()) {
          harness.send(batch.map((value) => ({ value })));
          if (restore === 0) continue;
          const snapshot: HarnessSnapshot = await harness.snapshot(index + 1);
          take();
          await harness.close();
          const { blobStore } = harness;
          harness = await ChainHarness.open<Bid>({
            operators,
            parallelism: restore,
            restore: snapshot,
            blobStore,
            attemptNumber: index + 2,
          });
        }
        harness.endInput();
        take();
        await harness.close();
        const all = given.flatMap(({ batch }) => batch);
        for (const channel of ['a', 'b']) {
          const own = all.filter((each) => each.channel === channel);
          const sizeOf = (values: readonly unknown[]): number =>
            new Set(values.filter((value) => value !== null)).size;
          expect(results.get(channel)).toEqual(
            own.length === 0
              ? undefined
              : {
                  key: channel,
                  bids: own.length,
                  bidders: sizeOf(own.map(({ bidder }) => bidder)),
                  cheap: sizeOf(own.filter(isCheap).map(({ bidder }) => bidder)),
                  prices: sizeOf(own.map(({ price }) => (price > 0 ? price : null))),
                },
          );
        }
      }),
      { numRuns: 40 },
    );
  });
});

describe('aggregates with `where`', () => {
  const where = isCheap;
  const some = {
    n: count<Bid>({ where }),
    sum: sum(({ price }: Bid) => price, { where }),
    min: min(({ price }: Bid) => price, { where }),
    max: max(({ price }: Bid) => price, { where }),
    avg: avg(({ price }: Bid) => price, { where }),
    first: first(({ bidder }: Bid) => bidder, { where }),
    last: last(({ bidder }: Bid) => bidder, { where }),
    top: topN<Bid, number>(1, { by: ({ price }) => price, select: ({ price }) => price, where }),
    own: aggregator<Bid, readonly number[], number>({
      create: () => [],
      add: (soFar, { price }) => [...soFar, price],
      merge: (a, b) => [...a, ...b],
      retract: (soFar, { price }) => soFar.toSpliced(soFar.indexOf(price), 1),
      result: (all) => all.length,
      where,
    }),
  };
  const unknown = { min: undefined, max: undefined, avg: undefined, first: undefined, last: undefined };
  const none = { ...unknown, n: 0, sum: 0, top: [], own: 0 };
  const one = { n: 1, sum: 5, min: 5, max: 5, avg: 5, first: 2, last: 2, top: [5], own: 1 };
  const two = { n: 2, sum: 12, min: 5, max: 7, avg: 6, first: 2, last: 3, top: [7], own: 2 };
  const given = [bid('web', 1, 50), bid('web', 2, 5), bid('web', 3, 7)];

  test('take only records that pass', async () => {
    await verifyOperator<Bid>((input) => input.keyBy(({ channel }) => channel).aggregate(some))
      .input(...given.map((value) => record(value)))
      .expect(...[none, one, two].map((row) => record({ key: 'web', ...row })))
      .survivesRestoreAtEveryStep({ parallelism: [1, 2] });
  });

  test('are summed up before the exchange', async () => {
    await verifyOperator<Bid>((input) =>
      input.keyBy(({ channel }) => channel).aggregate(some, { emit: 'append' }),
    )
      .input(...given.map((value) => record(value)), endOfInput)
      .expect(record({ key: 'web', ...two }), endOfInput)
      .holds({ parallelism: [1, 2] });
  });

  test('take out only what passed', async () => {
    const change = (kind: Change<Bid>['kind'], row: Bid) => record<Change<Bid>>({ kind, row });
    await verifyOperator<Change<Bid>>((input) =>
      input
        .toChangelog({ mode: 'retract' })
        .keyBy(({ channel }) => channel)
        .aggregate(some, { emit: 'update', generateUpdateBefore: false })
        .toStream(),
    )
      .input(
        ...given.map((row) => change('insert', row)),
        change('delete', bid('web', 3, 7)),
        change('delete', bid('web', 2, 5)),
      )
      .expect(
        record({ kind: 'insert', row: { key: 'web', ...none } }),
        ...[one, two, one, none].map((row) => record({ kind: 'updateAfter', row: { key: 'web', ...row } })),
      )
      .survivesRestoreAtEveryStep({ parallelism: [1, 2] });
  });
});
