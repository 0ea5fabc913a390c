import { isMillraceError } from '@millrace/common';
import { describe, expect, expectTypeOf, test } from 'vitest';
import type { ChangelogStream } from '../changelog/changelog-stream.ts';
import type { Change } from '../changelog/change.ts';
import { outputTag } from '../function/output-tag.ts';
import { describeStreamGraph } from '../graph/describe-stream-graph.ts';
import { defineJob } from '../job/define-job.ts';
import type { StreamEnvironment } from '../job/stream-environment.ts';
import { fromArray } from '../source/from-array.ts';
import type { DataStream } from '../stream/data-stream.ts';
import { monotonous } from '../watermark/watermarks.ts';
import { tumbling } from '../window/windows.ts';

interface Order {
  readonly id: string;
  readonly at: number;
  readonly customer: number;
}
interface Payment {
  readonly order: string;
  readonly at: number;
  readonly amount: number;
}

const SUBMISSION = { args: [], params: {}, environment: {}, baseDirectory: '/' };

const plan = (
  build: (orders: DataStream<Order>, payments: DataStream<Payment>, env: StreamEnvironment) => void,
) =>
  defineJob('joins', (env) => {
    const orders = env.source(fromArray<Order>([])).watermarks(monotonous(({ at }) => at));
    const payments = env
      .source(fromArray<Payment>([]), { name: 'payments' })
      .watermarks(monotonous(({ at }) => at));
    build(orders, payments, env);
    orders.forEach(() => undefined);
  }).plan(SUBMISSION);

const end = (stream: { forEach(each: (record: unknown) => void): unknown }) =>
  stream.forEach(() => undefined);
const byId = ({ id }: Order) => id;
const byOrder = ({ order }: Payment) => order;

function refusal(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (isMillraceError(error)) return `${error.code}: ${error.message}`;
    throw error;
  }
  return 'nothing was refused';
}

const changes = <T>(stream: DataStream<T>) =>
  stream.map((row) => ({ kind: 'insert', row }) as Change<T>).toChangelog();

