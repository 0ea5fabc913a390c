import { asJobVertexId, executionAttemptId } from '@millrace/common';
import { VirtualTime } from '@millrace/testing';
import { expect, test } from 'vitest';
import { Mailbox } from '../task/mailbox.ts';
import { Progress } from '../task/progress.ts';
import type { Task } from '../task/task.ts';
import { RunningTask } from './running-task.ts';
import { SlotLoop } from './slot-loop.ts';

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

/** A task with so many elements; `onRun` hears of each. */
function taskOf(of: {
  readonly elements: number;
  readonly isReader: boolean;
  readonly onRun: () => void;
}): Task {
  let left = of.elements;
  return {
    executionAttemptId: executionAttemptId(asJobVertexId('0'), 0, 1),
    isReader: of.isReader,
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

interface Two {
  /** Of each of the two tasks. */
  readonly elements: number;
  /** What an element of each takes, ms. */
  readonly a: number;
  readonly b: number;
  readonly areReaders?: boolean;
  readonly bufferTimeoutMs?: number;
}

/** Runs two tasks to their end and returns the order of their elements, a letter each, with `|` after each turn. */
async function orderOf({ elements, areReaders = false, bufferTimeoutMs = 10, ...costs }: Two) {
  const time = new BusyTime();
  let order = '';
  const tasks = (['a', 'b'] as const).map((name) => {
    const onRun = (): void => {
      order += name;
      time.spend(costs[name]);
    };
    return new RunningTask(taskOf({ elements, isReader: areReaders, onRun }), 0);
  });
  const loop = new SlotLoop({
    clock: time,
    timers: time,
    mailbox: new Mailbox(() => undefined),
    tasks,
    bufferTimeoutMs,
    onTurnEnd: () => {
      order += '|';
    },
    fail: (error) => {
      throw error;
    },
  });
  loop.wake();
  while (await time.step());
  return order;
}

test('a task goes on as long as the turn, and each has an element of every turn', async () => {
  expect(await orderOf({ elements: 4, a: 0.25, b: 0.5 })).toBe('aaaab|bb|b|');
  expect(await orderOf({ elements: 3, a: 2, b: 8 })).toBe('ab|ab|ab||');
});

test('a task that takes little leaves the rest of the turn to the next one', async () => {
  expect(await orderOf({ elements: 3, a: 0.125, b: 0.25 })).toBe('aaabbb||');
});

test('a task gives way also where the clock stands still', async () => {
  const [a, b] = ['a'.repeat(8), 'b'.repeat(8)];
  expect(await orderOf({ elements: 16, a: 0, b: 0 })).toBe(`${a}${b}${a}${b}|`);
});

test('readers side by side take one element each, however long theirs take', async () => {
  expect(await orderOf({ elements: 4, a: 0.125, b: 0.25, areReaders: true })).toMatch(/^(ab\|?){4}\|*$/);
});

test('without a buffer timeout each element is followed by a flush, so that tasks take one', async () => {
  expect(await orderOf({ elements: 3, a: 0.125, b: 0.125, bufferTimeoutMs: 0 })).toMatch(/^(ab\|?){3}\|*$/);
});
