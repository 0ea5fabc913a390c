// Windows that tell of each record from their slices, against windows one by one with a trigger that fires for each.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { count, countTrigger, eventTimeTrigger, max, sum, tumbling, type DataStream } from '@millrace/api';
import { ChainHarness } from './chain-harness.ts';

interface Reading {
  readonly key: string;
  readonly value: number;
}

const BAD = -1;

const runs = fc.record({
  latenessMs: fc.constantFrom(0, 7),
  failing: fc.boolean(),
  steps: fc.array(
    fc.oneof(
      {
        weight: 4,
        arbitrary: fc.record({
          key: fc.constantFrom('a', 'b'),
          value: fc.constantFrom(0, 0, 1, 2, BAD),
          atMs: fc.integer({ min: -15, max: 40 }),
        }),
      },
      { weight: 1, arbitrary: fc.integer({ min: -10, max: 45 }) },
    ),
    { maxLength: 40 },
  ),
  restoredAt: fc.nat({ max: 40 }),
});

type Run = typeof runs extends fc.Arbitrary<infer Drawn> ? Drawn : never;

const checked = ({ value }: { readonly value: number }): number => {
  if (value === BAD) throw new Error('bad');
  return value;
};

const total = { n: count(({ value }: Reading) => value > 0), total: sum(checked), most: max(checked) };

async function emittedOf(run: Run, isOneByOne: boolean): Promise<readonly unknown[]> {
  const operators = (input: DataStream<Reading>) => {
    const windows = input
      .keyBy(({ key }) => key)
      .window(tumbling(10))
      .allowedLateness(run.latenessMs);
    const triggered = isOneByOne
      ? windows.trigger(eventTimeTrigger({ early: countTrigger(1) })).emit('update')
      : windows.emit('update');
    return triggered.aggregate(total).onError('skip').toStream();
  };
  const options = { operators, parallelism: 1 };
  let harness = await ChainHarness.open<Reading>(options);
  const emitted: unknown[] = [];
  let watermarkMs = -Infinity;
  for (const [index, step] of run.steps.entries()) {
    if (typeof step === 'number') {
      watermarkMs = Math.max(watermarkMs, step);
      harness.watermark(watermarkMs);
    } else if (run.failing || step.value !== BAD) {
      harness.send([{ value: { key: step.key, value: step.value }, atMs: step.atMs }]);
    }
    emitted.push(...harness.emitted.splice(0));
    if (index !== run.restoredAt) continue;
    const restore = await harness.snapshot(1);
    await harness.close();
    harness = await ChainHarness.open<Reading>({
      ...options,
      restore,
      blobStore: harness.blobStore,
      attemptNumber: 2,
    });
  }
  await harness.close();
  return emitted;
}

test('updates of tumbling windows are those of a trigger that fires for each record, late and failing ones included', async () => {
  await fc.assert(
    fc.asyncProperty(runs, async (run) => {
      expect(await emittedOf(run, false)).toEqual(await emittedOf(run, true));
    }),
    { numRuns: 60 },
  );
});