describe('joins', () => {
  test('infer what select gets and what comes out', () => {
    plan((orders, payments) => {
      const left = orders.keyBy(byId);
      const right = payments.keyBy(byOrder);
      const inner = left.intervalJoin(right, {
        lower: 0,
        upper: '1 hour',
        select: (o, p) => [o.id, p.amount] as const,
      });
      expectTypeOf(inner).toEqualTypeOf<DataStream<readonly [string, number]>>();
      left.intervalJoin(right, {
        lower: 0,
        upper: '1 hour',
        type: 'left',
        // @ts-expect-error: the payment may be undefined
        select: (_, payment) => payment.amount,
      });
      const full = left.join(right, {
        window: tumbling('1 hour'),
        type: 'full',
        select: (order, payment) => ({ id: order?.id, amount: payment?.amount }),
      });
      expectTypeOf(full).toEqualTypeOf<DataStream<{ id: string | undefined; amount: number | undefined }>>();
      left.join(right, {
        window: tumbling('1 hour'),
        type: 'semi',
        select: (order, payment) => {
          expectTypeOf(payment).toEqualTypeOf<undefined>();
          return order.id;
        },
      });
      const grouped = left.coGroup(right, {
        window: tumbling('1 hour'),
        apply: (first, second, { key, window }) => [
          {
            key,
            start: window.start,
            orders: first.length,
            paid: second.reduce((sum, { amount }) => sum + amount, 0),
          },
        ],
      });
      expectTypeOf(grouped).toEqualTypeOf<
        DataStream<{ key: string; start: number; orders: number; paid: number }>
      >();
      const byAmount = payments.keyBy(({ amount }) => amount);
      // @ts-expect-error: keys of different types never meet
      left.intervalJoin(byAmount, { lower: 0, upper: 1, select: () => 1 });
      // @ts-expect-error: an interval has two bounds
      expect(() => left.intervalJoin(right, { lower: 0, select: () => 1 })).toThrow('without `upper`');
      const temporal = orders.temporalJoin(payments, {
        recordKey: byId,
        tableKey: byOrder,
        type: 'left',
        select: (order, payment) => ({ at: order.at, amount: payment?.amount ?? 0 }),
      });
      expectTypeOf(temporal).toEqualTypeOf<DataStream<{ at: number; amount: number }>>();
      const view = changes(orders).join(changes(payments), {
        leftKey: byId,
        rightKey: byOrder,
        type: 'right',
        select: (order, payment) => [order?.id, payment.amount] as const,
      });
      expectTypeOf(view).toEqualTypeOf<ChangelogStream<readonly [string | undefined, number]>>();
      const latest = orders.join(changes(payments), {
        recordKey: byId,
        tableKey: byOrder,
        stateTtl: '1 day',
        select: (order, payment) => order.at + payment.at,
      });
      expectTypeOf(latest).toEqualTypeOf<DataStream<number>>();
      for (const stream of [inner, full, grouped, temporal, latest]) end(stream);
      view.forEach(() => undefined);
    });
  });

  test('say what they are in the plan, and name their states', () => {
    const late = outputTag<Order>('late');
    const graph = plan((orders, payments) => {
      orders
        .keyBy(byId)
        .intervalJoin(payments.keyBy(byOrder), {
          lower: '-5 minutes',
          upper: '1 hour',
          upperExclusive: true,
          leftLateOutput: late,
          select: () => 1,
        })
        .sideOutput(late)
        .forEach(() => undefined);
      orders
        .keyBy(byId)
        .coGroup(payments.keyBy(byOrder), { window: tumbling('1 hour'), apply: () => [] })
        .forEach(() => undefined);
      changes(orders)
        .join(changes(payments), {
          leftKey: byId,
          rightKey: byOrder,
          leftUniqueKey: byId,
          type: 'anti',
          select: byId,
        })
        .forEach(() => undefined);
    });
    const nodes = describeStreamGraph(graph).nodes.filter(({ kind }) => kind === 'join' || kind === 'window');
    expect(nodes).toMatchObject([
      {
        kind: 'join',
        name: 'interval join',
        inputs: [
          { from: 0, partitioning: 'hash' },
          { from: 1, partitioning: 'hash' },
        ],
        state: [
          { name: 'left', kind: 'list' },
          { name: 'right', kind: 'list' },
        ],
        options: {
          join: 'interval',
          joinType: 'inner',
          lowerMs: -300_000,
          upperMs: 3_599_999,
          late: 'drop',
          leftLateOutput: 'late',
        },
      },
      { kind: 'window', name: 'coGroup (tumbling window)', options: { join: { kind: 'coGroup' } } },
      {
        kind: 'join',
        name: 'anti join',
        options: { join: 'table', joinType: 'anti', hasLeftUniqueKey: true, hasRightUniqueKey: false },
      },
    ]);
  });

  test('of updates with and without the row as it was are refused, as their union is', () => {
    const both = (bring: (whole: ChangelogStream<Order>, upserts: ChangelogStream<Order>) => unknown) =>
      refusal(() =>
        plan((orders) => {
          const insert = orders.map((row) => ({ kind: 'insert', row }) as Change<Order>);
          bring(insert.toChangelog(), insert.toChangelog({ mode: 'upsert' }));
        }),
      );
    const key = ({ id }: Order) => id;
    const options = { leftKey: key, rightKey: key, leftUniqueKey: key, rightUniqueKey: key, select: () => 1 };
    const message =
      'MR_CHANGELOG_REFUSED: Cannot bring changes of the kinds +I -U +U -D and +I +U -D together in';
    expect(both((whole, upserts) => whole.join(upserts, options))).toContain(message);
    expect(both((whole, upserts) => whole.union(upserts))).toContain(message);
    expect(both((whole, upserts) => whole.toUpserts().union(upserts).print())).toBe('nothing was refused');
    expect(both((whole, upserts) => whole.union(upserts.normalize(key)).print())).toBe('nothing was refused');
  });

  test('are refused when the graph is built, with what to do instead', () => {
    plan((orders, payments) => {
      const left = orders.keyBy(byId);
      const right = payments.keyBy(byOrder);
      const interval = { lower: 0, upper: 1, select: () => 1 };
      const upserts = payments
        .map((row) => ({ kind: 'insert', row }) as Change<Payment>)
        .toChangelog({ mode: 'upsert' });
      const refusals = [
        () => left.intervalJoin(payments as never, interval),
        () => left.intervalJoin(right, { ...interval, lower: 2 }),
        () => left.intervalJoin(right, { ...interval, lower: 'soon' }),
        () => left.intervalJoin(right, { ...interval, lower: 0.5 }),
        () => left.intervalJoin(right, { ...interval, typ: 'left' } as never),
        () => left.intervalJoin(right, { ...interval, type: 'outer' as 'left' }),
        () =>
          left.intervalJoin(right, { ...interval, late: 'join', leftLateOutput: outputTag<Order>('late') }),
        () => left.intervalJoin(right, { ...interval, select: (async () => 1) as never }),
        () => left.join(right, { select: () => 1 } as never),
        () => orders.temporalJoin([] as never, { recordKey: byId, tableKey: byOrder, select: () => 1 }),
        () => changes(orders).join(upserts, { leftKey: byId, rightKey: byOrder, select: () => 1 }),
        () =>
          plan((mine) => {
            mine
              .keyBy(byId)
              .intervalJoin(mine.map((order) => order).keyBy(byId), { ...interval, time: 'processing' })
              .keyBy(() => 1)
              .window(tumbling(1))
              .process(() => [])
              .forEach(() => undefined);
          }),
        () =>
          plan((mine) => {
            mine
              .keyBy(byId)
              .intervalJoin(mine.map((order) => order).keyBy(byId), {
                ...interval,
                select: ({ at }) => ({ at }),
              })
              .filter(() => true)
              .watermarks(monotonous(({ at }) => at))
              .forEach(() => undefined);
          }),
      ].map(refusal);
      expect(refusals).toEqual([
        expect.stringContaining('MR_OPTION_INVALID: Cannot intervalJoin() a keyed stream with an object'),
        expect.stringContaining('the interval is empty'),
        expect.stringContaining('MR_OPTION_INVALID: Cannot read `lower` of intervalJoin()'),
        expect.stringContaining('write a whole number of milliseconds'),
        expect.stringContaining('Unknown option "typ" of intervalJoin()'),
        expect.stringContaining("'inner', 'left', 'right', 'full', 'semi', 'anti'"),
        expect.stringContaining('Cannot send late records of intervalJoin() to a side output'),
        expect.stringContaining('MR_PROMISE_RETURNED'),
        expect.stringContaining('Cannot join two streams without a window'),
        expect.stringContaining('Cannot use an array as the table of temporalJoin()'),
        expect.stringContaining(
          'MR_CHANGELOG_REFUSED: Cannot join changes of the kinds +I +U -D without `rightUniqueKey`',
        ),
        expect.stringContaining('MR_GRAPH_INVALID: Window "tumbling window" can never fire'),
        expect.stringMatching(
          /MR_GRAPH_INVALID: Cannot use .watermarks\(\) behind the interval join .*`timestamp: 'left'`/,
        ),
      ]);
    });
    expect(
      refusal(() =>
        plan((orders, _, env) => {
          orders
            .keyBy(byId)
            .intervalJoin(env.source(fromArray<Payment>([]), { name: 'untimed' }).keyBy(byOrder), {
              lower: 0,
              upper: 1,
              select: () => 1,
            })
            .forEach(() => undefined);
        }),
      ),
    ).toContain('MR_GRAPH_INVALID: Join "interval join" can never clean its state');
  });
});
