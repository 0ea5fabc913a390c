import fc from 'fast-check';
import { test } from 'vitest';
import { MemoryKeyValueStore } from '../adapter/memory-key-value-store.ts';
import { ModelRun, OPERATION_KINDS, operationOf } from './model-run.testing.ts';

const operations = fc.array(
  fc
    .tuple(fc.constantFrom(...OPERATION_KINDS), fc.nat(1000), fc.nat(1000), fc.integer({ min: 1, max: 200 }))
    .map(([kind, a, b, n]) => operationOf(kind, a, b, n)),
  { maxLength: 150, size: 'max' },
);

const CACHE_LENGTHS = [1, 2, 20, 1000] as const;

test.each(CACHE_LENGTHS)(
  'A backend with a cache of %i entries does what plain Maps do, over a store in memory',
  async (cacheEntriesMax) => {
    const openStore = () => Promise.resolve(new MemoryKeyValueStore());
    await fc.assert(
      fc.asyncProperty(operations, (list) => new ModelRun({ openStore, cacheEntriesMax }).run(list)),
      { numRuns: 60 },
    );
  },
  60_000,
);

const noStore = () => Promise.reject(new Error('nothing leaves memory here'));

test('A backend that keeps all in memory does what plain Maps do, through checkpoints, aborts and rescaling restores', async () => {
  await fc.assert(
    fc.asyncProperty(operations, async (list) => {
      await new ModelRun({ openStore: noStore, cacheEntriesMax: 1_000_000 }).run(list);
    }),
    { numRuns: 60 },
  );
}, 60_000);
