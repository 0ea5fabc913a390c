import { expect, test } from 'vitest';
import type { OperatorListState } from '../state/operator-state.ts';
import { forEachEpoch, type Epoch } from './for-each-epoch.ts';
import type { SinkContext, SinkWriter } from './sink.ts';

/** A list that has `entries`, those of all subtasks of before. */
function listOf(entries: readonly unknown[]): OperatorListState<unknown> {
  let kept = entries;
  return {
    get: () => kept as never,
    add: (value) => void (kept = [...kept, value]),
    addAll: (values) => void (kept = [...kept, ...values]),
    update: (values) => void (kept = [...values]),
    clear: () => void (kept = []),
  };
}

async function writerOf(
  of: { readonly subtaskIndex: number; readonly parallelism: number; readonly restored: readonly unknown[] },
  epochs: number[],
): Promise<{ readonly writer: SinkWriter<number>; readonly list: OperatorListState<unknown> }> {
  const { restored, ...subtask } = of;
  const sink = forEachEpoch<number>({
    open: ({ epoch }: Epoch) => void epochs.push(epoch),
    process: () => {},
  });
  const list = listOf(restored);
  const context = { ...subtask, runId: 'run', operatorState: { unionList: () => list } };
  return { list, writer: await sink.openWriter(context as unknown as SinkContext, []) };
}

test('epochs come again under their numbers also where a barrier had come to some partitions only', async () => {
  const epochs: number[] = [];
  const parts = await Promise.all(
    [0, 1].map((subtaskIndex) => writerOf({ subtaskIndex, parallelism: 2, restored: [] }, epochs)),
  );
  parts[0]?.writer.snapshot?.(1); // The checkpoint is given up before its barrier comes to the other one.
  for (const { writer } of parts) writer.snapshot?.(2);
  const restored = parts.flatMap(({ list }) => list.get());
  for (const { writer } of parts) writer.write(0, NaN);
  expect(epochs.splice(0)).toEqual([3, 2]);
  for (const subtaskIndex of [0, 1]) {
    const { writer } = await writerOf({ subtaskIndex, parallelism: 2, restored }, epochs);
    writer.write(0, NaN);
  }
  expect(epochs.splice(0)).toEqual([3, 2]);
  for (const subtaskIndex of [0, 1, 2]) {
    const { writer } = await writerOf({ subtaskIndex, parallelism: 3, restored }, epochs);
    writer.write(0, NaN);
  }
  expect(epochs).toEqual([3, 3, 3]);
});
