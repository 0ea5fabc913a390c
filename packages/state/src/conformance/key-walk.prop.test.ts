// A walk visits each key that had something in a state once, wherever its rows are, whatever is changed and leaves memory meanwhile.
import fc from 'fast-check';
import { hashKey, silentLogger } from '@millrace/common';
import { describe, expect, test } from 'vitest';
import { MemoryKeyValueStore } from '../adapter/memory-key-value-store.ts';
import { openKeyedStateBackend } from '../backend/open-keyed-state-backend.ts';
import type { KeyedStateBackend, KeyWalk, UserStateKind } from '../keyed-state-backend.ts';
import { MemoryBlobStore } from './memory-blob-store.testing.ts';

type Restore = Parameters<typeof openKeyedStateBackend>[0]['restore'];

function open(cacheEntriesMax: number, spillLogBytesMax: number, restore?: Restore) {
  return openKeyedStateBackend({
    keyGroupCount: 720,
    keyGroupRange: { firstKeyGroup: 0, lastKeyGroup: 719 },
    cacheEntriesMax,
    spillLogBytesMax,
    areKeysWalked: true,
    openStore: () => Promise.resolve(new MemoryKeyValueStore()),
    codegenId: 'test',
    log: silentLogger,
    ...(restore === undefined ? {} : { restore }),
  });
}

/** All that is to leave memory has left it. */
async function evict(backend: KeyedStateBackend): Promise<void> {
  await backend.relieve();
  while (backend.isWriteBehindFull) await backend.relieve();
}

/** Puts something into a state of one key, or takes all of it away. */
function change(backend: KeyedStateBackend, kind: UserStateKind, key: string, isThere: boolean): void {
  backend.setCurrentKey(key, hashKey(key));
  if (kind === 'value') backend.valueState('s').update(isThere ? key : undefined);
  else if (kind === 'list') backend.listState('s').update(isThere ? [key] : []);
  else if (isThere) backend.mapState('s').put('entry', key);
  else backend.mapState('s').clear();
}

function visited(backend: KeyedStateBackend, walk: KeyWalk): string[] {
  const keys: string[] = [];
  while (walk.next()) keys.push(backend.currentKey as string);
  return keys.sort();
}

const operation = fc.record({
  key: fc.integer({ min: 0, max: 300 }).map((n) => `k${n}`),
  isThere: fc.boolean(),
  isEvicting: fc.boolean(),
});

describe.each(['value', 'list', 'map'] as const)('a walk over the keys of a %s state', (kind) => {
  test('visits each once', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(operation, { maxLength: 400 }),
        fc.constantFrom(1, 20, 10_000),
        fc.constantFrom(0, 2_000),
        async (operations, cacheEntriesMax, logBytes) => {
          const backend = await open(cacheEntriesMax, logBytes);
          const there = new Set<string>();
          for (const { key, isThere, isEvicting } of operations) {
            change(backend, kind, key, isThere);
            if (isThere) there.add(key);
            else there.delete(key);
            if (isEvicting) await evict(backend);
          }
          expect(visited(backend, backend.walkKeys(kind, 's'))).toEqual([...there].sort());
          expect(visited(backend, backend.walkKeys(kind, 's'))).toEqual([...there].sort());
          await backend.close();
        },
      ),
      { numRuns: 40 },
    );
  });

  test('visits each once, although states are changed and leave memory between two keys', async () => {
    const backend = await open(10, 1_000);
    const expected: string[] = [];
    for (let index = 0; index < 500; index++) {
      const key = `k${index}`;
      expected.push(key);
      change(backend, kind, key, true);
      if (index % 50 === 0) await evict(backend);
    }
    const walk = backend.walkKeys(kind, 's');
    const keys: string[] = [];
    while (walk.next()) {
      const key = backend.currentKey as string;
      keys.push(key);
      // Away; changed; and a new one, which is not visited.
      if (keys.length % 3 === 0) change(backend, kind, key, false);
      else change(backend, kind, key, true);
      change(backend, kind, `new ${key}`, true);
      if (keys.length % 20 === 0) await evict(backend);
    }
    expect(keys.toSorted()).toEqual(expected.sort());
    const left = keys.filter((_, index) => index % 3 !== 2);
    expect(visited(backend, backend.walkKeys(kind, 's'))).toEqual(
      [...left, ...keys.map((key) => `new ${key}`)].sort(),
    );
    await backend.close();
  });

  test('finds what was restored', async () => {
    const backend = await open(10, 1_000);
    for (let index = 0; index < 200; index++) change(backend, kind, `k${index}`, true);
    const blobStore = new MemoryBlobStore();
    const { files } = await backend.freeze(1).write(blobStore, 'chk-1/');
    await backend.close();
    const restored = await open(10, 1_000, { files, blobStore });
    expect(visited(restored, restored.walkKeys(kind, 's'))).toHaveLength(200);
    await restored.close();
  });
});

test('keys that come and go leave nothing behind that grows with time', async () => {
  const stores: MemoryKeyValueStore[] = [];
  const backend = await openKeyedStateBackend({
    keyGroupCount: 720,
    keyGroupRange: { firstKeyGroup: 0, lastKeyGroup: 719 },
    cacheEntriesMax: 10,
    spillLogBytesMax: 0,
    areKeysWalked: true,
    openStore: async () => {
      stores.push(new MemoryKeyValueStore());
      return stores[0] as MemoryKeyValueStore;
    },
    codegenId: 'test',
    log: silentLogger,
  });
  const entries = async (): Promise<number> => {
    await evict(backend);
    return stores[0]?.entryCount ?? 0;
  };
  let [early, late] = [0, 0];
  for (let round = 0; round < 40; round++) {
    for (let index = 0; index < 300; index++) change(backend, 'value', `${round}/${index}`, true);
    await evict(backend);
    for (let index = 0; index < 300; index++) change(backend, 'value', `${round}/${index}`, false);
    if (round === 5) early = await entries();
    if (round === 39) late = await entries();
  }
  expect(late).toBeLessThanOrEqual(early + 2);
  expect(visited(backend, backend.walkKeys('value', 's'))).toEqual([]);
  await backend.close();
});
