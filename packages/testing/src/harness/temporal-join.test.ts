/* oxlint-disable vitest/expect-expect -- verifyOperator asserts */
import { describe, expect, test } from 'vitest';
import { outputTag, type Change, type DataStream } from '@millrace/api';
import { ChainHarness } from './chain-harness.ts';
import type { SidedValue } from './harness-options.ts';
import {
  endOfInput,
  leftRecord,
  processingTime,
  record,
  rightRecord,
  verifyTwoInputs,
  watermark,
} from './verify-operator.ts';

const everyWay = { parallelism: [1, 3] };

interface Order {
  readonly id: number;
  readonly currency: string;
}

interface Rate {
  readonly currency: string;
  readonly rate: number;
}

const order = (id: number, currency: string, atMs: number) => leftRecord<Order>({ id, currency }, { atMs });
const rate = (currency: string, value: number, atMs: number) =>
  rightRecord<Rate>({ currency, rate: value }, { atMs });

const converted = (type: 'inner' | 'left') =>
  verifyTwoInputs<Order, Rate>((orders, rates) =>
    orders.temporalJoin(rates, {
      recordKey: ({ currency }) => currency,
      tableKey: ({ currency }) => currency,
      type,
      select: ({ id }, found) => `${id} at ${(found as Rate | undefined)?.rate ?? 'none'}`,
    }),
  );

describe('a temporal join', () => {
  test('takes the version as of the time of the record, whatever comes first', async () => {
    await converted('left')
      .input(
        order(1, 'EUR', 5),
        rate('EUR', 120, 20),
        order(2, 'EUR', 25),
        rate('EUR', 110, 10),
        order(3, 'EUR', 10),
        order(4, 'USD', 12),
        watermark(12),
        order(5, 'EUR', 19),
        order(6, 'EUR', 20),
        watermark(22),
        rate('EUR', 130, 24),
        watermark(30),
        order(7, 'EUR', 31),
        endOfInput,
      )
      .expect(
        record('1 at none', { atMs: 5 }),
        record('3 at 110', { atMs: 10 }),
        record('4 at none', { atMs: 12 }),
        watermark(12),
        record('5 at 110', { atMs: 19 }),
        record('6 at 120', { atMs: 20 }),
        watermark(22),
        record('2 at 130', { atMs: 25 }),
        watermark(30),
        record('7 at 130', { atMs: 31 }),
        endOfInput,
      )
      .survivesRestoreAtEveryStep(everyWay);
  });

  test('of the type inner leaves out records without a version', async () => {
    await converted('inner')
      .input(order(1, 'EUR', 5), rate('EUR', 120, 6), order(2, 'EUR', 6), order(3, 'USD', 7), endOfInput)
      .expect(record('2 at 120'), endOfInput)
      .survivesRestoreAtEveryStep(everyWay);
  });

  test('a late version counts for what comes after it, and late records go to their side output', async () => {
    const late = outputTag<Order>('late');
    await verifyTwoInputs<Order, Rate>((orders, rates) => {
      const joined = orders.temporalJoin(rates, {
        recordKey: ({ currency }) => currency,
        tableKey: ({ currency }) => currency,
        lateOutput: late,
        select: ({ id }, found) => [id, found.rate],
      });
      return { main: joined, late: joined.sideOutput(late) };
    })
      .input(
        rate('EUR', 100, 5),
        watermark(10),
        rate('EUR', 110, 8),
        rate('EUR', 90, 3),
        order(1, 'EUR', 10),
        order(2, 'EUR', 11),
        watermark(11),
      )
      .expect(
        watermark(10),
        record({ id: 1, currency: 'EUR' }, { output: 'late' }),
        record([2, 110]),
        watermark(11),
      )
      .survivesRestoreAtEveryStep(everyWay);
  });

  test('over a changelog ends a version where its row is deleted', async () => {
    await verifyTwoInputs<Order, Change<Rate>>((orders, rates) =>
      orders.temporalJoin(rates.toChangelog(), {
        recordKey: ({ currency }) => currency,
        tableKey: ({ currency }) => currency,
        type: 'left',
        select: ({ id }, found) => [id, found?.rate ?? null],
      }),
    )
      .input(
        rightRecord<Change<Rate>>({ kind: 'insert', row: { currency: 'EUR', rate: 1 } }, { atMs: 10 }),
        rightRecord<Change<Rate>>({ kind: 'updateBefore', row: { currency: 'EUR', rate: 1 } }, { atMs: 20 }),
        rightRecord<Change<Rate>>({ kind: 'updateAfter', row: { currency: 'EUR', rate: 2 } }, { atMs: 20 }),
        rightRecord<Change<Rate>>({ kind: 'delete', row: { currency: 'EUR', rate: 2 } }, { atMs: 30 }),
        order(1, 'EUR', 15),
        order(2, 'EUR', 20),
        order(3, 'EUR', 35),
        endOfInput,
      )
      .expect(record([1, 1]), record([2, 2]), record([3, null]), endOfInput)
      .survivesRestoreAtEveryStep(everyWay);
  });

  test('of an empty input ends', async () => {
    await converted('left').input(endOfInput).expect(endOfInput).survivesRestoreAtEveryStep(everyWay);
  });
});

