import { describe, expect, test } from 'vitest';
import type { DataStream, OpenContext } from '@millrace/api';
import { ChainHarness } from './chain-harness.ts';
import type { HarnessSnapshot } from './harness-options.ts';

/** A map that keeps what it saw in both kinds of lists, and tells what it found in them when it was opened. */
function keeping(found: Map<number, { list: readonly unknown[]; union: readonly unknown[] }>) {
  return (input: DataStream<unknown>) =>
    input.map({
      open({ subtaskIndex, operatorState }: OpenContext) {
        const list = operatorState.list('seen').get();
        found.set(subtaskIndex, { list, union: operatorState.unionList('all').get() });
      },
      map(value: unknown, { operatorState }: OpenContext) {
        operatorState.list('seen').add(value as never);
        return value;
      },
      snapshot({ operatorState, subtaskIndex }: OpenContext) {
        operatorState.unionList('all').update([`subtask ${subtaskIndex}`]);
      },
    });
}

async function pass(of: {
  readonly values: readonly unknown[];
  readonly parallelism: number;
  readonly restore?: HarnessSnapshot;
  readonly from?: ChainHarness<unknown>;
}) {
  const found = new Map<number, { list: readonly unknown[]; union: readonly unknown[] }>();
  const harness = await ChainHarness.open<unknown>({
    operators: keeping(found),
    parallelism: of.parallelism,
    ...(of.restore === undefined ? {} : { restore: of.restore, attemptNumber: of.restore.checkpointId + 1 }),
    ...(of.from === undefined ? {} : { blobStore: of.from.blobStore }),
  });
  harness.send(of.values.map((value) => ({ value })));
  const snapshot = await harness.snapshot((of.restore?.checkpointId ?? 0) + 1);
  await harness.close();
  return { found, snapshot, harness };
}

