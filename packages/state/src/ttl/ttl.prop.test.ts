// States with a TTL against maps that know when each thing ends: in memory and out of it, over snapshots, cleaned at any time.
import { hashKey, silentLogger } from '@millrace/common';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MemoryKeyValueStore } from '../adapter/memory-key-value-store.ts';
import { openKeyedStateBackend } from '../backend/open-keyed-state-backend.ts';
import { MemoryBlobStore } from '../conformance/memory-blob-store.testing.ts';
import { inspectKeyedState } from '../inspect/inspect-keyed-state.ts';
import type {
  KeyedStateBackend,
  ListStateHandle,
  MapStateHandle,
  ValueStateHandle,
} from '../keyed-state-backend.ts';
import type { StateTtl } from './state-ttl.ts';

const TTL_MS = 50;
const KEYS = 6;

type Step =
  | { readonly kind: 'write'; readonly key: number; readonly value: number }
  | { readonly kind: 'read'; readonly key: number }
  | { readonly kind: 'clear'; readonly key: number }
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'clean' | 'relieve' | 'restore' };

const key = fc.integer({ min: 0, max: KEYS - 1 });
const steps = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ kind: fc.constant('write' as const), key, value: fc.nat(9) }) },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('read' as const), key }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('clear' as const), key }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.nat(40) }) },
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constantFrom('clean' as const, 'relieve' as const, 'restore' as const),
      }),
    },
  ),
  { maxLength: 60 },
);

/** One kind of state as a list of what is in it, for the current key. */
interface Subject {
  open(backend: KeyedStateBackend, ttl: StateTtl): unknown;
  write(handle: never, value: number): void;
  read(handle: never): readonly unknown[];
  clear(handle: never): void;
  /** What the model has after a write: `[value, end][]`. */
  written(had: readonly Kept[], kept: Kept): readonly Kept[];
}

type Kept = readonly [value: number, endMs: number];

const subjects: { readonly [name: string]: Subject } = {
  value: {
    open: (backend, ttl) => backend.valueState('v', ttl),
    write: (handle: ValueStateHandle, value) => handle.update(value),
    read: (handle: ValueStateHandle) => [handle.value()].filter((value) => value !== undefined),
    clear: (handle: ValueStateHandle) => handle.clear(),
    written: (_had, kept) => [kept],
  },
  list: {
    open: (backend, ttl) => backend.listState('l', ttl),
    write: (handle: ListStateHandle, value) => handle.add({ value }),
    read: (handle: ListStateHandle) => [...handle.get()].map((item) => (item as { value: number }).value),
    clear: (handle: ListStateHandle) => handle.clear(),
    written: (had, kept) => [...had, kept],
  },
  map: {
    open: (backend, ttl) => backend.mapState('m', ttl),
    write: (handle: MapStateHandle, value) => handle.put(value, value),
    read: (handle: MapStateHandle) => {
      const keys = ([...handle.keys()] as number[]).toSorted((a, b) => a - b);
      if (handle.isEmpty() !== (keys.length === 0)) return ['isEmpty is wrong'];
      return keys.map((mapKey) => handle.get(mapKey));
    },
    clear: (handle: MapStateHandle) => handle.clear(),
    written: (had, kept) =>
      [...had.filter(([value]) => value !== kept[0]), kept].toSorted(([a], [b]) => a - b),
  },
};

class Run {
  readonly subject: Subject;
  readonly updatesOnRead: boolean;
  readonly blobStore = new MemoryBlobStore();
  readonly model = new Map<number, readonly Kept[]>();
  nowMs = 1_000;
  checkpointId = 0;
  backend!: KeyedStateBackend;
  handle!: never;

  readonly compare: (is: readonly unknown[], wanted: readonly unknown[]) => void;

  constructor(subject: Subject, updatesOnRead: boolean, compare: Run['compare']) {
    this.subject = subject;
    this.compare = compare;
    this.updatesOnRead = updatesOnRead;
  }

