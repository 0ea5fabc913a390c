import { asJobVertexId, executionAttemptId } from '@millrace/common';
import { VirtualTime } from '@millrace/testing';
import { expect, test } from 'vitest';
import { Mailbox } from '../task/mailbox.ts';
import { Progress } from '../task/progress.ts';
import type { Task } from '../task/task.ts';
import { RunningTask } from './running-task.ts';
import { SlotLoop } from './slot-loop.ts';

const RUNS_A_SLICE = 8;

/** A clock that tasks move, so that a run takes time. */
class BusyTime extends VirtualTime {
  #busyMs = 0;

  override monotonicMs(): number {
    return super.monotonicMs() + this.#busyMs;
  }

  spend(ms: number): void {
    this.#busyMs += ms;
  }
}

/** A task with so many elements, each of which takes so long; `onRun` hears of each. */
function taskOf(of: { readonly elements: number; readonly onRun: () => void }): Task {
  let left = of.elements;
  return {
    executionAttemptId: executionAttemptId(asJobVertexId('0'), 0, 1),
    runOnce: () => {
      if (left === 0) return Progress.Idle;
      left--;
      of.onRun();
      return Progress.Made;
    },
    flush: () => undefined,
    hasPendingOutput: false,
    expectsInput: false,
    dueInMs: () => Infinity,
    triggerCheckpoint: () => undefined,
    checkpointCompleted: () => undefined,
    checkpointAborted: () => undefined,
    commit: () => Promise.resolve(),
    metrics: () => {
      throw new Error('nobody asks');
    },
    close: () => Promise.resolve(),
  };
}

/** Runs two tasks to their end and returns the order of their runs: 'a' and 'b', one letter each. */
async function orderOf(of: { readonly elements: number; readonly a: number; readonly b: number }) {
  const time = new BusyTime();
  let order = '';
  const running = (['a', 'b'] as const).map(
    (name) =>
      new RunningTask(
        taskOf({
          elements: of.elements,
          onRun: () => {
            order += name;
            time.spend(of[name]);
          },
        }),
        0,
      ),
  );
  const loop = new SlotLoop({
    clock: time,
    timers: time,
    mailbox: new Mailbox(() => undefined),
    tasks: running,
    bufferTimeoutMs: 0,
    onTurnEnd: () => undefined,
    fail: (error) => {
      throw error;
    },
  });
  loop.wake();
  while (await time.step());
  return order;
}

test('a task goes on for a millisecond before the next one runs', async () => {
  expect(await orderOf({ elements: 4, a: 0.25, b: 0.5 })).toBe('aaaabbbb');
  expect(await orderOf({ elements: 4, a: 0.5, b: 0.5 })).toBe('aabbaabb');
});

test('an element that takes longer than a slice is the only one of it', async () => {
  expect(await orderOf({ elements: 3, a: 2, b: 8 })).toBe('ababab');
});

test('a slice ends also where the clock stands still', async () => {
  const [a, b] = ['a'.repeat(RUNS_A_SLICE), 'b'.repeat(RUNS_A_SLICE)];
  expect(await orderOf({ elements: 2 * RUNS_A_SLICE, a: 0, b: 0 })).toBe(a + b + a + b);
});
