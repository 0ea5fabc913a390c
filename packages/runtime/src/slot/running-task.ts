// [HOT] A task with the time that it takes, as the slot's loop measures it.
import type { SubtaskMetrics } from '@millrace/proto';
import { Progress } from '../task/progress.ts';
import type { Task } from '../task/task.ts';

/** Times one task. Units: monotonic ms. */
export class RunningTask {
  readonly task: Task;
  #busyMs = 0;
  #blockedMs = 0;
  #isBlocked = false;
  #lastMs: number;
  #reportedMs: number;

  constructor(task: Task, nowMs: number) {
    this.task = task;
    this.#lastMs = nowMs;
    this.#reportedMs = nowMs;
  }

  /** Records that `runOnce` began at `startMs`, ended at `endMs` and gave `progress`. */
  onRun(progress: Progress, startMs: number, endMs: number): void {
    if (this.#isBlocked) this.#blockedMs += startMs - this.#lastMs;
    this.#isBlocked = progress === Progress.Blocked;
    this.#busyMs += endMs - startMs;
    this.#lastMs = endMs;
  }

  /** Metrics with the shares of the time since the last call. */
  report(nowMs: number): SubtaskMetrics {
    const elapsedMs = nowMs - this.#reportedMs;
    const blockedMs = this.#blockedMs + (this.#isBlocked ? nowMs - this.#lastMs : 0);
    const metrics = this.task.metrics({
      busyShare: share(this.#busyMs, elapsedMs),
      backPressuredShare: share(blockedMs, elapsedMs),
    });
    this.#busyMs = 0;
    this.#blockedMs = 0;
    this.#lastMs = nowMs;
    this.#reportedMs = nowMs;
    return metrics;
  }
}

function share(partMs: number, wholeMs: number): number {
  return wholeMs > 0 ? Math.min(1, Math.max(0, partMs / wholeMs)) : 0;
}
