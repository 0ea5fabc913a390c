// Rules and events are two sources, without an order between them: with event time that decides nothing.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { DataStream, PatternJson, PatternRule } from '@millrace/api';
import { ChainHarness } from './chain-harness.ts';

interface Tick {
  readonly symbol: string;
  readonly price: number;
}
type Both = Tick | PatternRule;

const drop = (share: number): PatternJson => ({
  steps: [
    { name: 'before' },
    {
      name: 'after',
      contiguity: 'next',
      where: {
        field: 'price',
        op: '<',
        than: { of: 'before', take: 'last', field: 'price', times: 1 - share },
      },
    },
  ],
  within: '1 minute',
});

/** The job of docs/guides/patterns.md. */
const RULES = [
  { atMs: 0, value: { rule: 'drop', pattern: drop(0.1) } },
  { atMs: 25, value: { rule: 'drop', pattern: drop(0.5) } },
];
const TICKS = [100, 80, 60, 50, 20].map((price, index) => ({
  atMs: 10 * (index + 1),
  value: { symbol: 'ABC', price },
}));

test('whatever comes first, rules or events, a rule of event time sees the events from its time on', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(fc.boolean(), fc.boolean()), { maxLength: 14 }), async (order) => {
      const harness = await ChainHarness.open<Both>({
        parallelism: 2,
        operators: (input) =>
          input
            .keyBy((each) => ('symbol' in each ? each.symbol : ''))
            .dynamicPatterns(input as DataStream<PatternRule>)
            .select(({ rule, version, match }) => `${rule} v${version} ${(match['after'] as Tick).price}`)
            .onError('skip'),
      });
      const rules = [...RULES];
      const ticks = [...TICKS];
      let watermarkMs = -Infinity;
      const rest = [
        ...order,
        ...Array.from({ length: 7 }, () => [true, true] as const),
        ...TICKS.map(() => [false, true] as const),
      ];
      for (const [isRule, hasWatermark] of rest) {
        const next = (isRule ? rules : ticks).shift();
        if (next !== undefined) harness.send([next]);
        // Of two sources, the least that each still may send; one that has ended holds nothing back.
        const nextMs = Math.min(rules[0]?.atMs ?? Infinity, ticks[0]?.atMs ?? Infinity);
        if (!hasWatermark || nextMs - 1 <= watermarkMs || nextMs === Infinity) continue;
        watermarkMs = nextMs - 1;
        harness.watermark(watermarkMs);
      }
      harness.watermark(Infinity);
      expect(harness.emitted.map(({ record }) => record)).toEqual(['drop v1 80', 'drop v1 60', 'drop v2 20']);
      await harness.close();
    }),
    { numRuns: 60 },
  );
});
