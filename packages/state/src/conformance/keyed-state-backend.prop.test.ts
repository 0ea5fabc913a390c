import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MemoryKeyValueStore } from '../adapter/memory-key-value-store.ts';
import { ModelRun, OPERATION_KINDS, operationOf } from './model-run.testing.ts';

const RUNS = 40;
/** 0: what leaves memory goes to the store soon. */
/** The one in the middle is met by some blocks of a table, and not by others. */
const LEFT_ROW_BYTES_MINS = [0, 12, Infinity];
const LOG_LENGTHS = [0, 2000, 1_000_000] as const;
const CACHE_LENGTHS = [1, 2, 20, 1000] as const;

const operations = fc.array(
  fc
    .tuple(fc.constantFrom(...OPERATION_KINDS), fc.nat(1000), fc.nat(1000), fc.integer({ min: 1, max: 200 }))
    .map(([kind, a, b, n]) => operationOf(kind, a, b, n)),
  { maxLength: 150, size: 'max' },
);

/** A store whose writes and scans take between 1 and 40 microtasks. */
function slowStore(seed: number): Promise<MemoryKeyValueStore> {
  let state = seed;
  const yieldToWorld = async () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    for (let left = 1 + ((state >>> 16) % 40); left > 0; left--) await Promise.resolve();
  };
  return Promise.resolve(new MemoryKeyValueStore({ yieldToWorld }));
}

test.each(CACHE_LENGTHS)(
  'A backend with a cache of %i entries does what plain Maps do, over a store in memory',
  async (cacheEntriesMax) => {
    const property = fc.asyncProperty(operations, fc.nat(), async (list, seed) => {
      const spillLogBytesMax = LOG_LENGTHS[seed % LOG_LENGTHS.length] ?? 0;
      const run = new ModelRun({
        openStore: () => slowStore(seed),
        cacheEntriesMax,
        spillLogBytesMax,
        leftRowBytesMin: LEFT_ROW_BYTES_MINS[seed % LEFT_ROW_BYTES_MINS.length] ?? 0,
        areNumbersWeighed: (seed >>> 4) % 2 === 1,
        hasTextKeys: (seed >>> 5) % 2 === 1,
      });
      expect(await run.run(list)).toBe(list.length);
    });
    await expect(fc.assert(property, { numRuns: RUNS })).resolves.toBeUndefined();
  },
  60_000,
);

test('A backend that keeps all in memory does what plain Maps do, through checkpoints, aborts and rescaling restores', async () => {
  const openStore = () => Promise.reject(new Error('nothing leaves memory here'));
  const property = fc.asyncProperty(
    operations,
    fc.constantFrom(...LEFT_ROW_BYTES_MINS),
    fc.boolean(),
    async (list, leftRowBytesMin, hasTextKeys) => {
      const run = new ModelRun({
        openStore,
        cacheEntriesMax: 1_000_000,
        spillLogBytesMax: 0,
        leftRowBytesMin,
        hasTextKeys,
      });
      expect(await run.run(list)).toBe(list.length);
    },
  );
  await expect(fc.assert(property, { numRuns: RUNS })).resolves.toBeUndefined();
}, 60_000);
