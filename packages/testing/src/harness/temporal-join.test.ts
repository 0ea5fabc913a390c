/* oxlint-disable vitest/expect-expect -- verifyOperator asserts */
import { describe, test } from 'vitest';
import { outputTag } from '@millrace/api';
import {
  endOfInput,
  leftRecord,
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

  test('of an empty input ends', async () => {
    await converted('left').input(endOfInput).expect(endOfInput).survivesRestoreAtEveryStep(everyWay);
  });
});
