// Sinks and print: what is in snapshots, and what is committed when.
import { describe, expect, test } from 'vitest';
import { MillraceError, sinkBrand, type DataStream, type Json, type Sink } from '@millrace/api';
import { ChainHarness } from './chain-harness.ts';

/** A sink whose transactions are arrays; the world outlives attempts. */
class RecordedSink implements Sink<number> {
  readonly [sinkBrand] = 1;
  readonly name = 'recorded';
  readonly committed: Json[] = [];
  readonly restored: (readonly Json[])[] = [];
  writersOpened = 0;
  sealing: () => Promise<void> = () => Promise.resolve();

  describe(): { readonly [name: string]: Json } {
    return {};
  }

  openWriter(_context: unknown, restored: readonly Json[]) {
    this.writersOpened++;
    this.restored.push(restored);
    let rows: number[] = [];
    return {
      write: (row: number) => void rows.push(row),
      prepareCommit: async (checkpointId: number): Promise<readonly Json[]> => {
        const sealed = rows;
        rows = [];
        await this.sealing();
        return sealed.length === 0 ? [] : [{ checkpointId, rows: sealed }];
      },
      close: () => undefined,
    };
  }

  openCommitter() {
    return {
      commit: async (committables: readonly Json[]) => {
        for (const committable of committables) {
          const text = JSON.stringify(committable);
          if (!this.committed.some((done) => JSON.stringify(done) === text)) this.committed.push(committable);
        }
      },
    };
  }
}

const open = (sink: Sink<number>, rest: Partial<Parameters<typeof ChainHarness.open<number>>[0]> = {}) =>
  ChainHarness.open<number>({
    operators: (input) => void input.map((n) => n).sink(sink),
    parallelism: 1,
    ...rest,
  });

describe('A sink with a committer', () => {
  test('commits what was sealed at the checkpoint, and nothing that came after the barrier', async () => {
    const sink = new RecordedSink();
    const harness = await open(sink);
    harness.send([{ value: 1 }, { value: 2 }]);
    await harness.snapshot(1);
    harness.send([{ value: 3 }]);
    expect(sink.committed).toEqual([]);
    await harness.chains[0]?.commit(1);
    await harness.chains[0]?.commit(1);
    expect(sink.committed).toEqual([{ checkpointId: 1, rows: [1, 2] }]);
    await harness.close();
  });

  test('commits an aborted checkpoint with the next one', async () => {
    const sink = new RecordedSink();
    const harness = await open(sink);
    harness.send([{ value: 1 }]);
    await harness.snapshot(1);
    harness.chains[0]?.checkpointAborted(1);
    harness.send([{ value: 2 }]);
    await harness.snapshot(2);
    await harness.chains[0]?.commit(2);
    expect(sink.committed).toEqual([
      { checkpointId: 1, rows: [1] },
      { checkpointId: 2, rows: [2] },
    ]);
    await harness.close();
  });

  test('declines the checkpoint whose transaction cannot be sealed, and fails at the next one: its records are in no other', async () => {
    const sink = new RecordedSink();
    const full = new MillraceError('MR_IO', 'Cannot write the file "part": no space left');
    sink.sealing = () => Promise.reject(full);
    const harness = await open(sink);
    harness.send([{ value: 1 }]);
    await expect(harness.snapshot(1)).rejects.toBe(full);
    sink.sealing = () => Promise.resolve();
    expect(() => harness.chains[0]?.freeze(2)).toThrow(full);
    await harness.close();
  });

  test('commits restored transactions again before its writer opens, also with fewer subtasks', async () => {
    const sink = new RecordedSink();
    const first = await open(sink, { parallelism: 2 });
    first.send([{ value: 1 }, { value: 2 }]);
    const snapshot = await first.snapshot(5);
    await first.close();
    const second = await open(sink, { restore: snapshot, blobStore: first.blobStore, attemptNumber: 2 });
    expect(sink.committed).toEqual([
      { checkpointId: 5, rows: [1] },
      { checkpointId: 5, rows: [2] },
    ]);
    expect(sink.restored.at(-1)).toEqual(sink.committed);
    await second.close();
  });

  test('commits without a writer when only committers are deployed', async () => {
    const sink = new RecordedSink();
    const first = await open(sink);
    first.send([{ value: 1 }]);
    const snapshot = await first.snapshot(5);
    await first.close();
    const second = await open(sink, { restore: snapshot, blobStore: first.blobStore, mode: 'commit' });
    expect(sink.committed).toEqual([{ checkpointId: 5, rows: [1] }]);
    expect(sink.writersOpened).toBe(1);
    await second.close();
  });
});

describe('A sink writer', () => {
  /** It numbers its rows, across restores, in a list. */
  const numbering = (found: (readonly unknown[])[], withCommitter: boolean): Sink<number> => ({
    [sinkBrand]: 1,
    name: 'numbering',
    describe: () => ({}),
    openWriter({ operatorState }) {
      const list = operatorState.list<number>('next');
      found.push(list.get());
      let next = list.get()[0] ?? 0;
      return {
        write: () => void next++,
        snapshot: () => list.update([next]),
        prepareCommit: () => (withCommitter ? [{ next }] : []),
        close: () => undefined,
      };
    },
    ...(withCommitter ? { openCommitter: () => ({ commit: () => Promise.resolve() }) } : {}),
  });

  test.each([true, false])('keeps operator state, with a committer: %s', async (withCommitter) => {
    const found: (readonly unknown[])[] = [];
    const sink = numbering(found, withCommitter);
    const first = await open(sink, { parallelism: 2 });
    first.send([{ value: 1 }, { value: 2 }, { value: 3 }]);
    const snapshot = await first.snapshot(1);
    await first.close();
    const same = await open(sink, { parallelism: 2, restore: snapshot, blobStore: first.blobStore });
    const again = await same.snapshot(2);
    await same.close();
    const fewer = await open(sink, { restore: again, blobStore: first.blobStore });
    await fewer.close();
    expect(found).toEqual([[], [], [2], [1], [2, 1]]);
  });
});

describe('print', () => {
  test('numbers its lines on after a restore', async () => {
    const operators = (input: DataStream<number>): void =>
      void input.map((n) => ({ n })).print({ title: 'Numbers' });
    const first = await ChainHarness.open<number>({ operators, parallelism: 1 });
    first.send([{ value: 1 }, { value: 2 }]);
    const snapshot = await first.snapshot(1);
    await first.close();
    const second = await ChainHarness.open<number>({ operators, parallelism: 1, restore: snapshot });
    second.send([{ value: 3 }]);
    expect(first.printed.map(({ sequence, text, form, title }) => [sequence, text, form, title])).toEqual([
      [0, '{"n":1}', 'text', 'Numbers'],
      [1, '{"n":2}', 'text', 'Numbers'],
    ]);
    expect(second.printed.map(({ sequence, text }) => [sequence, text])).toEqual([[2, '{"n":3}']]);
    await second.close();
  });
});
