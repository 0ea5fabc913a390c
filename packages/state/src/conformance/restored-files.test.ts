import { hashKey, isMillraceError, keyGroupRange, silentLogger } from '@millrace/common';
import type { KeyedStateFile } from '@millrace/proto';
import { describe, expect, test } from 'vitest';
import { openKeyedStateBackend } from '../backend/open-keyed-state-backend.ts';
import type { KeyedStateBackend, Migration } from '../keyed-state-backend.ts';
import { REBASE_INTERVAL } from '../snapshot/checkpoint-ledger.ts';
import { MemoryBlobStore } from './memory-blob-store.testing.ts';

const KEY_COUNT = 400;
const KEY_GROUP_COUNT = 64;

interface Opened {
  readonly files?: readonly KeyedStateFile[];
  readonly parallelism?: number;
  readonly subtaskIndex?: number;
  readonly leftRowBytesMin?: number;
  readonly cacheEntriesMax?: number;
  readonly migrations?: ReadonlyMap<string, Migration>;
  readonly renamed?: ReadonlyMap<string, string>;
}

function open(
  blobStore: MemoryBlobStore,
  { files = [], parallelism = 1, subtaskIndex = 0, leftRowBytesMin, ...of }: Opened = {},
): Promise<KeyedStateBackend> {
  const { migrations, renamed, cacheEntriesMax = 1_000_000 } = of;
  return openKeyedStateBackend({
    keyGroupCount: KEY_GROUP_COUNT,
    keyGroupRange: keyGroupRange({ keyGroupCount: KEY_GROUP_COUNT, parallelism, subtaskIndex }),
    cacheEntriesMax,
    openStore: () => Promise.reject(new Error('nothing leaves memory here')),
    codegenId: 'test',
    log: silentLogger,
    wholeSnapshotEntriesMax: 0,
    ...(leftRowBytesMin === undefined ? {} : { leftRowBytesMin }),
    ...(files.length === 0
      ? {}
      : {
          restore: {
            files,
            blobStore,
            ...(migrations === undefined ? {} : { migrations }),
            ...(renamed === undefined ? {} : { renamed }),
          },
        }),
  });
}

const textOf = (key: number, version: string): string => `${version} ${key} `.padEnd(300, 'x');

function put(backend: KeyedStateBackend, key: number, version: string, name = 'text'): void {
  backend.setCurrentKey(key, hashKey(key));
  backend.valueState(name).update(textOf(key, version));
}

function get(backend: KeyedStateBackend, key: number, name = 'text'): unknown {
  backend.setCurrentKey(key, hashKey(key));
  return backend.valueState(name).value();
}

async function filled(blobStore: MemoryBlobStore): Promise<readonly KeyedStateFile[]> {
  const backend = await open(blobStore);
  for (let key = 0; key < KEY_COUNT; key++) put(backend, key, 'a');
  const { files } = await backend.freeze(1).write(blobStore, 'chk-1-1/');
  return files;
}

const bytesOf = (files: readonly KeyedStateFile[]): number =>
  files.reduce((sum, { bytes }) => sum + bytes, 0);

