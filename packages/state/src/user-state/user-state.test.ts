import { hashKey, silentLogger } from '@millrace/common';
import { describe, expect, test } from 'vitest';
import { openKeyedStateBackend } from '../backend/open-keyed-state-backend.ts';

async function openWithKey(key: unknown) {
  const backend = await openKeyedStateBackend({
    keyGroupCount: 720,
    keyGroupRange: { firstKeyGroup: 0, lastKeyGroup: 719 },
    cacheEntriesMax: 1000,
    openStore: () => Promise.reject(new Error('nothing leaves memory here')),
    codegenId: 'test',
    log: silentLogger,
  });
  backend.setCurrentKey(key, hashKey(key));
  return backend;
}

describe('ValueState', () => {
  test('freezes plain values, so that a mutation without update throws', async () => {
    const state = (await openWithKey('k')).valueState('v');
    state.update({ tags: ['a'] });
    const value = state.value() as { tags: string[] };
    expect(() => value.tags.push('b')).toThrow(TypeError);
    expect(state.value()).toEqual({ tags: ['a'] });
  });

  test('hands out values that cannot be frozen anew, so that a mutation without update has no effect', async () => {
    const state = (await openWithKey('k')).valueState('v');
    const given = { seen: new Set([1]), bytes: Uint8Array.of(1), at: new Date(5) };
    state.update(given);
    given.seen.add(2);
    (state.value() as typeof given).seen.add(3);
    (state.value() as typeof given).at.setTime(9);
    expect(state.value()).toEqual({ seen: new Set([1]), bytes: Uint8Array.of(1), at: new Date(5) });
  });

  test('keeps numbers, and widens when another value comes', async () => {
    const backend = await openWithKey('k');
    const state = backend.valueState('v');
    state.update(-0);
    expect(Object.is(state.value(), -0)).toBe(true);
    backend.setCurrentKey('l', hashKey('l'));
    expect(state.value()).toBeUndefined();
    state.update('text');
    expect(state.value()).toBe('text');
    backend.setCurrentKey('k', hashKey('k'));
    expect(Object.is(state.value(), -0)).toBe(true);
    state.clear();
    expect(state.value()).toBeUndefined();
  });

  test('refuses a function, naming it', async () => {
    const state = (await openWithKey('k')).valueState('v');
    expect(() => state.update({ f: () => 1 })).toThrow(/state.*f/);
    expect(state.value()).toBeUndefined();
  });
});

describe('ListState', () => {
  test('update takes what get returned', async () => {
    const state = (await openWithKey('k')).listState('l');
    state.addAll([1, 2, 3]);
    state.update(state.get());
    state.add({ four: 4 });
    expect([...state.get()]).toEqual([1, 2, 3, { four: 4 }]);
  });

  test('takes more than a chunk at once, behind what is there', async () => {
    const state = (await openWithKey('k')).listState('l');
    const all = Array.from({ length: 300 }, (_, index) => index);
    state.add(-1);
    state.addAll(all);
    state.add(300);
    expect([...state.get()]).toEqual([-1, ...all, 300]);
    state.update(all.slice(0, 256));
    state.add('behind');
    expect([...state.get()]).toEqual([...all.slice(0, 256), 'behind']);
    state.update([]);
    expect([...state.get()]).toEqual([]);
  });

  test('does not show what is added while it is gone over', async () => {
    const state = (await openWithKey('k')).listState('l');
    state.addAll([1, 2]);
    const seen: unknown[] = [];
    for (const value of state.get()) {
      seen.push(value);
      state.add(value);
    }
    expect(seen).toEqual([1, 2]);
    expect([...state.get()]).toEqual([1, 2, 1, 2]);
  });
});

describe('MapState', () => {
  test('may lose the entry at hand while it is iterated', async () => {
    const state = (await openWithKey('k')).mapState('m');
    for (let index = 0; index < 1000; index++) state.put(index, index * 2);
    const seen: unknown[] = [];
    for (const [key, value] of state.entries()) {
      seen.push(value);
      if ((key as number) % 2 === 0) state.remove(key);
    }
    expect(new Set(seen).size).toBe(1000);
    expect([...state.keys()].every((key) => (key as number) % 2 === 1)).toBe(true);
    expect([...state.values()]).toHaveLength(500);
  });
});

describe('Timers', () => {
  test('come by time, then by registration, once each, and make their key current', async () => {
    const backend = await openWithKey('a');
    backend.timers.register('event', 20);
    backend.timers.register('event', 10);
    backend.timers.register('event', 10);
    backend.setCurrentKey('b', hashKey('b'));
    backend.timers.register('event', 10);
    backend.timers.register('event', 15);
    backend.timers.unregister('event', 15);
    backend.timers.register('processing', 5);
    expect(backend.timers.earliest('event')).toBe(10);
    expect(backend.timers.earliest('processing')).toBe(5);
    const fired: unknown[] = [];
    for (;;) {
      const time = backend.timers.pollDue('event', 19);
      if (time === undefined) break;
      fired.push([time, backend.currentKey]);
    }
    expect(fired).toEqual([
      [10, 'a'],
      [10, 'b'],
    ]);
    expect(backend.timers.earliest('event')).toBe(20);
    expect(backend.timers.pollDue('processing', 4)).toBeUndefined();
    expect(backend.timers.pollDue('processing', 5)).toBe(5);
    expect(backend.timers.earliest('processing')).toBe(Infinity);
  });

  test('refuse times that are no finite numbers', async () => {
    const backend = await openWithKey('a');
    expect(() => backend.timers.register('event', NaN)).toThrow('Cannot register a timer: its time is NaN');
  });
});
