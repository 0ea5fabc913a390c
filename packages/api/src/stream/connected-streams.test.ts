import { isMillraceError } from '@millrace/common';
import { describe, expect, expectTypeOf, test } from 'vitest';
import { describeStreamGraph } from '../graph/describe-stream-graph.ts';
import { defineJob } from '../job/define-job.ts';
import type { StreamEnvironment } from '../job/stream-environment.ts';
import { fromArray } from '../source/from-array.ts';
import { listState, mapState, valueState } from '../state/keyed-state.ts';
import type { ReadonlyMapState } from '../state/operator-state.ts';
import type { DataStream } from './data-stream.ts';

interface Click {
  readonly user: string;
  readonly page: string;
}
interface Rule {
  readonly page: string;
  readonly points: number;
}

const plan = (build: (clicks: DataStream<Click>, rules: DataStream<Rule>) => void) =>
  defineJob('connected', (env: StreamEnvironment) => {
    build(env.source(fromArray<Click>([])), env.source(fromArray<Rule>([]), { name: 'rules' }));
  }).plan({ args: [], params: {}, environment: {}, baseDirectory: '/' });

/** Code and message of the error. */
function refusal(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (isMillraceError(error)) return `${error.code}: ${error.message}`;
    throw error;
  }
  return 'nothing was refused';
}

describe('connect', () => {
  test('gives an operator with two inputs, keyed by the keys of each, and names its states', () => {
    const graph = plan((clicks, rules) => {
      clicks
        .keyBy(({ page }) => page)
        .connect(rules.keyBy(({ page }) => page))
        .process({ state: { points: valueState<number>() }, onFirst: () => [1], onSecond: () => ['x'] })
        .print();
      clicks
        .connect(rules.broadcast({ rules: mapState<string, Rule>() }))
        .process({ onRecord: () => [1], onBroadcast: () => [] })
        .print();
    });
    const [keyed, , broadcast] = describeStreamGraph(graph).nodes.slice(2);
    expect(keyed).toMatchObject({
      kind: 'coProcess',
      inputs: [
        { from: 0, partitioning: 'hash' },
        { from: 1, partitioning: 'hash' },
      ],
      state: [{ name: 'points', kind: 'value' }],
      options: { isKeyed: true },
    });
    expect(broadcast).toMatchObject({
      inputs: [
        { from: 0, partitioning: 'forward' },
        { from: 1, partitioning: 'broadcast' },
      ],
      state: [{ name: 'rules', kind: 'broadcast' }],
    });
  });

  test('infers what comes out, and lets functions of records only read broadcast state', () => {
    plan((clicks, rules) => {
      const both = clicks.connect(rules).map(
        ({ page }) => page,
        ({ points }) => points,
      );
      expectTypeOf(both).toEqualTypeOf<DataStream<string | number>>();
      const scored = clicks
        .keyBy(({ user }) => user)
        .connect(rules.broadcast({ rules: mapState<string, Rule>() }))
        .process({
          state: { score: valueState({ initial: 0 }) },
          onRecord(click, ctx) {
            expectTypeOf(ctx.broadcast.rules).toEqualTypeOf<ReadonlyMapState<string, Rule>>();
            expectTypeOf(ctx.key).toEqualTypeOf<string>();
            // @ts-expect-error: it may only be read here
            ctx.broadcast.rules.put?.('a', { page: 'a', points: 1 });
            return [click.page];
          },
          onBroadcast(rule, ctx) {
            ctx.broadcast.rules.put(rule.page, rule);
            // @ts-expect-error: a broadcast record has no key
            void ctx.state;
          },
          onTimer: () => [true],
        });
      expectTypeOf(scored).toEqualTypeOf<DataStream<string | boolean>>();
      // @ts-expect-error: keyed and not keyed do not go together
      expect(() => clicks.keyBy(({ user }) => user).connect(rules)).toThrow('Cannot connect a keyed stream');
      both.print();
    });
  });

  test('refuses what cannot be connected or kept, when the graph is built', () => {
    plan((clicks, rules) => {
      const keyed = clicks.keyBy(({ user }) => user);
      const process = { onRecord: () => [], onBroadcast: () => [] };
      const refusals = [
        () => clicks.connect(rules.keyBy(({ page }) => page) as never),
        () => keyed.connect(rules as never),
        () => clicks.connect(rules.broadcast({ seen: listState<string>() })).process(process),
        () => clicks.connect(rules.broadcast({})).process(process),
        () => clicks.connect(rules).process({ onFirst: () => [] } as never),
        () => clicks.connect(rules).process({ ...process, onFirst: () => [], onSecond: () => [] } as never),
        () => clicks.connect(rules).map((async () => 1) as never, () => 2),
        () => clicks.map({ open: () => undefined } as never),
        () => clicks.map({ map: () => 1, opne: () => undefined } as never),
      ].map(refusal);
      expect(refusals).toEqual([
        expect.stringContaining('MR_OPTION_INVALID: Cannot connect a stream without a key with an object'),
        expect.stringContaining('MR_OPTION_INVALID: Cannot connect a keyed stream with an object'),
        'MR_OPTION_INVALID: Cannot use the list state "seen" as broadcast state: write mapState()',
        expect.stringContaining('MR_OPTION_INVALID: Cannot broadcast without a state'),
        expect.stringContaining('`onSecond` of process() of connected streams: write a function'),
        expect.stringContaining('Unknown option "onRecord" of process() of connected streams'),
        expect.stringContaining('MR_PROMISE_RETURNED'),
        expect.stringContaining('write a function, or an object with `map`'),
        expect.stringContaining('Unknown option "opne" of map()'),
      ]);
      clicks.print();
    });
  });

  test('forEach with a lifecycle ends a stream', () => {
    const graph = plan((clicks) => clicks.forEach({ forEach: () => undefined }).uid('end'));
    expect(graph.nodes.at(-1)).toMatchObject({ uid: 'end', name: 'forEach', operator: { isEnd: true } });
  });
});