describe.each([
  ['read', Infinity],
  ['left', 0],
])('Restored rows that are %s', (_, leftRowBytesMin) => {
  test('are in the first checkpoint by the files restored from, which holds what changed beside them', async () => {
    const blobStore = new MemoryBlobStore();
    const files = await filled(blobStore);
    const backend = await open(blobStore, { files, leftRowBytesMin });
    put(backend, 7, 'b');
    backend.setCurrentKey(8, hashKey(8));
    backend.valueState('text').clear();
    const next = await backend.freeze(2).write(blobStore, 'chk-1-2/');
    expect(next.newBytes).toBeLessThan(bytesOf(files) / 10);
    expect(next.files.some(({ name }) => name.startsWith('chk-1-1/'))).toBe(true);
    const again = await open(blobStore, { files: next.files, leftRowBytesMin });
    expect([7, 8, 9].map((key) => get(again, key))).toEqual([textOf(7, 'b'), undefined, textOf(9, 'a')]);
    expect(again.entryCount).toBe(KEY_COUNT - 1);
  });

  test('of other subtasks are not referred to, whatever the parallelism was', async () => {
    const blobStore = new MemoryBlobStore();
    let files = await filled(blobStore);
    let version = 'a';
    for (const [round, parallelism] of [2, 3, 1, 2].entries()) {
      version = String.fromCodePoint(98 + round);
      const all: KeyedStateFile[] = [];
      for (let subtaskIndex = 0; subtaskIndex < parallelism; subtaskIndex++) {
        const backend = await open(blobStore, { files, parallelism, subtaskIndex, leftRowBytesMin });
        const range = keyGroupRange({ keyGroupCount: KEY_GROUP_COUNT, parallelism, subtaskIndex });
        const isOwn = (key: number) => {
          const group = (hashKey(key) >>> 0) % KEY_GROUP_COUNT;
          return group >= range.firstKeyGroup && group <= range.lastKeyGroup;
        };
        for (let key = 0; key < 10; key++) if (isOwn(key)) put(backend, key, version);
        const id = `${round}-${subtaskIndex}`;
        const written = await backend.freeze(2 + round).write(blobStore, `chk-1-${id}/`);
        for (const { runs } of written.files)
          for (const { keyGroup } of runs)
            expect(keyGroup >= range.firstKeyGroup && keyGroup <= range.lastKeyGroup).toBe(true);
        all.push(...written.files);
        await backend.close();
      }
      files = all;
    }
    const last = await open(blobStore, { files, leftRowBytesMin });
    expect(last.entryCount).toBe(KEY_COUNT);
    expect([0, 9, 10].map((key) => get(last, key))).toEqual([
      textOf(0, version),
      textOf(9, version),
      textOf(10, 'a'),
    ]);
  });

  test('are started over one day, also by attempts that end after two checkpoints', async () => {
    const blobStore = new MemoryBlobStore();
    let files = await filled(blobStore);
    for (let checkpointId = 2; checkpointId < REBASE_INTERVAL * 2 + 6;) {
      const backend = await open(blobStore, { files, leftRowBytesMin });
      const end = checkpointId + 2;
      for (; checkpointId < end; checkpointId++) {
        put(backend, checkpointId % 3, 'b');
        files = (await backend.freeze(checkpointId).write(blobStore, `chk-1-${checkpointId}/`)).files;
        backend.checkpointCompleted(checkpointId);
      }
      await backend.close();
    }
    expect(files.some(({ name }) => name.startsWith('chk-1-1/'))).toBe(false);
    expect(files.length).toBeLessThanOrEqual(REBASE_INTERVAL * 2 + 2);
    const last = await open(blobStore, { files, leftRowBytesMin });
    expect([last.entryCount, get(last, 399)]).toEqual([KEY_COUNT, textOf(399, 'a')]);
  });

  test('of a file with any bit flipped, or cut, are refused by its name', async () => {
    const blobStore = new MemoryBlobStore();
    const files = await filled(blobStore);
    const { name } = files[0] as KeyedStateFile;
    const bytes = blobStore.blobs.get(name) as Uint8Array;
    const refusal = () => open(blobStore, { files, leftRowBytesMin }).then(String, (error: unknown) => error);
    const refused = { code: 'MR_CHECKPOINT_CORRUPT', details: { file: name } };
    for (let index = 0; index < bytes.length; index += 911) {
      const damaged = bytes.slice();
      damaged[index] = (damaged[index] as number) ^ (1 << (index % 8));
      blobStore.blobs.set(name, damaged);
      expect(await refusal()).toMatchObject(refused);
    }
    blobStore.blobs.set(name, bytes.slice(0, -1));
    expect(await refusal()).toMatchObject(refused);
  });

  test('of an older version or name are written whole', async () => {
    const blobStore = new MemoryBlobStore();
    const files = await filled(blobStore);
    const migrations = new Map([['text', (old: unknown) => `${String(old)}!`]]);
    for (const of of [{ migrations }, { renamed: new Map([['text', 'words']]) }]) {
      const backend = await open(blobStore, { files, leftRowBytesMin, ...of });
      const next = await backend.freeze(2).write(blobStore, `chk-1-${Object.keys(of)[0]}/`);
      expect(next.files.some(({ name }) => name.startsWith('chk-1-1/'))).toBe(false);
      const again = await open(blobStore, { files: next.files });
      const name = 'renamed' in of ? 'words' : 'text';
      expect(get(again, 3, name)).toBe('renamed' in of ? textOf(3, 'a') : `${textOf(3, 'a')}!`);
    }
  });
});

