import { hashKey, silentLogger } from '@millrace/common';
import { openKeyedStateBackend } from '@millrace/state';
import { expect, test } from 'vitest';
import { reduceLayout } from '../aggregate/aggregate-layout.ts';
import { MergedWindow } from './merged-window.ts';

const KEYS = 10;
const SLICES_PER_WINDOW = 8;
const ACCUMULATORS_MAX = 20;

test('MergedWindow gives what the slices come to, in their order, also for keys without room for their stacks', async () => {
  const backend = await openKeyedStateBackend({
    keyGroupCount: 1,
    keyGroupRange: { firstKeyGroup: 0, lastKeyGroup: 0 },
    cacheEntriesMax: 10_000,
    openStore: () => Promise.reject(new Error('everything is in memory')),
    codegenId: 'merged window',
    log: silentLogger,
  });
  const table = backend.table({ name: 'slices', columns: ['value'], hasNamespaces: true });
  const fired: [key: number, contents: unknown][] = [];
  const window = new MergedWindow(
    table,
    reduceLayout((a: string, b: string) => a + b),
    {
      codegenId: 'merged window',
      fireAccumulator: () => (accumulator, key) => fired.push([key as number, accumulator[0]]),
    },
    ACCUMULATORS_MAX,
  );
  const has = (key: number, slice: number): boolean => slice < SLICES_PER_WINDOW || (key + slice) % 3 !== 0;
  for (let slice = 1; slice <= 40; slice++) {
    for (let key = 0; key < KEYS; key++) {
      if (!has(key, slice)) continue;
      const row = table.upsert(key, hashKey(key), slice);
      (table.columns[0] as unknown[])[row] = `${slice} `;
    }
    if (slice < SLICES_PER_WINDOW) continue;
    const slices = Array.from({ length: SLICES_PER_WINDOW }, (_, index) => slice - 7 + index);
    fired.length = 0;
    expect(window.moveTo(slices)).toBe(true);
    const bounds = { startMs: slice - SLICES_PER_WINDOW, endMs: slice, timestampMs: slice - 1 };
    for (let from = 0; from >= 0;) from = window.fireFrom(from, bounds);
    expect(fired.toSorted(([a], [b]) => a - b)).toEqual(
      Array.from({ length: KEYS }, (_, key) => [
        key,
        slices.flatMap((each) => (has(key, each) ? [`${each} `] : [])).join(''),
      ]),
    );
    expect(window.accumulatorCount).toBeLessThanOrEqual(ACCUMULATORS_MAX + KEYS);
    window.dropSlice(slices[0] as number);
    table.removeNamespace(slices[0] as number);
  }
  await backend.close();
});
