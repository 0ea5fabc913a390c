// Timers and windows that fire for more keys than fit into memory stop for relief.
import { expect, test } from 'vitest';
import { mapState, sliding, type, valueState } from '@millrace/api';
import type { OperatorChain } from '@millrace/runtime';
import { ChainHarness } from './chain-harness.ts';
import type { OperatorsUnderTest } from './harness-options.ts';

const KEY_COUNT = 20_000;
/** Rows that come into memory between two looks of the task at the need for relief: the overdraft, and the cache. */
const FIRED_PER_RELIEF_MAX = 6_000;

async function fired(operators: OperatorsUnderTest<number>): Promise<{
  readonly total: number;
  readonly mostAtOnce: number;
}> {
  const harness = await ChainHarness.open<number>({ operators, parallelism: 1, cacheEntriesMax: 100 });
  const chain = harness.chains[0] as OperatorChain;
  for (let from = 0; from < KEY_COUNT; from += 1000) {
    harness.send(
      Array.from({ length: 1000 }, (_, index) => ({ value: from + index, atMs: (index % 2) * 5 })),
    );
    await relieve(chain);
  }
  // The window of one slice only: what its cursor brings into memory leaves again by itself.
  harness.watermark(4);
  await relieve(chain);
  let mostAtOnce = 0;
  let before = harness.emitted.length;
  for (let isDone = chain.advanceWatermark(9); ; isDone = chain.resume()) {
    mostAtOnce = Math.max(mostAtOnce, harness.emitted.length - before);
    before = harness.emitted.length;
    if (isDone) break;
    await relieve(chain);
  }
  const total = harness.emitted.length;
  await harness.close();
  return { total, mostAtOnce };
}

async function relieve(chain: OperatorChain): Promise<void> {
  while (chain.needsRelief) await chain.relieve();
}

test('timers that are due at one watermark', async () => {
  const { total, mostAtOnce } = await fired((input) =>
    input
      .keyBy((n) => n)
      .process({
        state: { seen: valueState<number>() },
        onRecord: (n: number, context) => {
          context.state.seen.update(n);
          context.timers.registerEventTime(9);
        },
        onTimer: (_timer, context) => {
          context.emit(context.state.seen.value());
        },
      }),
  );
  expect(total).toBe(KEY_COUNT);
  expect(mostAtOnce).toBeLessThan(FIRED_PER_RELIEF_MAX);
});

test('windows of several slices', async () => {
  const { total, mostAtOnce } = await fired((input) =>
    input
      .keyBy((n) => n % (KEY_COUNT / 2 - 1))
      .window(sliding(10, 5))
      .process((_key, records) => [[...records].length]),
  );
  expect(total).toBe(2 * (KEY_COUNT / 2 - 1));
  expect(mostAtOnce).toBeLessThan(FIRED_PER_RELIEF_MAX);
});

test('a function that is applied to all keys', async () => {
  interface Element {
    readonly key: number;
    readonly isRule?: boolean;
  }
  const operators: OperatorsUnderTest<Element> = (input) =>
    input
      .keyBy(({ key }) => key)
      .connect(input.broadcast({ rules: mapState<string, number>() }))
      .process({
        state: { seen: valueState<number>() },
        emits: type<number>(),
        onRecord: ({ key, isRule }, { state }) => {
          if (isRule !== true) state.seen.update(key);
        },
        onBroadcast: ({ isRule }, ctx) => {
          if (isRule !== true) return;
          ctx.applyToKeyedState('seen', (key, seen) => {
            seen.update(-key);
            ctx.emit(key);
          });
        },
      });
  const harness = await ChainHarness.open<Element>({ operators, parallelism: 1, cacheEntriesMax: 100 });
  const chain = harness.chains[0] as OperatorChain;
  for (let from = 0; from < KEY_COUNT; from += 1000) {
    harness.send(Array.from({ length: 1000 }, (_, index) => ({ value: { key: from + index } })));
    await relieve(chain);
  }
  harness.send([{ value: { key: -1, isRule: true } }]);
  expect(harness.emitted.map(({ record }) => record as number).toSorted((a, b) => a - b)).toEqual(
    Array.from({ length: KEY_COUNT }, (_, key) => key),
  );
  await harness.close();
});
