import { hashKey, silentLogger } from '@millrace/common';
import { expect, test } from 'vitest';
import { MemoryBlobStore } from '../conformance/memory-blob-store.testing.ts';
import { openKeyedStateBackend } from './open-keyed-state-backend.ts';

const open = (restore?: NonNullable<Parameters<typeof openKeyedStateBackend>[0]['restore']>) =>
  openKeyedStateBackend({
    keyGroupCount: 720,
    keyGroupRange: { firstKeyGroup: 0, lastKeyGroup: 719 },
    cacheEntriesMax: 1_000,
    openStore: () => Promise.reject(new Error('nothing leaves memory here')),
    codegenId: 'test',
    log: silentLogger,
    ...(restore === undefined ? {} : { restore }),
  });

test.each([
  ['event', 'seen'],
  ['seen', 'event'],
  ['processing', 'event'],
])('a state "%s" is called "%s" now, and timers stay what they are', async (before, now) => {
  const backend = await open();
  backend.setCurrentKey('k', hashKey('k'));
  backend.valueState(before).update(7);
  backend.timers.register('event', 5);
  backend.timers.register('processing', 6);
  const blobStore = new MemoryBlobStore();
  const { files } = await backend.freeze(1).write(blobStore, 'a-');
  await backend.close();
  const restored = await open({ files, blobStore, renamed: new Map([[before, now]]) });
  restored.setCurrentKey('k', hashKey('k'));
  expect(restored.valueState(now).value()).toBe(7);
  expect([restored.timers.earliest('event'), restored.timers.earliest('processing')]).toEqual([5, 6]);
  await restored.close();
});
