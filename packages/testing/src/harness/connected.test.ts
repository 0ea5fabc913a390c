/* oxlint-disable vitest/expect-expect -- verifyOperator asserts */
import { expect, test } from 'vitest';
import { listState, mapState, outputTag, type, valueState } from '@millrace/api';
import { endOfInput, record, verifyOperator, watermark } from './verify-operator.ts';

const everyWay = { parallelism: [1, 3] };

/** Every record of the input comes over both edges; what it is not meant for ignores it. */
interface Order {
  readonly is: 'order' | 'payment' | 'rule';
  readonly id: string;
  readonly amount: number;
}

const order = (id: string, amount: number, atMs = 1) => record<Order>({ is: 'order', id, amount }, { atMs });
const payment = (id: string, amount: number, atMs = 1) =>
  record<Order>({ is: 'payment', id, amount }, { atMs });
const rule = (id: string, amount: number, atMs = 1) => record<Order>({ is: 'rule', id, amount }, { atMs });

test('functions over two keyed streams share state and timers of the key, and each reads its own key', async () => {
  const unpaid = outputTag<{ readonly id: string; readonly left: number }>('unpaid');
  await verifyOperator<Order>((input) => {
    const matched = input
      .keyBy(({ id }) => id)
      .connect(input.keyBy(({ id }) => id))
      .process({
        state: { left: valueState({ initial: 0 }) },
        emits: type<{ id: string; paid: number }>(),
        onFirst({ is, amount }, { state, timers, timestamp }) {
          if (is !== 'order') return;
          state.left.update(state.left.value() + amount);
          timers.registerEventTime(timestamp + 10);
        },
        onSecond({ is, amount }, ctx) {
          if (is !== 'payment') return;
          ctx.state.left.update(ctx.state.left.value() - amount);
          ctx.emit({ id: ctx.key, paid: amount });
        },
        onTimer(_timer, ctx) {
          if (ctx.state.left.value() > 0) ctx.output(unpaid, { id: ctx.key, left: ctx.state.left.value() });
          return [{ id: ctx.key, paid: 0 }];
        },
      });
    return { main: matched, unpaid: matched.sideOutput(unpaid) };
  })
    .input(order('a', 5), order('b', 7), payment('a', 5, 2), watermark(20), payment('b', 3, 21), endOfInput)
    .expect(
      record({ id: 'a', paid: 5 }),
      record({ id: 'a', paid: 0 }),
      record({ id: 'b', paid: 0 }),
      record({ id: 'b', left: 7 }, { output: 'unpaid' }),
      watermark(20),
      record({ id: 'b', paid: 3 }),
      endOfInput,
    )
    .survivesRestoreAtEveryStep(everyWay);
});

test('one stream that is connected to itself by two keys is read by each of them', async () => {
  await verifyOperator<{ readonly from: string; readonly to: string }>((input) =>
    input
      .keyBy(({ from }) => from)
      .connect(input.keyBy(({ to }) => to))
      .process({
        state: { sent: valueState({ initial: 0 }), got: valueState({ initial: 0 }) },
        onFirst: (_record, { state, key }) => {
          state.sent.update(state.sent.value() + 1);
          return [`${key} sent ${state.sent.value()}`];
        },
        onSecond: (_record, { state, key }) => {
          state.got.update(state.got.value() + 1);
          return [`${key} got ${state.got.value()}`];
        },
      }),
  )
    .input(record({ from: 'a', to: 'b' }), record({ from: 'a', to: 'c' }), record({ from: 'b', to: 'b' }))
    .expect(
      ...['a sent 1', 'b got 1', 'a sent 2', 'c got 1', 'b sent 1', 'b got 2'].map((text) => record(text)),
    )
    .survivesRestoreAtEveryStep(everyWay);
});

test('map and flatMap of connected streams call the function of the stream', async () => {
  await verifyOperator<number>((input) => ({
    mapped: input.connect(input).map(
      (n) => n * 10,
      (n) => `second ${n}`,
    ),
    flat: input.connect(input).flatMap(
      (n) => (n % 2 === 0 ? [] : [n, n]),
      (n) => new Set([`s${n}`]),
    ),
  }))
    .input(record(1), record(2))
    .expect(
      record(10, { output: 'mapped' }),
      record('second 1', { output: 'mapped' }),
      record(20, { output: 'mapped' }),
      record('second 2', { output: 'mapped' }),
      record(1, { output: 'flat' }),
      record(1, { output: 'flat' }),
      record('s1', { output: 'flat' }),
      record('s2', { output: 'flat' }),
    )
    .survivesRestoreAtEveryStep(everyWay);
});

test('what is broadcast is kept alike in all subtasks, and read with the records of the other stream', async () => {
  await verifyOperator<Order>((input) =>
    input.connect(input.broadcast({ limits: mapState<string, number>() })).process({
      onRecord({ is, id, amount }, { broadcast }) {
        if (is !== 'order') return [];
        const limit = broadcast.limits.get('limit');
        return [`${id} ${amount}: ${limit === undefined ? 'no limit' : amount > limit ? 'above' : 'below'}`];
      },
      onBroadcast({ is, id, amount }, { broadcast }) {
        if (is !== 'rule') return;
        if (amount < 0) broadcast.limits.remove(id);
        else broadcast.limits.put(id, amount);
      },
    }),
  )
    .input(
      order('a', 5),
      rule('limit', 6),
      watermark(2),
      order('b', 5),
      order('c', 7),
      rule('limit', -1),
      watermark(3),
      order('d', 7),
    )
    .expect(
      record('a 5: no limit'),
      watermark(2),
      record('b 5: below'),
      record('c 7: above'),
      watermark(3),
      record('d 7: no limit'),
    )
    .survivesRestoreAtEveryStep(everyWay);
});

