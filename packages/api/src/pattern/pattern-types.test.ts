// What the compiler must infer of patterns, and what it must refuse. The bodies are never run.
import { describe, expectTypeOf, test } from 'vitest';
import {
  begin,
  fromArray,
  outputTag,
  skipToFirst,
  skipToLast,
  type,
  type DataStream,
  type PartialMatch,
  type PatternRule,
  type StreamEnvironment,
} from '../index.ts';

interface Payment {
  readonly card: string;
  readonly amount: number;
}
interface Refund extends Payment {
  readonly reason: string;
}

/** Type-checked, never run. */
function program(_build: (env: StreamEnvironment) => void): void {}
const source = fromArray<Payment>([]);

describe('matches', () => {
  test('have the event of each step under its name, and a list where there may be several', () => {
    program((env) => {
      const matches = env
        .source(source)
        .keyBy(({ card }) => card)
        .pattern((first) =>
          first('small', ({ amount }) => amount < 1)
            .followedBy('large', ({ amount }, ctx) => amount > (ctx.events('small')[0]?.amount ?? 0))
            .oneOrMore()
            .next('last')
            .optional()
            .within('10 minutes'),
        )
        .matches();
      expectTypeOf(matches).toEqualTypeOf<
        DataStream<{
          readonly small: Payment;
          readonly large: readonly Payment[];
          readonly last: Payment | undefined;
        }>
      >();
    });
  });

  test('take the event type from an annotated condition or a token', () => {
    program((env) => {
      const annotated = begin('a', (payment: Payment) => payment.amount > 1).next('b');
      const token = begin('a', type<Payment>()).next('b', ({ amount }) => amount > 1);
      for (const pattern of [annotated, token]) {
        const a = env
          .source(source)
          .pattern(pattern)
          .select(({ a: one, b: two }, { key }) => ({ sum: one.amount + two.amount, key }));
        expectTypeOf(a).toEqualTypeOf<DataStream<{ sum: number; key: null }>>();
      }
    });
  });

  test('are narrowed by subtype, and leave not-steps out', () => {
    program((env) => {
      const matches = env
        .source(source)
        .pattern((first) =>
          first('a')
            .followedBy('b')
            .subtype((payment): payment is Refund => 'reason' in payment)
            .where(({ reason }) => reason !== '')
            .notFollowedBy('c', ({ amount }) => amount === 0)
            .within(5),
        )
        .matches();
      expectTypeOf(matches).toEqualTypeOf<DataStream<{ readonly a: Payment; readonly b: Refund }>>();
    });
  });

  test('of groups have the names of their steps, as often as the group', () => {
    program((env) => {
      const matches = env
        .source(source)
        .pattern((first) =>
          first('a')
            .followedBy(first('b').next('c').optional())
            .times(2)
            .followedByAny(first('d').next('e').oneOrMore())
            .optional(),
        )
        .matches();
      expectTypeOf(matches).toEqualTypeOf<
        DataStream<{
          readonly a: Payment;
          readonly b: readonly Payment[];
          readonly c: readonly Payment[];
          readonly d: Payment | undefined;
          readonly e: readonly Payment[];
        }>
      >();
    });
  });

  test('that timed out are partial, and rules give what they can', () => {
    program((env) => {
      const slow = outputTag<string>('slow');
      const keyed = env.source(source).keyBy(({ card }) => card);
      keyed
        .pattern((first) => first('a').oneOrMore().next('b').within(5))
        .timedOut(slow, (partial, { key }) => {
          expectTypeOf(partial).toEqualTypeOf<
            PartialMatch<{ readonly a: readonly Payment[]; readonly b: Payment }>
          >();
          expectTypeOf(partial.b).toEqualTypeOf<Payment | undefined>();
          return key;
        })
        .matches();
      const alerts = keyed
        .dynamicPatterns(env.source(fromArray<PatternRule>([])))
        .select(({ rule, version, key, match }) => ({ rule, version, key, a: match['a'] }));
      expectTypeOf(alerts).toEqualTypeOf<
        DataStream<{
          rule: string;
          version: number;
          key: string;
          a: Payment | readonly Payment[] | undefined;
        }>
      >();
    });
  });
});

describe('what does not compile', () => {
  test('names that are used twice, that no step has, and fields that no event has', () => {
    program((env) => {
      env.source(source).pattern((first) =>
        first('a')
          // @ts-expect-error a step of this name exists
          .next('a'),
      );
      env.source(source).pattern((first) =>
        // @ts-expect-error no step has this name
        first('a').next('b', (_payment, ctx) => ctx.events('c').length > 0),
      );
      env.source(source).pattern((first) =>
        // @ts-expect-error no event has this field
        first('a', ({ sum }) => sum > 0),
      );
      env
        .source(source)
        .pattern((first) => first('a').next('b'))
        // @ts-expect-error a match has no such step
        .select(({ c }) => c);
      env
        .source(source)
        .pattern((first) => first('a').times(2))
        // @ts-expect-error a step that repeats has a list
        .select(({ a }) => a.amount);
      env
        .source(source)
        .pattern((first) => first('a').optional().next('b'))
        // @ts-expect-error an optional step may have no event
        .select(({ a }) => a.amount);
    });
  });

  test('skip strategies that name no step, patterns over other events, promises', () => {
    program((env) => {
      const payments = env.source(source);
      // @ts-expect-error no step has this name
      payments.pattern((first) => first('a').afterMatch(skipToFirst('b')));
      payments.pattern((first) => first('a').oneOrMore().afterMatch(skipToLast('a')));
      const refunds = begin('a', (refund: Refund) => refund.reason === '');
      // @ts-expect-error these events are no payments
      payments.pattern(refunds);
      const matches = payments.pattern((first) => first('a'));
      // @ts-expect-error functions are synchronous
      matches.select(async ({ a }) => a);
    });
  });
});
