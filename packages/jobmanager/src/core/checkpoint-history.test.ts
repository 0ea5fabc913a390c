import { expect, test } from 'vitest';
import { CheckpointHistory } from './checkpoint-history.ts';

const beginning = (checkpointId: number) =>
  ({ checkpointId, epoch: 1, kind: 'checkpoint', triggeredAtMs: 1_000, subtaskCount: 2 }) as const;

test('CheckpointHistory gathers the greatest times and all bytes of the subtasks', () => {
  const history = new CheckpointHistory([]);
  history.begin(beginning(1));
  history.acknowledged(1, { alignmentMs: 5, syncMs: 1, asyncMs: 40 }, 100);
  history.acknowledged(2, { alignmentMs: 2, syncMs: 3, asyncMs: 10 }, 20);
  expect(history.entries).toMatchObject([
    {
      state: 'in-progress',
      acknowledgedCount: 2,
      alignmentMsMax: 5,
      syncMsMax: 3,
      asyncMsMax: 40,
      newBytes: 120,
    },
  ]);
  history.end({ state: 'completed', durationMs: 60, totalBytes: 900 });
  expect(history.ended).toMatchObject([{ state: 'completed', durationMs: 60, totalBytes: 900 }]);
});

test('CheckpointHistory remembers the newest twenty, and cuts long reasons', () => {
  const history = new CheckpointHistory([]);
  for (let id = 1; id <= 25; id++) {
    history.begin(beginning(id));
    history.end({ state: 'failed', durationMs: 1, failure: 'x'.repeat(10_000) });
  }
  expect(history.entries.map(({ checkpointId }) => checkpointId)).toEqual(
    Array.from({ length: 20 }, (_, index) => index + 6),
  );
  expect(history.entries[0]?.failure).toHaveLength(500);
});

test('CheckpointHistory says how it will be without changing, and does nothing where no checkpoint is pending', () => {
  const history = new CheckpointHistory([]);
  history.end({ state: 'aborted', durationMs: 1 });
  history.begin(beginning(1));
  expect(history.endedWith({ state: 'completed', durationMs: 1 })).toHaveLength(1);
  expect(history.entries).toMatchObject([{ state: 'in-progress' }]);
});
