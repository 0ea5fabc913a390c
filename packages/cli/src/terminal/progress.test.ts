import { expect, test } from 'vitest';
import { asJobId } from '@millrace/common';
import type { JobStatus } from '@millrace/proto';
import { formatWatermark, ProgressDisplay } from './progress.ts';

function status(of: Partial<JobStatus>): JobStatus {
  return {
    jobId: asJobId('0'.repeat(32)),
    name: 'job',
    state: 'RUNNING',
    startTimeMs: 0,
    parallelism: 1,
    restartCount: 0,
    attemptNumber: 1,
    checkpoints: { completedCount: 2, failedCount: 0 },
    vertices: [],
    recordsRead: 0,
    watermarkMs: null,
    stateBytes: 2048,
    ...of,
  };
}

function screen(isTerminal: boolean): {
  text: string;
  isTerminal: boolean;
  columns: number;
  write(text: string): void;
} {
  return {
    text: '',
    isTerminal,
    columns: 100,
    write(text) {
      this.text += text;
    },
  };
}

test('where the output is no terminal, a line a second says how far the job is', () => {
  const out = screen(false);
  let nowMs = 0;
  const display = new ProgressDisplay(out, () => nowMs);
  display.show(status({ recordsRead: 0, inputShare: 0 }));
  nowMs = 500;
  display.show(status({ recordsRead: 400_000, inputShare: 0.2 }));
  nowMs = 1_000;
  display.show(
    status({ recordsRead: 1_000_000, inputShare: 0.5, watermarkMs: Date.UTC(2001, 3, 20, 13, 5) }),
  );
  expect(out.text.split('\n')).toEqual([
    '[   0 ms] RUNNING  read 0 (0 %)  0/s  watermark -  checkpoints 2  state 2.0 KiB',
    '[  1.0 s] RUNNING  read 1.00 M (50 %)  1.00 M/s  watermark 2001-04-20 13:05  checkpoints 2  state 2.0 KiB',
    '',
  ]);
});

test('a change of state is shown at once', () => {
  const out = screen(false);
  const display = new ProgressDisplay(out, () => 0);
  display.show(status({}));
  display.show(status({ state: 'RESTARTING', restartCount: 1 }));
  expect(out.text).toContain('RESTARTING');
  expect(out.text).toContain('restarts 1');
});

test('how many slots a job has shows where the number changes', () => {
  const out = screen(false);
  const display = new ProgressDisplay(out, () => 0);
  display.show(status({ isAutoParallel: true, parallelism: 3 }));
  display.show(status({ state: 'RESTARTING', rescaleCount: 1 }));
  expect(out.text).toContain('RUNNING on 3 slots  read');
  expect(out.text).toContain('RESTARTING on 1 slot  read');
});

test('on a terminal the lines are drawn over', () => {
  const out = screen(true);
  let nowMs = 0;
  const display = new ProgressDisplay(out, () => nowMs);
  display.show(status({ inputShare: 0.5 }));
  nowMs = 200;
  display.show(status({ inputShare: 0.6 }));
  expect(out.text).toContain('\u001B[5A\u001B[0J');
  expect(out.text).toContain('█'.repeat(12) + '░'.repeat(12));
});

test('while a question is asked nothing is drawn, and afterwards the lines are there again', () => {
  const out = screen(true);
  const display = new ProgressDisplay(out, () => 0);
  display.show(status({}));
  display.pause();
  const asked = out.text;
  expect(asked.endsWith('\r\u001B[5A\u001B[0J')).toBe(true);
  display.show(status({ state: 'RESTARTING' }));
  expect(out.text).toBe(asked);
  display.resume();
  display.show(status({ state: 'RESTARTING' }));
  expect(out.text.slice(asked.length)).toContain('RESTARTING');
});

test('a watermark is a time, a dash before the first and `end` after the last', () => {
  expect([null, 0, 8.64e15, Number.POSITIVE_INFINITY].map(formatWatermark)).toEqual([
    '-',
    '1970-01-01 00:00',
    'end',
    'end',
  ]);
});
