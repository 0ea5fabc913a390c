/* oxlint-disable vitest/expect-expect -- verifyOperator asserts */
// Rules as data: patterns come over a broadcast stream, change and are retired while the operator runs.
import { expect, test } from 'vitest';
import type { DataStream, PatternJson, PatternRule, RuleMatch } from '@millrace/api';
import { ChainHarness } from './chain-harness.ts';
import { endOfInput, record, verifyOperator, watermark } from './verify-operator.ts';

const everyWay = { parallelism: [1, 3] };

interface Tick {
  readonly symbol: string;
  readonly price: number;
}

/** Every record of the input comes over both edges: a rule is an event that fits nothing, an event a rule that is refused. */
type Both = Tick | PatternRule;

const tick = (symbol: string, price: number, atMs: number) => record<Both>({ symbol, price }, { atMs });
const rule = (of: PatternRule, atMs = 0) => record<Both>(of, { atMs });
const rulesOf = (input: DataStream<Both>) => input as unknown as DataStream<PatternRule>;
const keyOf = (each: object) => ('symbol' in each ? (each.symbol as string) : '');
const textOf = ({ rule: name, version, key, match }: RuleMatch<string, Both>): string =>
  `${name} ${version} ${key} ${Object.values(match)
    .map((event) => (event as Tick).price)
    .join()}`;

/** Falls, then rises above where it fell from. */
const dip = (least: number): PatternJson => ({
  steps: [
    { name: 'high', where: { field: 'price', op: '>=', value: least } },
    {
      name: 'low',
      contiguity: 'next',
      where: { field: 'price', op: '<', than: { of: 'high', take: 'last', field: 'price' } },
    },
    {
      name: 'back',
      contiguity: 'followedBy',
      where: { field: 'price', op: '>', than: { of: 'high', take: 'first', field: 'price', plus: 1 } },
    },
  ],
  within: 100,
  afterMatch: 'skipPastLastEvent',
});

test('rules are added, changed and retired; what began on a version ends on it', async () => {
  await verifyOperator<Both>((input) =>
    input.keyBy(keyOf).dynamicPatterns(rulesOf(input)).select(textOf).onError('skip'),
  )
    .input(
      tick('x', 10, 1),
      rule({ rule: 'dip', pattern: dip(5) }, 1),
      watermark(1),
      tick('x', 8, 2),
      watermark(2),
      // The version before still waits for the event that ends its match; the new one wants more.
      rule({ rule: 'dip', pattern: dip(100) }, 3),
      tick('x', 20, 3),
      tick('x', 19, 4),
      tick('x', 30, 5),
      watermark(5),
      tick('y', 100, 6),
      tick('y', 99, 7),
      watermark(7),
      rule({ rule: 'dip', pattern: null }, 8),
      tick('y', 120, 8),
      tick('z', 200, 8),
      tick('z', 100, 9),
      tick('z', 300, 10),
      watermark(10),
      endOfInput,
    )
    .expect(
      watermark(1),
      watermark(2),
      record('dip 1 x 10,8,20'),
      watermark(5),
      watermark(7),
      record('dip 2 y 100,99,120'),
      watermark(10),
      endOfInput,
    )
    .survivesRestoreAtEveryStep(everyWay);
});

test('several rules see the same events, each with its own partial matches', async () => {
  const above = (value: number): PatternJson => ({
    steps: [{ name: 'tick', where: { field: 'price', op: '>', value } }],
  });
  await verifyOperator<Both>((input) =>
    input.keyBy(keyOf).dynamicPatterns(rulesOf(input)).select(textOf).onError('skip'),
  )
    .input(
      rule({ rule: 'one', version: 7, pattern: above(1) }, 1),
      rule({ rule: 'five', pattern: above(5) }, 1),
      // The same again is no new version.
      rule({ rule: 'five', pattern: above(5) }, 1),
      tick('x', 3, 1),
      tick('y', 9, 1),
      watermark(1),
      rule({ rule: 'five', pattern: above(8) }, 2),
      tick('y', 9, 2),
      endOfInput,
    )
    .expect(
      record('one 7 x 3'),
      record('one 7 y 9'),
      record('five 1 y 9'),
      watermark(1),
      record('one 7 y 9'),
      record('five 2 y 9'),
      endOfInput,
    )
    .survivesRestoreAtEveryStep(everyWay);
});