describe('Rows that are left in the files restored from', () => {
  test('can be read when the files are deleted, and by checkpoints that start their key groups over', async () => {
    const blobStore = new MemoryBlobStore();
    const files = await filled(blobStore);
    const backend = await open(blobStore, { files });
    for (const name of blobStore.blobs.keys()) await blobStore.delete(name);
    expect(get(backend, 5)).toBe(textOf(5, 'a'));
    let last: readonly KeyedStateFile[] = [];
    for (let checkpointId = 2; checkpointId < REBASE_INTERVAL + 3; checkpointId++) {
      put(backend, checkpointId, 'b');
      last = (await backend.freeze(checkpointId).write(blobStore, `chk-1-${checkpointId}/`)).files;
      backend.checkpointCompleted(checkpointId);
    }
    const again = await open(blobStore, { files: last });
    for (let key = 0; key < KEY_COUNT; key++)
      expect(get(again, key)).toBe(textOf(key, key >= 2 && key < REBASE_INTERVAL + 3 ? 'b' : 'a'));
  });

  test('take no memory until they are asked for, and come back unless they changed', async () => {
    const blobStore = new MemoryBlobStore();
    const backend = await open(blobStore, { files: await filled(blobStore), cacheEntriesMax: 10 });
    expect(backend.entryCount).toBe(KEY_COUNT);
    for (let key = 0; key < KEY_COUNT; key++) expect(get(backend, key)).toBe(textOf(key, 'a'));
    // The spill log takes what changes; what did not is where it was.
    await backend.relieve();
    for (let key = 0; key < KEY_COUNT; key += 2) put(backend, key, 'b');
    await backend.relieve();
    for (let key = 0; key < KEY_COUNT; key++)
      expect(get(backend, key)).toBe(textOf(key, key % 2 === 0 ? 'b' : 'a'));
  });

  test('are refused with MR_STATE_BACKEND when the file has changed since, and their files are closed behind the last of them', async () => {
    const blobStore = new MemoryBlobStore();
    const files = await filled(blobStore);
    let openCount = 0;
    let isDamaged = false;
    const watched = Object.assign(Object.create(blobStore) as MemoryBlobStore, {
      open: async (name: string) => {
        const reader = await blobStore.open(name);
        openCount++;
        return {
          ...reader,
          readSync: (target: Uint8Array, position: number) => {
            const count = reader.readSync(target, position);
            if (isDamaged) target[0] = (target[0] as number) ^ 1;
            return count;
          },
          close: async () => void openCount--,
        };
      },
    });
    const backend = await open(watched, { files });
    expect(openCount).toBe(files.length);
    isDamaged = true;
    const error: unknown = (() => {
      try {
        return get(backend, 3);
      } catch (thrown) {
        return thrown;
      }
    })();
    expect(isMillraceError(error) && error.code).toBe('MR_STATE_BACKEND');
    isDamaged = false;
    for (let key = 0; key < KEY_COUNT; key++) {
      backend.setCurrentKey(key, hashKey(key));
      backend.valueState('text').clear();
    }
    await backend.freeze(2).write(blobStore, 'chk-1-2/');
    expect(openCount).toBe(files.length);
    backend.checkpointCompleted(2);
    expect(openCount).toBe(0);
  });
});

test('Restored rows that have grown since most of their table was written are the newer ones', async () => {
  const blobStore = new MemoryBlobStore();
  const backend = await open(blobStore);
  for (let key = 0; key < KEY_COUNT; key++) {
    backend.setCurrentKey(key, hashKey(key));
    backend.valueState('text').update('small');
  }
  const small = await backend.freeze(1).write(blobStore, 'chk-1-1/');
  backend.checkpointCompleted(1);
  put(backend, 7, 'b');
  const { files } = await backend.freeze(2).write(blobStore, 'chk-1-2/');
  expect(files.length).toBeGreaterThan(small.files.length);
  const again = await open(blobStore, { files, leftRowBytesMin: 100 });
  expect([6, 7].map((key) => get(again, key))).toEqual(['small', textOf(7, 'b')]);
});
