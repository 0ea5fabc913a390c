// Sliding windows and timers in both time domains, with another parallelism before every event, against a run that is never rescaled.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { count, mapState, sliding, sum, valueState, type DataStream } from '@millrace/api';
import { ChainHarness } from './chain-harness.ts';
import type { EmittedRecord } from './harness-options.ts';

interface Reading {
  readonly key: number;
  readonly value: number;
}

type Step =
  | {
      readonly kind: 'records';
      readonly records: readonly { readonly value: Reading; readonly atMs: number }[];
    }
  | { readonly kind: 'watermark'; readonly byMs: number }
  | { readonly kind: 'clock'; readonly byMs: number };

const operators = (input: DataStream<Reading>) => ({
  windows: input
    .keyBy(({ key }) => key)
    .window(sliding(30, 10))
    .aggregate({ n: count(), total: sum(({ value }) => value) }),
  timers: input
    .keyBy(({ key }) => key)
    .process({
      state: { seen: valueState({ initial: 0 }), values: mapState<number, number>() },
      onRecord({ value }, ctx) {
        const { state, timers, timestamp } = ctx;
        state.seen.update(state.seen.value() + 1);
        state.values.put(value, (state.values.get(value) ?? 0) + 1);
        timers.registerEventTime(timestamp + 5 + value);
        if (value % 3 === 0) timers.registerProcessingTime(ctx.now() + 20);
        if (value % 5 === 0) timers.deleteEventTime(timestamp + 4 + value);
      },
      onTimer({ timestamp, domain }, { state, key }) {
        return [
          {
            key,
            timestamp,
            domain,
            seen: state.seen.value(),
            values: [...state.values.keys()].sort((a, b) => a - b),
          },
        ];
      },
    }),
});

/** The whole output as texts in one order. `parallelismOf` says how parallel the operators are from before step n on. */
async function outputOf(steps: readonly Step[], parallelismOf: (step: number) => number): Promise<string[]> {
  let harness = await ChainHarness.open({ operators, parallelism: parallelismOf(0) });
  const emitted: EmittedRecord[] = [];
  let watermarkMs = 0;
  let nowMs = 0;
  let parallelism = parallelismOf(0);
  for (const [index, step] of steps.entries()) {
    const next = parallelismOf(index);
    if (next !== parallelism) {
      const restore = await harness.snapshot(index + 1);
      emitted.push(...harness.emitted.splice(0));
      await harness.close();
      const { blobStore } = harness;
      harness = await ChainHarness.open({
        operators,
        parallelism: next,
        restore,
        blobStore,
        attemptNumber: index + 2,
      });
      parallelism = next;
    }
    if (step.kind === 'records')
      harness.send(step.records.map(({ value, atMs }) => ({ value, atMs: watermarkMs + atMs })));
    else if (step.kind === 'watermark') harness.watermark((watermarkMs += step.byMs));
    else harness.processingTime((nowMs += step.byMs));
  }
  harness.endInput();
  emitted.push(...harness.emitted);
  await harness.close();
  return emitted.map((each) => JSON.stringify(each)).sort();
}

const reading = fc.record({
  value: fc.record({ key: fc.integer({ min: 0, max: 5 }), value: fc.integer({ min: 0, max: 20 }) }),
  atMs: fc.integer({ min: 1, max: 40 }),
});
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('records' as const),
      records: fc.array(reading, { minLength: 1, maxLength: 4 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('watermark' as const), byMs: fc.integer({ min: 1, max: 25 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('clock' as const), byMs: fc.integer({ min: 1, max: 30 }) }),
  },
);

test('sliding windows and timers that are rescaled at every step give what they give unrescaled', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 1, maxLength: 10 }),
      fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 10, maxLength: 10 }),
      async (steps, parallelism) => {
        const wanted = await outputOf(steps, () => 1);
        expect(await outputOf(steps, (index) => parallelism[index] ?? 1)).toEqual(wanted);
      },
    ),
    { numRuns: 30 },
  );
});

test('few keys in many key groups are found again at every parallelism from 1 to 16 (failure 46)', async () => {
  const steps: Step[] = Array.from({ length: 16 }, (_, index) =>
    index % 4 === 3
      ? { kind: 'watermark', byMs: 10 }
      : { kind: 'records', records: [{ value: { key: index % 3, value: index }, atMs: 1 + (index % 7) }] },
  );
  expect(await outputOf(steps, (index) => index + 1)).toEqual(await outputOf(steps, () => 1));
});

test('lines that are printed after a change of parallelism have numbers that no attempt before can have given', async () => {
  const lines = (input: DataStream<number>): void => void input.print();
  let harness = await ChainHarness.open({ operators: lines, parallelism: 3 });
  const generations: number[][] = [];
  for (const [index, parallelism] of [2, 3, 3, 3].entries()) {
    harness.send([1, 2, 3, 4, 5, 6].map((value) => ({ value })));
    generations.push(harness.printed.splice(0).map(({ sequence }) => Math.floor(sequence / 2 ** 32)));
    const restore = await harness.snapshot(index + 1);
    await harness.close();
    const { blobStore } = harness;
    harness = await ChainHarness.open({
      operators: lines,
      parallelism,
      restore,
      blobStore,
      attemptNumber: index + 2,
    });
  }
  await harness.close();
  expect(generations.map((numbers) => [...new Set(numbers)])).toEqual([[0], [2], [3], [3]]);
});
