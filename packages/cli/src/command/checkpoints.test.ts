import { asJobId } from '@millrace/common';
import type { CheckpointEntry, CheckpointReport } from '@millrace/proto';
import { expect, test } from 'vitest';
import { checkpointLines } from './checkpoints.ts';

const entry = (more: Partial<CheckpointEntry>): CheckpointEntry => ({
  checkpointId: 1,
  epoch: 3,
  kind: 'checkpoint',
  state: 'completed',
  triggeredAtMs: Date.UTC(2026, 0, 2, 3, 4, 5),
  durationMs: 1_234,
  acknowledgedCount: 6,
  subtaskCount: 6,
  alignmentMsMax: 12,
  syncMsMax: 3,
  asyncMsMax: 900,
  newBytes: 20_480,
  totalBytes: 1_048_576,
  ...more,
});

const report: CheckpointReport = {
  jobId: asJobId('3f2a9c0d7e5b4a1f8c6d2e0b9a7f5c31'),
  jobName: 'flight-delays',
  settings: {
    checkpointIntervalMs: 10_000,
    checkpointTimeoutMs: 600_000,
    checkpointMinPauseMs: 0,
    checkpointsRetainedMax: 3,
    checkpointFailuresTolerated: 3,
    checkpointMode: 'exactly-once',
    isStateKeptOnCancel: false,
  },
  directory: '/checkpoints/3f2a9c0d7e5b4a1f8c6d2e0b9a7f5c31',
  completedCount: 41,
  failedCount: 1,
  retained: [{ epoch: 3, checkpointId: 41 }],
  history: [
    entry({ checkpointId: 41 }),
    {
      ...entry({ checkpointId: 42, state: 'failed', acknowledgedCount: 5, durationMs: 600_000 }),
      failure: 'Cannot complete checkpoint 42: no space left',
      totalBytes: 0,
    },
    entry({ checkpointId: 43, kind: 'final', state: 'in-progress', acknowledgedCount: 2, durationMs: 5 }),
  ],
};

test('checkpoints shows options, counts, a table with the newest first, and why some failed', () => {
  expect(checkpointLines(report, false).join('\n')).toMatchInlineSnapshot(`
    "flight-delays  3f2a9c0d7e5b4a1f8c6d2e0b9a7f5c31
      taken      exactly-once, every 10.0 s, time-out 10m 0s, 3 failures in a row tolerated
      kept       the newest 3, but not when the job is cancelled
      so far     41 completed, 1 failed
      directory  /checkpoints/3f2a9c0d7e5b4a1f8c6d2e0b9a7f5c31

    Id  Kind        State        Acks    Triggered (UTC)      Duration  Alignment  Sync   Async       New    Total  Kept in
    ──  ──────────  ───────────  ──────  ───────────────────  ────────  ─────────  ────  ──────  ────────  ───────  ────────
    43  final       in-progress  2 of 6  2026-01-02 03:04:05  5 ms          12 ms  3 ms  900 ms  20.0 KiB  1.0 MiB  -
    42  checkpoint  failed       5 of 6  2026-01-02 03:04:05  10m 0s        12 ms  3 ms  900 ms  20.0 KiB      0 B  -
    41  checkpoint  completed    6 of 6  2026-01-02 03:04:05  1.2 s         12 ms  3 ms  900 ms  20.0 KiB  1.0 MiB  chk-3-41

    Checkpoint 42 failed: Cannot complete checkpoint 42: no space left"
  `);
});

test('checkpoints of an ended job say how to start from those that are kept', () => {
  expect(checkpointLines(report, true).at(-1)).toBe(
    'The job has ended. Checkpoints 41 are kept in /checkpoints/3f2a9c0d7e5b4a1f8c6d2e0b9a7f5c31. To start from one: millrace run -s 3f2a9c0d7e5b4a1f8c6d2e0b9a7f5c31 --from-checkpoint 41 <job.ts>',
  );
  expect(checkpointLines({ ...report, retained: [] }, true).at(-1)).toBe(
    'The job has ended. None of its checkpoints is kept.',
  );
});
