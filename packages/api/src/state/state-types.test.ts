// What the types of states and asynchronous functions know, and what they refuse.
import { describe, expectTypeOf, test } from 'vitest';
import type { DataStream, KeyedStream } from '../index.ts';
import { aggregatingState, listState, mapState, reducingState, valueState } from './keyed-state.ts';

interface Payment {
  readonly card: string;
  readonly amount: number;
}

declare const payments: DataStream<Payment>;
declare const byCard: KeyedStream<string, Payment>;

/** Never run: only its types are looked at. */
function types(look: () => unknown): void {
  void look;
}

describe('declared states', () => {
  test('handles are those of the declaration', () => {
    types(() =>
      byCard.process({
        state: {
          sum: reducingState<number>((a, b) => a + b),
          mean: aggregatingState({
            create: () => ({ sum: 0, count: 0 }),
            add: (soFar, amount: number) => ({ sum: soFar.sum + amount, count: soFar.count + 1 }),
            result: ({ sum, count }) => `${sum / count}`,
          }),
          kept: valueState({ initial: 0, ttl: '1 hour' }),
          bare: valueState<Payment>({ ttl: { duration: 5, time: 'event', update: 'onReadAndWrite' } }),
        },
        onRecord(_payment, { state }) {
          expectTypeOf(state.sum.get()).toEqualTypeOf<number | undefined>();
          expectTypeOf(state.mean.get()).toEqualTypeOf<string | undefined>();
          state.mean.add(1);
          // @ts-expect-error -- What is added is a number.
          state.mean.add('1');
          expectTypeOf(state.kept.value()).toEqualTypeOf<number>();
          expectTypeOf(state.bare.value()).toEqualTypeOf<Payment | undefined>();
          // @ts-expect-error -- A payment is no number.
          state.sum.add(_payment);
          // @ts-expect-error -- It has no update.
          state.sum.update(1);
          // @ts-expect-error -- There is no such state.
          void state.other;
        },
      }),
    );
  });

  test('a migration gives values of today', () => {
    types(() =>
      valueState<Payment>({ version: 2, from: { 1: (old: number) => ({ card: '', amount: old }) } }),
    );
    types(() => listState<Payment>({ version: 2, from: { 1: (old: string) => ({ card: old, amount: 0 }) } }));
    // @ts-expect-error -- The field is called amount.
    types(() => valueState<Payment>({ version: 2, from: { 1: (old: number) => ({ card: '', sum: old }) } }));
    // @ts-expect-error -- A promise is no value.
    types(() => mapState<string, number>({ version: 2, from: { 1: async (old: number) => old } }));
    // @ts-expect-error -- Versions are numbers.
    types(() => valueState<number>({ version: 2, from: { one: (old: number) => old } }));
    // @ts-expect-error -- There is no such time.
    types(() => valueState<number>({ ttl: { duration: 5, time: 'ingestion' } }));
    // @ts-expect-error -- Reducing gives a value of the same type.
    types(() => reducingState<number>((a, b) => `${a}${b}`));
    // @ts-expect-error -- A promise is no value.
    types(() => reducingState<number>(async (a, b) => a + b));
  });
});

describe('asynchronous functions', () => {
  test('results are those of the promise, or of what is no promise', () => {
    types(() => {
      expectTypeOf(payments.mapAsync(async ({ amount }) => ({ amount }))).toEqualTypeOf<
        DataStream<{ amount: number }>
      >();
      expectTypeOf(
        payments.mapAsync(({ amount }) => (amount > 0 ? amount : Promise.resolve(0))),
      ).toEqualTypeOf<DataStream<number>>();
      expectTypeOf(byCard.flatMapAsync(async ({ card }) => [card, 1] as const)).toEqualTypeOf<
        DataStream<string | 1>
      >();
      expectTypeOf(
        payments.mapAsync({
          invoke: async ({ card }, { signal, attempt }) => {
            expectTypeOf(signal).toEqualTypeOf<AbortSignal>();
            expectTypeOf(attempt).toEqualTypeOf<number>();
            return card;
          },
          timeout: ({ amount }) => `${amount}`,
        }),
      ).toEqualTypeOf<DataStream<string>>();
    });
  });

  test('misuse does not compile', () => {
    types(() => {
      // @ts-expect-error -- Records are read-only.
      payments.mapAsync(async (payment) => (payment.amount = 1));
      // @ts-expect-error -- There is no such field.
      payments.mapAsync(async ({ currency }) => currency);
      // @ts-expect-error -- An answer of flatMapAsync is an iterable.
      payments.flatMapAsync(async ({ amount }) => amount);
      // @ts-expect-error -- There is no such order.
      payments.mapAsync(async ({ amount }) => amount, { order: 'fifo' });
      // @ts-expect-error -- Retries need a number of attempts.
      payments.mapAsync(async ({ amount }) => amount, { retry: { initialDelay: 5 } });
      payments.mapAsync({
        invoke: async ({ amount }) => amount,
        // @ts-expect-error -- What stands for a number is a number.
        timeout: () => 'none',
      });
    });
  });
});