describe('operator state', () => {
  test('lists are dealt out in turn when the parallelism changes, and union lists are given to all', async () => {
    const first = await pass({ values: ['a', 'b', 'c', 'd', 'e'], parallelism: 3 });
    expect(first.found.get(0)).toEqual({ list: [], union: [] });
    const same = await pass({ values: [], parallelism: 3, restore: first.snapshot, from: first.harness });
    expect([0, 1, 2].map((index) => same.found.get(index)?.list)).toEqual([['a', 'd'], ['b', 'e'], ['c']]);
    const fewer = await pass({ values: [], parallelism: 2, restore: same.snapshot, from: first.harness });
    expect([0, 1].map((index) => fewer.found.get(index)?.list)).toEqual([
      ['a', 'b', 'c'],
      ['d', 'e'],
    ]);
    expect(fewer.found.get(1)?.union).toEqual(['subtask 0', 'subtask 1', 'subtask 2']);
    const more = await pass({ values: [], parallelism: 4, restore: fewer.snapshot, from: first.harness });
    const all = [0, 1, 2, 3].flatMap((index) => more.found.get(index)?.list ?? []);
    expect(all.map(String).toSorted()).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(more.found.get(3)?.union).toEqual(['subtask 0', 'subtask 1']);
  });

  test('entries are whatever structured clone takes, and come back as they were', async () => {
    const values = [
      undefined,
      -0,
      NaN,
      10n,
      new Date(5),
      new Uint8Array([1, 2]),
      { $bytes: 'x' },
      Object.assign([], { 0: 1, 2: 3 }),
      new Map([[1, { a: '\uD800' }]]),
    ];
    const first = await pass({ values, parallelism: 1 });
    const second = await pass({ values: [], parallelism: 1, restore: first.snapshot, from: first.harness });
    expect(second.found.get(0)?.list).toEqual(values);
    expect(Object.is(second.found.get(0)?.list[1], -0)).toBe(true);
  });

  test('a list that the program does not ask for is kept for one that does', async () => {
    const first = await pass({ values: ['a', 'b', 'c'], parallelism: 1 });
    const without = await ChainHarness.open<unknown>({
      operators: (input) => input.map({ map: (value) => value }),
      parallelism: 2,
      restore: first.snapshot,
      blobStore: first.harness.blobStore,
      attemptNumber: 2,
    });
    const snapshot = await without.snapshot(2);
    await without.close();
    const third = await pass({ values: [], parallelism: 1, restore: snapshot, from: first.harness });
    expect(third.found.get(0)?.list).toEqual(['a', 'c', 'b']);
  });

  test('a union list that nobody asks for has as many entries after any number of restores', async () => {
    const { harness, ...first } = await pass({ values: [], parallelism: 2 });
    let { snapshot } = first;
    for (const parallelism of [2, 3, 3, 1, 2]) {
      const without = await ChainHarness.open<unknown>({
        operators: (input) => input.map({ map: (value) => value }),
        parallelism,
        restore: snapshot,
        blobStore: harness.blobStore,
        attemptNumber: snapshot.checkpointId + 1,
      });
      snapshot = await without.snapshot(snapshot.checkpointId + 1);
      await without.close();
    }
    const last = await pass({ values: [], parallelism: 2, restore: snapshot, from: harness });
    expect(last.found.get(0)?.union).toEqual(['subtask 0', 'subtask 1']);
    expect(last.found.get(1)?.union).toEqual(['subtask 0', 'subtask 1']);
  });

  test('what does not fit is refused by name, with the way out', async () => {
    await expect(
      pass({ values: [new Uint8Array(4 * 1024 * 1024), 'x'], parallelism: 4 }),
    ).rejects.toMatchObject({
      code: 'MR_STATE_TOO_LARGE',
      message: expect.stringContaining('at most 4194304 fit. Keep less, or keep it by key') as string,
    });
  });

  test('a name is either a list or a union list', async () => {
    const operators = (input: DataStream<number>) =>
      input.flatMap({
        flatMap: (n: number) => [n],
        open({ operatorState }: OpenContext) {
          operatorState.list('x');
          operatorState.unionList('x');
        },
      });
    await expect(ChainHarness.open({ operators, parallelism: 1 })).rejects.toMatchObject({
      code: 'MR_STATE_INCOMPATIBLE',
    });
  });

  test('a promise from a map with a lifecycle, or from snapshot, is refused', async () => {
    const promising = await ChainHarness.open<number>({
      operators: (input) => input.map({ map: (n) => Promise.resolve(n) as never }),
      parallelism: 1,
    });
    expect(() => promising.send([{ value: 1 }])).toThrow(
      expect.objectContaining({ code: 'MR_PROMISE_RETURNED' }),
    );
    const late = await ChainHarness.open<number>({
      operators: (input) =>
        input.forEach({ forEach: () => undefined, snapshot: (() => Promise.resolve()) as never }) as never,
      parallelism: 1,
    });
    await expect(late.snapshot(1)).rejects.toMatchObject({ code: 'MR_PROMISE_RETURNED' });
  });

  test('a filter with a lifecycle keeps lists, and sends its records on as they are', async () => {
    const closed: number[] = [];
    const operators = (input: DataStream<number>) =>
      input.filter({
        filter(n: number, { operatorState }: OpenContext) {
          const seen = operatorState.list<number>('seen');
          if (seen.get().includes(n)) return false;
          seen.add(n);
          return true;
        },
        close: ({ subtaskIndex }) => void closed.push(subtaskIndex),
      });
    const first = await ChainHarness.open<number>({ operators, parallelism: 1 });
    first.send([{ value: 1, atMs: 5 }, { value: 2 }, { value: 1 }]);
    const snapshot = await first.snapshot(1);
    await first.close();
    expect(first.emitted.map(({ record, timestampMs }) => [record, timestampMs])).toEqual([
      [1, 5],
      [2, NaN],
    ]);
    const second = await ChainHarness.open<number>({
      operators,
      parallelism: 1,
      restore: snapshot,
      blobStore: first.blobStore,
      attemptNumber: 2,
    });
    second.send([{ value: 2 }, { value: 3 }]);
    await second.close();
    expect(second.emitted.map(({ record }) => record)).toEqual([3]);
    expect(closed).toEqual([0, 0]);
    const promising = await ChainHarness.open<number>({
      operators: (input) => input.filter({ filter: () => Promise.resolve(true) as never }),
      parallelism: 1,
    });
    expect(() => promising.send([{ value: 1 }])).toThrow(
      expect.objectContaining({ code: 'MR_PROMISE_RETURNED' }),
    );
  });
});
