// [HOT] Runs the tasks of a slot in turns of bounded length; sleeps when there is nothing to do.
import type { Cancellable, Clock, ExecutionAttemptId, TimerPort } from '@millrace/common';
import { Progress } from '../task/progress.ts';
import type { Mailbox } from '../task/mailbox.ts';
import type { RunningTask } from './running-task.ts';

/**
 * A turn of the loop, after which the thread goes back to I/O, ms: what came from other slots, credit above all, waits so long, and
 * what goes to them. With 8 a batch and the credit for it took up to three turns, in which the eight batches of a channel were sent long before:
 * two processes waited for a third of their time. Between two turns about a microsecond goes by.
 */
const TURN_MS = 1;
/** Passes over all tasks in one turn at most, so that a turn ends also where the clock stands still. */
const TURN_PASSES_MAX = 256;
/**
 * Elements that a task takes in a row at most, while the turn is not over. With one each in turns, what a task reads most, such as the table
 * of its keys, had left the processor's caches when its turn came again, and credit went back one batch at a time.
 */
const ELEMENTS_IN_A_ROW_MAX = 8;
/** A sleep is whole milliseconds, so that rounding never makes the loop spin. */
const SLEEP_MS_MIN = 1;

export interface SlotLoopOptions {
  readonly clock: Clock;
  readonly timers: TimerPort;
  readonly mailbox: Mailbox;
  /** Consumers before producers, so that queues stay short. */
  readonly tasks: readonly RunningTask[];
  /** Rows wait in outputs at most about this long; 0: what an input element gave leaves behind it. */
  readonly bufferTimeoutMs: number;
  readonly onTurnEnd: () => void;
  readonly fail: (error: unknown, executionAttemptId: ExecutionAttemptId | undefined) => void;
}

/**
 * The loop of a slot.
 * Contract: `wake` may be called at any time. What a task throws stops the loop and goes to `fail`.
 * Threading: the slot's thread.
 */
export class SlotLoop {
  readonly #options: SlotLoopOptions;
  readonly #hasSeveralReaders: boolean;
  #isStopped = false;
  #isInTurn = false;
  #isTurnScheduled = false;
  /** Something arrived during the turn, at a task that had perhaps been passed already. */
  #hasNews = false;
  #sleep: Cancellable | undefined;
  /** Rows have waited in outputs since then; NaN: none do. */
  #pendingSinceMs = NaN;
  /** A quiet turn goes by before rows are flushed early: what the last turn caused may just be arriving. */
  #hadQuietTurn = false;

  constructor(options: SlotLoopOptions) {
    this.#options = options;
    this.#hasSeveralReaders = options.tasks.filter(({ task }) => task.isReader).length > 1;
  }

  wake(): void {
    this.#hasNews = true;
    if (this.#isInTurn || this.#isTurnScheduled || this.#isStopped) return;
    this.#isTurnScheduled = true;
    this.#sleep?.cancel();
    this.#sleep = undefined;
    this.#options.timers.schedule(0, () => this.#turn());
  }

  stop(): void {
    this.#isStopped = true;
    this.#sleep?.cancel();
    this.#sleep = undefined;
  }

  #turn(): void {
    this.#isTurnScheduled = false;
    if (this.#isStopped) return;
    this.#isInTurn = true;
    let isAwake = false;
    try {
      isAwake = this.#runTurn();
    } catch (error) {
      this.#options.fail(error, undefined);
    }
    this.#isInTurn = false;
    if (this.#isStopped) return;
    this.#options.onTurnEnd();
    if (isAwake || this.#hasNews) this.wake();
    else this.#goToSleep();
  }

  /** Returns true when there is more to do at once. */
  #runTurn(): boolean {
    const { clock, mailbox } = this.#options;
    const endMs = clock.monotonicMs() + TURN_MS;
    for (let pass = 0; pass < TURN_PASSES_MAX; pass++) {
      mailbox.drain();
      if (this.#isStopped) return false;
      this.#hasNews = false;
      const isMade = this.#runTasks(endMs);
      if (this.#isStopped) return false;
      const nowMs = clock.monotonicMs();
      this.#flushOverdue(nowMs);
      if (isMade || this.#hasNews) this.#hadQuietTurn = false;
      else if (Number.isNaN(this.#pendingSinceMs)) return false;
      else if (!this.#onQuiet()) return !this.#isWaitingForInput();
      if (nowMs >= endMs) return true;
    }
    return true;
  }

  /** Every task takes one element, and goes on while the turn is not over. Returns true when something was done. */
  #runTasks(endMs: number): boolean {
    const { clock, tasks } = this.#options;
    let isMade = false;
    let startMs = clock.monotonicMs();
    for (let index = 0; index < tasks.length; index++) {
      const running = tasks[index];
      if (running === undefined) continue;
      const elementsMax = this.#elementsMax(running);
      for (let count = 0; count < elementsMax; count++) {
        let progress: Progress;
        try {
          progress = running.task.runOnce();
        } catch (error) {
          this.#options.fail(error, running.task.executionAttemptId);
          return false;
        }
        const runEndMs = clock.monotonicMs();
        running.onRun(progress, startMs, runEndMs);
        startMs = runEndMs;
        if (progress !== Progress.Made) break;
        isMade = true;
        if (runEndMs >= endMs || this.#isStopped) break;
      }
    }
    return isMade;
  }

  #elementsMax({ task }: RunningTask): number {
    // What an element gave has to leave before the next one is taken.
    if (this.#options.bufferTimeoutMs === 0) return 1;
    // Readers side by side read equally many batches, so that one that takes little time is not far ahead in event time.
    return task.isReader && this.#hasSeveralReaders ? 1 : ELEMENTS_IN_A_ROW_MAX;
  }

  #flushOverdue(nowMs: number): void {
    const hasPending = this.#options.tasks.some((running) => running.task.hasPendingOutput);
    if (!hasPending) {
      this.#pendingSinceMs = NaN;
      return;
    }
    if (Number.isNaN(this.#pendingSinceMs)) this.#pendingSinceMs = nowMs;
    if (nowMs - this.#pendingSinceMs >= this.#options.bufferTimeoutMs) this.#flush();
  }

  /** No task could go on, and rows wait in outputs. Returns true when they were flushed, which may give work. */
  #onQuiet(): boolean {
    if (this.#isWaitingForInput()) return false;
    if (!this.#hadQuietTurn) {
      this.#hadQuietTurn = true;
      return false;
    }
    this.#flush();
    return true;
  }

  /** Input is under way by itself: rows wait for it, up to the buffer timeout. */
  #isWaitingForInput(): boolean {
    return this.#options.tasks.some((running) => running.task.expectsInput);
  }

  #flush(): void {
    this.#pendingSinceMs = NaN;
    for (const running of this.#options.tasks) running.task.flush();
  }

  #goToSleep(): void {
    const { clock, timers, tasks, bufferTimeoutMs } = this.#options;
    let delayMs = Infinity;
    for (const running of tasks) delayMs = Math.min(delayMs, running.task.dueInMs());
    if (!Number.isNaN(this.#pendingSinceMs)) {
      delayMs = Math.min(delayMs, Math.max(0, this.#pendingSinceMs + bufferTimeoutMs - clock.monotonicMs()));
    }
    if (delayMs === Infinity) return;
    this.#sleep?.cancel();
    this.#sleep = timers.schedule(Math.max(SLEEP_MS_MIN, Math.ceil(delayMs)), () => {
      this.#sleep = undefined;
      this.wake();
    });
  }
}