  async open(
    files?: Awaited<ReturnType<ReturnType<KeyedStateBackend['freeze']>['write']>>['files'],
  ): Promise<void> {
    this.backend = await openKeyedStateBackend({
      keyGroupCount: 4,
      keyGroupRange: { firstKeyGroup: 0, lastKeyGroup: 3 },
      cacheEntriesMax: 2,
      spillLogBytesMax: 1024,
      wholeSnapshotEntriesMax: 3,
      openStore: async () => new MemoryKeyValueStore(),
      codegenId: 'ttl',
      log: silentLogger,
      ...(files === undefined ? {} : { restore: { files, blobStore: this.blobStore } }),
    });
    this.handle = this.subject.open(this.backend, {
      ttlMs: TTL_MS,
      isWallClock: true,
      clock: { nowMs: () => this.nowMs, stampMs: () => this.nowMs },
      updatesOnRead: this.updatesOnRead,
      returnsExpired: false,
    }) as never;
  }

  async step(step: Step): Promise<void> {
    const { subject, backend, handle, model } = this;
    if ('key' in step) backend.setCurrentKey(step.key, hashKey(step.key));
    switch (step.kind) {
      case 'write':
        subject.write(handle, step.value);
        model.set(step.key, subject.written(this.#alive(step.key), [step.value, this.nowMs + TTL_MS]));
        return;
      case 'read': {
        const alive = this.#alive(step.key);
        this.compare(
          subject.read(handle),
          alive.map(([value]) => value),
        );
        if (this.updatesOnRead)
          model.set(
            step.key,
            alive.map(([value]) => [value, this.nowMs + TTL_MS]),
          );
        return;
      }
      case 'clear':
        subject.clear(handle);
        model.delete(step.key);
        return;
      case 'wait':
        this.nowMs += step.ms;
        return;
      case 'clean':
        backend.expiring?.clean();
        return;
      case 'relieve':
        await backend.relieve();
        return;
      case 'restore':
        await this.#restore();
    }
  }

  #alive(of: number): readonly Kept[] {
    return (this.model.get(of) ?? []).filter(([, endMs]) => endMs > this.nowMs);
  }

  async #restore(): Promise<void> {
    const frozen = this.backend.freeze(++this.checkpointId);
    const { files } = await frozen.write(this.blobStore, `chk-${this.checkpointId}/`);
    this.backend.checkpointCompleted(this.checkpointId);
    await this.backend.close();
    await this.open(files);
  }

  /** Once everything is over, nothing is left of it. */
  async end(): Promise<void> {
    this.nowMs += 2 * TTL_MS;
    for (let look = 0; look < 5 && this.backend.expiring?.isDue === true; look++) {
      this.backend.expiring.clean();
      await this.backend.relieve();
    }
    this.compare([this.backend.expiring?.wallDueMs, this.backend.entryCount], [Infinity, 0]);
    await this.backend.close();
  }
}

describe.each(Object.entries(subjects))('%s state with a TTL', (_name, subject) => {
  test.each([false, true])(
    'gives what is not over, and is empty in the end (a read starts the time anew: %s)',
    async (updatesOnRead) => {
      await fc.assert(
        fc.asyncProperty(steps, async (all) => {
          const run = new Run(subject, updatesOnRead, (is, wanted) => expect(is).toEqual(wanted));
          await run.open();
          for (const each of all) await run.step(each);
          await run.end();
        }),
        { numRuns: 60 },
      );
    },
  );
});

