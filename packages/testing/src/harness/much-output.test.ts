// Operators that emit more than there is credit for stop and go on: nothing is lost, repeated or out of order.
import { describe, expect, test } from 'vitest';
import { count, sliding, tumbling } from '@millrace/api';
import { ChainHarness } from './chain-harness.ts';
import type { OperatorsUnderTest } from './harness-options.ts';

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

async function emittedBy(
  operators: OperatorsUnderTest<number>,
  drive: (harness: ChainHarness<number>) => void,
): Promise<readonly unknown[]> {
  const harness = await ChainHarness.open({
    operators,
    parallelism: 1,
    refusesCredit: true,
    freezesRecords: true,
  });
  drive(harness);
  const emitted = harness.emitted.map(({ record }) => record);
  await harness.snapshot(1);
  await harness.close();
  return emitted;
}

describe('Much output without credit', () => {
  test('of flatMaps behind each other, in one batch', async () => {
    const emitted = await emittedBy(
      (input) =>
        input
          .flatMap(function* (n) {
            for (let index = 0; index < 700; index++) yield n * 700 + index;
          })
          .flatMap((n) => upTo(n % 100 === 0 ? 1500 : 2).map((index) => `${n}.${index}`))
          .map((text) => text),
      (harness) => harness.send([{ value: 0 }, { value: 1 }, { value: 2 }]),
    );
    expect(emitted).toEqual(
      upTo(2100).flatMap((n) => upTo(n % 100 === 0 ? 1500 : 2).map((index) => `${n}.${index}`)),
    );
  });

  test('of short arrays behind one that stopped: they wait for what is left of it', async () => {
    const emitted = await emittedBy(
      (input) =>
        input
          .flatMap((n) => upTo(3).map((index) => n * 3 + index))
          .flatMap((n) => upTo(n === 0 ? 1500 : 2).map((index) => `${n}.${index}`)),
      (harness) => harness.send([{ value: 0 }, { value: 1 }]),
    );
    expect(emitted).toEqual(upTo(6).flatMap((n) => upTo(n === 0 ? 1500 : 2).map((index) => `${n}.${index}`)));
  });

  test('of a process function: its results come before those of its timers that are past due', async () => {
    const emitted = await emittedBy(
      (input) =>
        input
          .keyBy((n) => n % 2)
          .process({
            state: {},
            onRecord: (n: number, context) => {
              context.timers.registerEventTime(-1);
              return upTo(3000).map((index) => `${n} record ${index}`);
            },
            onTimer: () => upTo(2000).map((index) => `timer ${index}`),
          }),
      (harness) => {
        harness.watermark(0);
        harness.send([{ value: 0 }, { value: 1 }]);
      },
    );
    const expected = [0, 1].flatMap((n) => [
      ...upTo(3000).map((index) => `${n} record ${index}`),
      ...upTo(2000).map((index) => `timer ${index}`),
    ]);
    expect(emitted).toEqual(expected);
  });

  test('of window functions', async () => {
    const emitted = await emittedBy(
      (input) =>
        input
          .keyBy((n) => n)
          .window(tumbling(10))
          .process((key) => upTo(500).map((index) => `${key}.${index}`)),
      (harness) => {
        harness.send(upTo(20).map((value) => ({ value, atMs: 1 })));
        harness.watermark(9);
      },
    );
    expect(emitted.map(String).sort()).toEqual(
      upTo(20)
        .flatMap((key) => upTo(500).map((index) => `${key}.${index}`))
        .sort(),
    );
  });

  test('of windows that fire again for late records', async () => {
    const emitted = await emittedBy(
      (input) =>
        input
          .keyBy((n) => n)
          .window(sliding(10, 1))
          .allowedLateness(1_000)
          .aggregate({ n: count() }),
      (harness) => {
        harness.watermark(500);
        harness.send(upTo(300).map((value) => ({ value, atMs: 100 })));
        harness.watermark(501);
      },
    );
    const expected = upTo(300).flatMap((key) =>
      upTo(10).map((index) => ({ key, windowStart: 91 + index, windowEnd: 101 + index, n: 1 })),
    );
    const texts = (results: readonly unknown[]): string[] =>
      results.map((result) => JSON.stringify(result)).sort();
    expect(texts(emitted)).toEqual(texts(expected));
  });
});
