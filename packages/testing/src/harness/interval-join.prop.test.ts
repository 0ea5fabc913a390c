// Interval joins of random streams, out of order within a bound, against all pairs.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { DataStream, JoinType } from '@millrace/api';
import { ChainHarness } from './chain-harness.ts';
import type { SidedValue } from './harness-options.ts';

interface Sent {
  readonly side: 'left' | 'right';
  readonly key: number;
  readonly atMs: number;
  readonly n: number;
}

const BOUND_MS = 4;
const TYPES: readonly JoinType[] = ['inner', 'left', 'right', 'full', 'semi', 'anti'];

const streams = fc.record({
  joinType: fc.constantFrom(...TYPES),
  lower: fc.integer({ min: -8, max: 6 }),
  width: fc.integer({ min: 0, max: 10 }),
  parallelism: fc.constantFrom(1, 3),
  /** Restored after so many records. */
  restoredAt: fc.nat({ max: 40 }),
  records: fc.array(
    fc.record({
      side: fc.constantFrom('left' as const, 'right' as const),
      key: fc.nat({ max: 2 }),
      stepMs: fc.nat({ max: 3 }),
      lateMs: fc.nat({ max: BOUND_MS - 1 }),
    }),
    { maxLength: 40 },
  ),
});

interface Joining {
  readonly joinType: JoinType;
  readonly lower: number;
  readonly upper: number;
}

function joined(lefts: DataStream<Sent>, rights: DataStream<Sent>, of: Joining): DataStream<string> {
  return lefts
    .keyBy(({ key }) => key)
    .intervalJoin(
      rights.keyBy(({ key }) => key),
      {
        lower: of.lower,
        upper: of.upper,
        type: of.joinType,
        select: (left, right) => `${left?.n ?? '-'} ${(right as Sent | undefined)?.n ?? '-'}`,
      },
    );
}

/** What the definition says, whatever the order. */
function expected(records: readonly Sent[], of: Joining): readonly string[] {
  const lefts = records.filter(({ side }) => side === 'left');
  const rights = records.filter(({ side }) => side === 'right');
  const isPair = (left: Sent, right: Sent): boolean =>
    left.key === right.key && right.atMs >= left.atMs + of.lower && right.atMs <= left.atMs + of.upper;
  const { joinType } = of;
  const alone = (these: readonly Sent[], others: readonly Sent[]) =>
    these.filter(
      (one) => !others.some((other) => (one.side === 'left' ? isPair(one, other) : isPair(other, one))),
    );
  if (joinType === 'anti')
    return alone(lefts, rights)
      .map(({ n }) => `${n} -`)
      .sort();
  if (joinType === 'semi') {
    const none = new Set(alone(lefts, rights));
    return lefts
      .filter((left) => !none.has(left))
      .map(({ n }) => `${n} -`)
      .sort();
  }
  return [
    ...lefts.flatMap((left) =>
      rights.filter((right) => isPair(left, right)).map((right) => `${left.n} ${right.n}`),
    ),
    ...(joinType === 'left' || joinType === 'full' ? alone(lefts, rights).map(({ n }) => `${n} -`) : []),
    ...(joinType === 'right' || joinType === 'full' ? alone(rights, lefts).map(({ n }) => `- ${n}`) : []),
  ].sort();
}

test('an interval join gives what all pairs of both streams give, once each, and keeps nothing', async () => {
  await fc.assert(
    fc.asyncProperty(streams, async ({ joinType, lower, width, parallelism, restoredAt, records }) => {
      const upper = lower + width;
      const options = {
        operators: {
          ofTwo: (lefts: never, rights: never) => joined(lefts, rights, { joinType, lower, upper }),
        },
        parallelism,
      };
      let harness = await ChainHarness.open<SidedValue<Sent, Sent>>(options as never);
      const emitted: unknown[] = [];
      const sent: Sent[] = [];
      let nowMs = BOUND_MS;
      for (const [index, { side, key, stepMs, lateMs }] of records.entries()) {
        nowMs += stepMs;
        const value: Sent = { side, key, atMs: nowMs - lateMs, n: index };
        sent.push(value);
        harness.send([{ value: { side, value }, atMs: value.atMs }]);
        harness.watermark(nowMs - BOUND_MS);
        if (index !== restoredAt) continue;
        const restore = await harness.snapshot(1);
        emitted.push(...harness.emitted.map(({ record }) => record));
        await harness.close();
        harness = await ChainHarness.open<SidedValue<Sent, Sent>>({
          ...options,
          parallelism: 4 - parallelism,
          restore,
          blobStore: harness.blobStore,
          attemptNumber: 2,
        } as never);
      }
      harness.endInput();
      emitted.push(...harness.emitted.map(({ record }) => record));
      await harness.snapshot(2);
      const kept = harness.chains.map(({ metrics }) => metrics.stateEntries);
      await harness.close();
      expect((emitted as string[]).sort()).toEqual(expected(sent, { joinType, lower, upper }));
      expect(kept.every((entries) => entries === 0)).toBe(true);
    }),
    { numRuns: 60 },
  );
});