test('a rule that cannot be read is a failing record, which names what is wrong, and the others stay', async () => {
  const broken: readonly (readonly [unknown, RegExp])[] = [
    [{ rule: '', pattern: null }, /call a rule/],
    [{ rule: 'r', pattern: { steps: [] } }, /"steps"/],
    [
      { rule: 'r', pattern: { steps: [{ name: 'a', where: { field: 'x', op: '=', value: 1 } }] } },
      /"op" is one of/,
    ],
    [{ rule: 'r', pattern: { steps: [{ name: 'a', where: 'process.exit()' }] } }, /expected an object/],
    [{ rule: 'r', pattern: { steps: [{ name: 'a' }, { name: 'a' }] } }, /two steps "a"/],
    [{ rule: 'r', pattern: { steps: [{ name: 'a', contiguity: 'constructor' }] } }, /contiguity/],
    [{ rule: 'r', pattern: { steps: [{ name: 'a', times: { from: 3, to: 2 } }] } }, /from 3 to 2/],
    [
      {
        rule: 'r',
        pattern: {
          steps: [{ name: 'a', where: { field: 'x', op: '<', than: { of: 'b', take: 'last', field: 'x' } } }],
        },
      },
      /"of" is the name of a step/,
    ],
  ];
  for (const [given, message] of broken) {
    const harness = await ChainHarness.open<unknown>({
      parallelism: 1,
      operators: (input) => {
        const rules = input as DataStream<PatternRule>;
        const main = input
          .keyBy(() => 'k')
          .dynamicPatterns(rules)
          .matches()
          .onError('dead-letter');
        return { main, dead: main.deadLetters().map(({ code, reason }) => `${code} ${reason}`) };
      },
    });
    harness.send([{ value: given, atMs: 1 }]);
    const dead = harness.emitted
      .filter(({ output }) => output === 'dead')
      .map(({ record: text }) => text as string);
    expect(dead).toHaveLength(1);
    expect(dead[0]).toMatch(/^MR_PATTERN_INVALID /);
    expect(dead[0]).toMatch(message);
    await harness.close();
  }
});

test('versions that only drain are bounded: the oldest is dropped for the hundred-and-first', async () => {
  const harness = await ChainHarness.open<Both>({
    parallelism: 1,
    operators: (input) => input.keyBy(keyOf).dynamicPatterns(rulesOf(input)).select(textOf).onError('skip'),
  });
  const pattern = (least: number): PatternJson => ({
    steps: [
      { name: 'a', where: { field: 'price', op: '>', value: least } },
      { name: 'b', where: { field: 'price', op: '<', value: 0 } },
    ],
  });
  for (let version = 1; version <= 103; version++) {
    harness.send([{ value: { rule: 'r', version, pattern: pattern(version) }, atMs: version * 10 }]);
    harness.send([{ value: { symbol: 'x', price: version + 1 }, atMs: version * 10 + 1 }]);
    harness.watermark(version * 10 + 5);
  }
  harness.send([{ value: { symbol: 'x', price: -1 }, atMs: 2_000 }]);
  harness.watermark(2_000);
  const versions = harness.emitted.map(({ record: text }) => Number((text as string).split(' ')[1]));
  expect(versions.sort((a, b) => a - b)).toEqual(Array.from({ length: 101 }, (_, index) => index + 3));
  await harness.close();
});

test('a match of a version that drains ends behind a snapshot, too', async () => {
  const harness = await ChainHarness.open<Both>({
    parallelism: 1,
    operators: (input) => input.keyBy(keyOf).dynamicPatterns(rulesOf(input)).select(textOf).onError('skip'),
  });
  const pattern = (least: number): PatternJson => ({
    steps: [
      { name: 'a', where: { field: 'price', op: '>', value: least } },
      { name: 'b', where: { field: 'price', op: '<', value: 0 } },
    ],
  });
  harness.send([{ value: { rule: 'r', version: 1, pattern: pattern(1) }, atMs: 10 }]);
  harness.send([{ value: { symbol: 'x', price: 2 }, atMs: 11 }]);
  harness.send([{ value: { rule: 'r', version: 2, pattern: pattern(100) }, atMs: 20 }]);
  harness.watermark(20);
  await harness.snapshot(1);
  harness.send([{ value: { symbol: 'x', price: -1 }, atMs: 30 }]);
  harness.watermark(30);
  expect(harness.emitted.map(({ record: text }) => text)).toEqual(['r 1 x 2,-1']);
  await harness.close();
});

test('a rule counts from its own event time on, however early it comes', async () => {
  const any: PatternJson = { steps: [{ name: 'a', where: { field: 'price', op: '>', value: 0 } }] };
  await verifyOperator<Both>((input) =>
    input.keyBy(keyOf).dynamicPatterns(rulesOf(input)).select(textOf).onError('skip'),
  )
    .input(
      rule({ rule: 'r', pattern: any }, 5),
      rule({ rule: 'r', version: 9, pattern: any }, 7),
      rule({ rule: 'r', pattern: null }, 8),
      tick('x', 4, 4),
      tick('x', 5, 5),
      tick('x', 6, 6),
      tick('x', 7, 7),
      tick('x', 8, 8),
      watermark(9),
      endOfInput,
    )
    .expect(record('r 1 x 5'), record('r 1 x 6'), record('r 9 x 7'), watermark(9), endOfInput)
    .survivesRestoreAtEveryStep(everyWay);
});
