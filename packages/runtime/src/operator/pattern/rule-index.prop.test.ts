import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  patternOfJson,
  type PatternConditionJson,
  type PatternJson,
  type PatternStepJson,
} from '@millrace/api';
import { compilePattern } from './compile-pattern.ts';
import { Matcher } from './matcher.ts';
import { RuleIndex } from './rule-index.ts';
import { startQuery } from './start-query.ts';

const value = fc.constantFrom<string | number | boolean | null>('', 'a', 'ab', 'b', 0, 1, 2, true, null);
const field = fc.constantFrom('x', 'y', 'of.z', 'x.0', 'y.length');

const comparison: fc.Arbitrary<PatternConditionJson> = fc.oneof(
  fc.record({
    field,
    op: fc.constantFrom('==', '!=', '<', '<=', '>', '>=', 'startsWith', 'includes'),
    value,
  }),
  fc.record({ field, op: fc.constant('in'), value: fc.array(value, { maxLength: 3 }) }),
  fc.record({ field, op: fc.constant('exists') }),
) as fc.Arbitrary<PatternConditionJson>;
const { condition } = fc.letrec<{ readonly condition: PatternConditionJson }>((tie) => ({
  condition: fc.oneof(
    { maxDepth: 2 },
    comparison,
    fc.record({ all: fc.array(tie('condition'), { minLength: 1, maxLength: 3 }) }),
    fc.record({ any: fc.array(tie('condition'), { minLength: 1, maxLength: 3 }) }),
    fc.record({ not: tie('condition') }),
  ),
}));

/** Steps that may be left out, repeat, or are groups: what may begin a match is not the first step alone. */
const pattern: fc.Arbitrary<PatternJson> = fc
  .array(
    fc.record({
      where: fc.option(condition, { nil: undefined }),
      optional: fc.boolean(),
      isGroup: fc.integer({ min: 0, max: 4 }).map((n) => n === 0),
      times: fc.constantFrom(undefined, 2, { atLeast: 1 }),
    }),
    { minLength: 1, maxLength: 3 },
  )
  .map((steps) => ({
    steps: [
      ...steps.map(({ where, optional, isGroup, times }, index): PatternStepJson => {
        const own = { name: `s${index}`, ...(where === undefined ? {} : { where }) };
        const common = { optional, ...(times === undefined ? {} : { times }) };
        return isGroup ? { group: [own, { name: `t${index}` }], ...common } : { ...own, ...common };
      }),
      { name: 'last', where: { field: 'x', op: '==', value: 2 } as const },
    ],
  }));

const fieldValue = fc.oneof(
  value,
  fc.constant(undefined),
  fc.array(value, { maxLength: 2 }),
  fc.constant({}),
);
const event = fc.record({ x: fieldValue, y: fieldValue, of: fc.oneof(fc.record({ z: fieldValue }), value) });

test('an index of rules gives every rule that an event may begin a match of', () => {
  let foundCount = 0;
  let leftOutCount = 0;
  fc.assert(
    fc.property(
      fc.array(pattern, { maxLength: 8 }),
      fc.array(event, { maxLength: 12 }),
      (patterns, events) => {
        const index = new RuleIndex();
        const matchers = patterns.map((json, number) => {
          index.add(number, json);
          return new Matcher(compilePattern(patternOfJson(json, 'r')), {
            now: () => 0,
            runsMax: 100,
            what: '',
          });
        });
        // Some go again.
        for (let number = 0; number < patterns.length; number += 3) index.remove(number);
        for (const each of events) {
          const starting = new Set(index.starting(each));
          expect([...starting]).toEqual([...starting].sort((a, b) => a - b));
          for (const [number, matcher] of matchers.entries()) {
            if (number % 3 === 0) expect(starting.has(number)).toBe(false);
            else if (matcher.starts(each, 0)) {
              expect(starting.has(number)).toBe(true);
              foundCount++;
            } else if (!starting.has(number)) leftOutCount++;
          }
        }
      },
    ),
    { numRuns: 400 },
  );
  expect(foundCount).toBeGreaterThan(100);
  expect(leftOutCount).toBeGreaterThan(100);
});

test('what begins a match is found by the constants of its first step, and of those behind steps that may be left out', () => {
  const where = (name: string, of: PatternConditionJson): PatternStepJson => ({ name, where: of });
  const isCard: PatternConditionJson = { field: 'card', op: '==', value: 'x' };
  const isLarge: PatternConditionJson = { field: 'amount', op: '>', value: 9 };
  expect(
    startQuery({ steps: [where('a', { all: [isCard, { not: isLarge }] }), where('b', isLarge)] }),
  ).toEqual({
    bool: { must: [{ term: { card: 'x' } }] },
  });
  expect(
    startQuery({
      steps: [{ ...where('a', isCard), optional: true }, where('b', { any: [isLarge, isCard] })],
    }),
  ).toEqual({
    bool: {
      should: [
        { term: { card: 'x' } },
        { bool: { should: [{ range: { amount: { gt: 9 } } }, { term: { card: 'x' } }] } },
      ],
    },
  });
  expect(startQuery({ steps: [{ name: 'a' }] })).toBeUndefined();
  expect(startQuery({ steps: [where('a', { ...isCard, value: null })] })).toBeUndefined();
});