test('a keyed stream with a broadcast one has state and timers of its keys beside it', async () => {
  await verifyOperator<Order>((input) =>
    input
      .keyBy(({ id }) => id)
      .connect(input.broadcast({ rules: mapState<string, { readonly least: number }>() }))
      .process({
        state: { total: valueState({ initial: 0 }) },
        onRecord({ is, amount }, { state, timers, timestamp }) {
          if (is !== 'order') return;
          state.total.update(state.total.value() + amount);
          timers.registerEventTime(timestamp + 5);
        },
        onBroadcast({ is, id, amount }, { broadcast }) {
          if (is === 'rule') broadcast.rules.put(id, { least: amount });
        },
        onTimer: (_timer, { key, state, broadcast }) =>
          [...broadcast.rules.entries()]
            .filter(([, { least }]) => state.total.value() >= least)
            .map(([name]) => `${key} reaches ${name}`),
      }),
  )
    .input(order('a', 5), rule('four', 4), order('b', 3), rule('six', 6), order('a', 2), endOfInput)
    .expect(record('a reaches four'), record('a reaches six'), endOfInput)
    .survivesRestoreAtEveryStep(everyWay);
});

test('what a broadcast state hands out cannot be changed, nor written where it may only be read', async () => {
  const seen: string[] = [];
  await verifyOperator<Order>((input) =>
    input.connect(input.broadcast({ rules: mapState<string, { least: number }>() })).process({
      onRecord(_record, { broadcast }) {
        const found = broadcast.rules.get('a') as { least: number } | undefined;
        if (found === undefined) return;
        expect(() => (found.least = 1)).toThrow(TypeError);
        seen.push(Object.keys(broadcast.rules).sort().join());
      },
      onBroadcast({ id }, { broadcast }) {
        const given = { least: 5 };
        broadcast.rules.put(id, given);
        given.least = 6;
        expect(broadcast.rules.get(id)).toEqual({ least: 5 });
      },
    }),
  )
    .input(rule('a', 1), order('b', 1))
    .expect()
    .holds();
  expect(new Set(seen)).toEqual(new Set(['entries,get,has,isEmpty,keys,values']));
});

test('a function is applied to all keys of a state when a broadcast record comes, before anything else does', async () => {
  await verifyOperator<Order>((input) =>
    input
      .keyBy(({ id }) => id)
      .connect(input.broadcast({ rules: mapState<string, number>() }))
      .process({
        state: { total: valueState<number>(), seen: listState<string>(), last: mapState<string, number>() },
        emits: type<string>(),
        onRecord({ is, id, amount }, { state, broadcast }) {
          if (is !== 'order') return;
          state.total.update((state.total.value() ?? 0) + amount);
          if (amount > 5) state.seen.add(id);
          state.last.put('amount', amount);
          return [`${id} after ${[...broadcast.rules.keys()].join()}`];
        },
        onBroadcast({ is, id, amount }, ctx) {
          if (is !== 'rule') return;
          ctx.applyToKeyedState('total', (key, total) => {
            ctx.emit(`${id}: ${key} has ${total.value()}`);
            if (amount < 0) total.clear();
            else total.update((total.value() ?? 0) * amount);
          });
          ctx.applyToKeyedState('seen', (key, seen) =>
            ctx.emit(`${id}: ${key} saw ${[...seen.get()].join()}`),
          );
          ctx.applyToKeyedState('last', (_key, last) => last.put(id, amount));
          ctx.broadcast.rules.put(id, amount);
          return [`${id} begins`];
        },
      }),
  )
    .input(
      order('a', 1),
      order('b', 7),
      watermark(2),
      rule('double', 2),
      watermark(3),
      order('a', 1),
      watermark(4),
      rule('drop', -1),
      watermark(5),
      order('b', 2),
    )
    .expect(
      record('a after '),
      record('b after '),
      watermark(2),
      record('double begins'),
      record('double: a has 1'),
      record('double: b has 7'),
      record('double: b saw b'),
      watermark(3),
      record('a after double'),
      watermark(4),
      record('drop begins'),
      record('drop: a has 3'),
      record('drop: b has 14'),
      record('drop: b saw b'),
      watermark(5),
      record('b after double,drop'),
    )
    .survivesRestoreAtEveryStep({ parallelism: [1] });
});

test('what is applied to all keys fails with the key, and names that are not declared are refused', async () => {
  const failing = verifyOperator<Order>((input) =>
    input
      .keyBy(({ id }) => id)
      .connect(input.broadcast({ rules: mapState<string, number>() }))
      .process({
        state: { total: valueState<number>() },
        onRecord: ({ amount }, { state }) => state.total.update(amount),
        onBroadcast({ is }, ctx) {
          if (is === 'rule')
            ctx.applyToKeyedState('total', (key) => {
              throw new Error(`not for ${key}`);
            });
        },
      }),
  )
    .input(order('a', 1), rule('r', 1))
    .expect();
  await expect(failing.holds()).rejects.toThrow(/applyToKeyedState.*not for a|not for a.*applyToKeyedState/s);
  const unknown = verifyOperator<Order>((input) =>
    input
      .keyBy(({ id }) => id)
      .connect(input.broadcast({ rules: mapState<string, number>() }))
      .process({
        state: { total: valueState<number>() },
        onRecord: () => undefined,
        // @ts-expect-error: it is no declared state
        onBroadcast: (_record, ctx) => ctx.applyToKeyedState('sum', () => undefined),
      }),
  )
    .input(rule('r', 1))
    .expect();
  await expect(unknown.holds()).rejects.toThrow(/"sum"; there are total/);
});
