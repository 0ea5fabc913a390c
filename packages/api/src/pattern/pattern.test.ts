// Patterns that are refused, and how others are described.
import { describe, expect, test } from 'vitest';
import { defineJob, fromArray, outputTag } from '../index.ts';
import { describeStreamGraph } from '../graph/describe-stream-graph.ts';
import type { StreamEnvironment } from '../job/stream-environment.ts';
import { skipPastLastEvent, skipToFirst } from './after-match.ts';
import { begin, patternSpec } from './pattern.ts';

interface Tick {
  readonly price: number;
}

const start = () => begin('a', ({ price }: Tick) => price > 0);
const loose = (pattern: unknown) => pattern as { readonly [method: string]: (...args: unknown[]) => unknown };
const invalid = (message: RegExp) =>
  expect.objectContaining({
    code: 'MR_PATTERN_INVALID',
    message: expect.stringMatching(message) as string,
  }) as Error;

describe('a pattern is refused', () => {
  const refused: readonly (readonly [string, () => unknown, RegExp])[] = [
    ['with two quantifiers', () => start().oneOrMore().times(2), /a quantifier already/],
    ['with a negative number of times', () => start().times(-1), /integers from 1/],
    ['with a range that ends before it starts', () => start().times(3, 2), /from 3 to 2/],
    ['with a range from 0 to 0', () => start().times(0, 0), /not 0 twice/],
    ['with a quantifier on a not-step', () => loose(start().notNext('n'))['oneOrMore']?.(), /takes no event/],
    ['with an optional not-step', () => loose(start().notFollowedBy('n'))['optional']?.(), /takes no event/],
    ['with a not-step behind an optional one', () => start().optional().notNext('n'), /two patterns/],
    ['with a greedy step that is taken once', () => start().greedy(), /taken once/],
    [
      'with a greedy step that allows combinations',
      () => start().oneOrMore().allowCombinations().greedy(),
      /combinations/,
    ],
    ['with a greedy group', () => begin(start()).times(2).greedy(), /group greedy/],
    [
      'with an optional step behind a greedy one',
      () => start().oneOrMore().greedy().next('b').optional(),
      /is greedy/,
    ],
    ['with consecutive() twice', () => start().oneOrMore().consecutive().allowCombinations(), /already/],
    [
      'with until() on a step without a loop',
      () =>
        start()
          .times(2)
          .until(() => true),
      /ends a loop/,
    ],
    [
      'with until() twice',
      () =>
        start()
          .oneOrMore()
          .until(() => true)
          .until(() => true),
      /twice/,
    ],
    ['with optional() twice', () => start().optional().optional(), /already/],
    ['with a condition on a group', () => begin(start()).where(() => true), /group/],
    [
      'with a group that ends in notFollowedBy, and a step behind it',
      () => patternSpec(begin(start().notFollowedBy('b')).next('c').within(5)),
      /end a group/,
    ],
    [
      'with a group that ends in notFollowedBy, and is repeated',
      () => patternSpec(begin(start().notFollowedBy('b')).times(2).within(5)),
      /end a group/,
    ],
    [
      'with a group whose end waits for ever',
      () => patternSpec(begin(start().notFollowedBy('b'))),
      /add \.within/,
    ],
    [
      'with a group that has a skip strategy',
      () => begin(start().afterMatch(skipPastLastEvent())),
      /whole pattern/,
    ],
    ['with a step without a name', () => loose(start())['next']?.(''), /call a step/],
    ['with a name that an object cannot have', () => loose(start())['next']?.('__proto__'), /call a step/],
    [
      'with a name that is used in a group too',
      () => patternSpec(loose(start())['next']?.(start())),
      /two steps "a"/,
    ],
    ['with an end that waits for ever', () => patternSpec(start().notFollowedBy('b')), /add \.within/],
    [
      'with a skip to a not-step',
      () => patternSpec(loose(start().notNext('b').next('c'))['afterMatch']?.(skipToFirst('b'))),
      /in no match/,
    ],
    [
      'with a limit of a step that is longer than the whole',
      () => patternSpec(start().within(5).next('b').within(6, 'previousAndCurrent')),
      /within 5 ms/,
    ],
    [
      'with more states than are possible',
      () => patternSpec(begin(begin(start().times(900)).times(900)).times(900)),
      /states/,
    ],
    ['that is none', () => patternSpec({ steps: [] }), /begin\('first'/],
  ];
  test.each(refused)('%s', (_what, build, message) => {
    expect(build).toThrow(invalid(message));
  });

  test('with a limit that is no duration, an unknown kind of limit, or an asynchronous condition', () => {
    expect(() => start().within('soon' as never)).toThrow(
      expect.objectContaining({ code: 'MR_OPTION_INVALID' }) as Error,
    );
    expect(() => start().within(5, 'lastAndFirst' as never)).toThrow(invalid(/previousAndCurrent/));
    expect(() => start().where((async () => true) as never)).toThrow(
      expect.objectContaining({ code: 'MR_PROMISE_RETURNED' }) as Error,
    );
  });
});

test('limits that mean nothing where they stand may be longer than the whole', () => {
  const patterns = [
    start().times(1, { within: 9 }).next('b').within(5),
    start().next('b').times(2).within(9, 'previousAndCurrent').within(5),
    start().notFollowedBy('n').within(9, 'previousAndCurrent').next('b').within(5),
    begin(start().notFollowedBy('n')).within(5),
  ];
  for (const pattern of patterns) expect(() => patternSpec(pattern)).not.toThrow();
});

const plan = (build: (env: StreamEnvironment) => void) =>
  defineJob('patterns', build).plan({ args: [], params: {}, environment: {}, baseDirectory: '/' });

test('a pattern by event time needs watermarks, and one by processing time has no late events', () => {
  expect(() =>
    plan((env) => void env.source(fromArray<Tick>([])).pattern(start()).matches().print()),
  ).toThrow(
    expect.objectContaining({
      code: 'MR_GRAPH_INVALID',
      message: expect.stringMatching(/no watermarks/) as string,
    }) as Error,
  );
  expect(() =>
    plan((env) => {
      env
        .source(fromArray<Tick>([]))
        .pattern(start(), { time: 'processing' })
        .sideOutputLateData(outputTag('late'));
    }),
  ).toThrow(/no event is late/);
});

test('info shows the steps and limits of a pattern, and no function', () => {
  const graph = plan((env) => {
    env
      .source(fromArray<Tick>([]))
      .pattern(
        start()
          .notFollowedBy('n')
          .followedByAny(
            begin('b', ({ price }: Tick) => price > 1)
              .timesOrMore(2)
              .consecutive()
              .next('c'),
          )
          .times(1, 3)
          .next('d')
          .within('1 minute')
          .within(500, 'previousAndCurrent')
          .afterMatch(skipToFirst('b')),
        { time: 'processing' },
      )
      .matches()
      .print();
  });
  const node = describeStreamGraph(graph).nodes.find(({ kind }) => kind === 'pattern');
  expect(node?.options).toEqual({
    time: 'processing',
    isKeyed: false,
    pattern:
      'begin(a).notFollowedBy(n).followedByAny(begin(b).timesOrMore(2).consecutive().next(c)).times(1, 3).next(d)',
    withinMs: 60_000,
    stepLimits: 'd: 500 ms since the event before',
    afterMatch: 'skipToFirst(b)',
    partialMatchesMax: 100_000,
  });
  expect(node?.parallelism).toBe(1);
});