describe('a join with a changelog', () => {
  const inserted = (currency: string, value: number) =>
    rightRecord<Change<Rate>>({ kind: 'insert', row: { currency, rate: value } });

  test('takes the row as it is when the record comes', async () => {
    await verifyTwoInputs<Order, Change<Rate>>((orders, rates) =>
      orders.join(rates.toChangelog(), {
        recordKey: ({ currency }) => currency,
        tableKey: ({ currency }) => currency,
        type: 'left',
        select: ({ id }, found) => [id, found?.rate ?? null],
      }),
    )
      .input(
        leftRecord<Order>({ id: 1, currency: 'EUR' }),
        watermark(1),
        inserted('EUR', 5),
        watermark(2),
        leftRecord<Order>({ id: 2, currency: 'EUR' }),
        watermark(3),
        rightRecord<Change<Rate>>({ kind: 'updateBefore', row: { currency: 'EUR', rate: 5 } }),
        rightRecord<Change<Rate>>({ kind: 'updateAfter', row: { currency: 'EUR', rate: 6 } }),
        watermark(4),
        leftRecord<Order>({ id: 3, currency: 'EUR' }),
        watermark(5),
        rightRecord<Change<Rate>>({ kind: 'delete', row: { currency: 'EUR', rate: 6 } }),
        watermark(6),
        leftRecord<Order>({ id: 4, currency: 'EUR' }),
      )
      .expect(
        record([1, null]),
        watermark(1),
        watermark(2),
        record([2, 5]),
        watermark(3),
        watermark(4),
        record([3, 6]),
        watermark(5),
        watermark(6),
        record([4, null]),
      )
      .survivesRestoreAtEveryStep(everyWay);
  });

  test('forgets rows that nobody used for so long', async () => {
    await verifyTwoInputs<Order, Change<Rate>>((orders, rates) =>
      orders.join(rates.toChangelog(), {
        recordKey: ({ currency }) => currency,
        tableKey: ({ currency }) => currency,
        stateTtl: '10 ms',
        select: ({ id }, found) => [id, found.rate],
      }),
    )
      .input(
        inserted('EUR', 5),
        inserted('USD', 6),
        processingTime(6),
        leftRecord<Order>({ id: 1, currency: 'EUR' }),
        processingTime(15),
        leftRecord<Order>({ id: 2, currency: 'EUR' }),
        leftRecord<Order>({ id: 3, currency: 'USD' }),
        processingTime(25),
        leftRecord<Order>({ id: 4, currency: 'EUR' }),
      )
      .expect(processingTime(6), record([1, 5]), processingTime(15), record([2, 5]), processingTime(25))
      .survivesRestoreAtEveryStep(everyWay);
  });
});

test('the timer of a time to live goes with its row, in a join with a changelog', async () => {
  const harness = await ChainHarness.open<SidedValue<Order, Change<Rate>>>({
    operators: {
      ofTwo: (orders: DataStream<Order>, rates: DataStream<Change<Rate>>) =>
        orders.join(rates.toChangelog(), {
          recordKey: ({ currency }) => currency,
          tableKey: ({ currency }) => currency,
          stateTtl: '1 hour',
          select: ({ id }) => id,
        }),
    } as never,
    parallelism: 1,
  });
  const send = (kind: Change<Rate>['kind']): void =>
    harness.send([{ value: { side: 'right', value: { kind, row: { currency: 'EUR', rate: 1 } } } }]);
  send('insert');
  expect(harness.chains[0]?.nextProcessingTimeMs()).toBeLessThan(Infinity);
  send('delete');
  expect(harness.chains[0]?.nextProcessingTimeMs()).toBe(Infinity);
  await harness.close();
});