test('a snapshot leaves values out that are over, also those that left memory', async () => {
  const blobStore = new MemoryBlobStore();
  let nowMs = 0;
  const backend = await openKeyedStateBackend({
    keyGroupCount: 4,
    keyGroupRange: { firstKeyGroup: 0, lastKeyGroup: 3 },
    cacheEntriesMax: 10,
    spillLogBytesMax: 1024,
    openStore: async () => new MemoryKeyValueStore(),
    codegenId: 'ttl',
    log: silentLogger,
  });
  const clock = { nowMs: () => nowMs, stampMs: () => nowMs };
  const ttl = { ttlMs: TTL_MS, isWallClock: true, clock, updatesOnRead: false, returnsExpired: false };
  const state = backend.valueState('v', ttl);
  for (let number = 0; number < 200; number++) {
    nowMs = number < 150 ? 0 : TTL_MS;
    backend.setCurrentKey(number, hashKey(number));
    state.update(number);
    if (number % 20 === 0) await backend.relieve();
  }
  const { files } = await backend.freeze(1).write(blobStore, 'chk-1/');
  const values = await inspectKeyedState({
    files,
    samplesMax: 0,
    read: async (file, offset, length) => (await blobStore.get(file.name)).slice(offset, offset + length),
  });
  expect(values.find(({ name }) => name === 'v')?.entryCount).toBe(50);
  await backend.close();
});

test('a snapshot has what was not over when it was taken, however far event time has come while it is written', async () => {
  const blobStore = new MemoryBlobStore();
  let nowMs = 0;
  const clock = { nowMs: () => nowMs, stampMs: () => nowMs };
  const ttl = { ttlMs: TTL_MS, isWallClock: false, clock, updatesOnRead: false, returnsExpired: false };
  const options = {
    keyGroupCount: 4,
    keyGroupRange: { firstKeyGroup: 0, lastKeyGroup: 3 },
    cacheEntriesMax: 10,
    spillLogBytesMax: 1024,
    openStore: async () => new MemoryKeyValueStore(),
    codegenId: 'ttl',
    log: silentLogger,
  };
  const backend = await openKeyedStateBackend(options);
  const state = backend.valueState('v', ttl);
  const keys = Array.from({ length: 200 }, (_, number) => number);
  for (const number of keys) {
    backend.setCurrentKey(number, hashKey(number));
    state.update(number);
    if (number % 20 === 0) await backend.relieve();
  }
  const frozen = backend.freeze(1);
  nowMs = 2 * TTL_MS;
  const { files } = await frozen.write(blobStore, 'chk-1/');
  await backend.close();
  nowMs = 0;
  const restored = await openKeyedStateBackend({ ...options, restore: { files, blobStore } });
  const values = restored.valueState('v', ttl);
  for (const number of keys) {
    restored.setCurrentKey(number, hashKey(number));
    expect(values.value()).toBe(number);
  }
  await restored.close();
});

test('what is over does not leave a snapshot to the older value of a later time that left memory', async () => {
  const blobStore = new MemoryBlobStore();
  let [nowMs, stampMs] = [0, 2 * TTL_MS];
  const clock = { nowMs: () => nowMs, stampMs: () => stampMs };
  const ttl = { ttlMs: TTL_MS, isWallClock: false, clock, updatesOnRead: false, returnsExpired: false };
  const options = {
    keyGroupCount: 4,
    keyGroupRange: { firstKeyGroup: 0, lastKeyGroup: 3 },
    cacheEntriesMax: 10,
    spillLogBytesMax: 1024,
    openStore: async () => new MemoryKeyValueStore(),
    codegenId: 'ttl',
    log: silentLogger,
  };
  const backend = await openKeyedStateBackend(options);
  const state = backend.valueState('v', ttl);
  const keys = Array.from({ length: 200 }, (_, number) => number);
  for (const number of keys) {
    backend.setCurrentKey(number, hashKey(number));
    state.update('older');
    if (number % 5 === 0) await backend.relieve();
  }
  stampMs = 0;
  for (const number of keys.slice(0, 5)) {
    backend.setCurrentKey(number, hashKey(number));
    state.update('newer');
  }
  nowMs = TTL_MS;
  const { files } = await backend.freeze(1).write(blobStore, 'chk-1/');
  await backend.close();
  const restored = await openKeyedStateBackend({ ...options, restore: { files, blobStore } });
  const values = restored.valueState('v', ttl);
  const found = keys.slice(0, 6).map((number) => {
    restored.setCurrentKey(number, hashKey(number));
    return values.value();
  });
  expect(found).toEqual([undefined, undefined, undefined, undefined, undefined, 'older']);
  await restored.close();
});
