// One slot of a job attempt: its tasks, their loop, and what the JobManager tells it.
import { toWireError, type ExecutionAttemptId, type WireError } from '@millrace/common';
import type { StreamGraph } from '@millrace/api';
import type { SlotDeployment } from '@millrace/proto';
import { openOperatorChain } from '../chain/open-operator-chain.ts';
import { Mailbox } from '../task/mailbox.ts';
import type { TaskContext } from '../task/task-context.ts';
import type { CheckpointTrigger } from '../task/task.ts';
import { openTask, type OpenChain } from './open-tasks.ts';
import { prepareSinks } from './prepare-sinks.ts';
import { PrintedLines } from './printed-lines.ts';
import { RunningTask } from './running-task.ts';
import { SlotChannels } from './slot-channels.ts';
import { SlotLoop } from './slot-loop.ts';
import type { SlotPorts } from './slot-ports.ts';

/** Metrics are reported this often while there is work, ms. */
const METRICS_INTERVAL_MS = 250;

export interface SlotRuntimeOptions {
  readonly deployment: SlotDeployment;
  /** The live graph, equal to the deployment's. */
  readonly graph: StreamGraph;
  readonly ports: SlotPorts;
  readonly openChain?: OpenChain;
}

/*
 * OPENING → RUNNING → FINISHED | CANCELLED | FAILED;  FAILED → CANCELLED
 */
type SlotState = 'OPENING' | 'RUNNING' | 'FINISHED' | 'CANCELLED' | 'FAILED';

/**
 * What runs in a slot.
 * Contract: `open` resolves when all subtasks have restored their state; it rejects, without a report, when they could
 * not. Afterwards everything is reported through `ports.report`; `slot-failed` at most once. It does not report
 * `slot-ended`: whoever owns the worker does, after `finish` or `cancel` has resolved. Commands may come twice.
 * Threading: one thread; nothing runs inside a call of a port but what the port's contract says.
 */
export class SlotRuntime implements AsyncDisposable {
  readonly #deployment: SlotDeployment;
  readonly #ports: SlotPorts;
  readonly #mailbox: Mailbox;
  readonly #lines: PrintedLines;
  readonly #channels: SlotChannels;
  #state: SlotState = 'OPENING';
  /** Consumers before producers, so that queues stay short. Filled once. */
  readonly #tasks: RunningTask[] = [];
  readonly #loop: SlotLoop;
  #isMetricsTimed = false;
  #commits: Promise<unknown> = Promise.resolve();
  #closed: Promise<void> | undefined;

  private constructor(options: Required<SlotRuntimeOptions>) {
    const { deployment, ports } = options;
    this.#deployment = deployment;
    this.#ports = ports;
    this.#mailbox = new Mailbox(() => this.#loop.wake());
    this.#lines = new PrintedLines((lines) => ports.report({ kind: 'output', lines }));
    this.#loop = this.#createLoop();
    this.#channels = new SlotChannels({
      deployment,
      network: ports.network,
      wake: () => this.#loop.wake(),
      fail: (error) => this.#fail(error, undefined),
    });
  }

  /** Opens what the deployment's mode asks for, and starts it. */
  static async open(options: SlotRuntimeOptions): Promise<SlotRuntime> {
    const complete = { openChain: openOperatorChain, ...options };
    const slot = new SlotRuntime(complete);
    const { deployment, graph, ports } = options;
    if (deployment.mode === 'prepare') {
      slot.#state = 'RUNNING';
      slot.#await(prepareSinks(deployment, graph, ports), () => ports.report({ kind: 'slot-prepared' }));
      return slot;
    }
    await slot.#openTasks(complete);
    return slot;
  }

  triggerCheckpoint(trigger: CheckpointTrigger): void {
    this.#mailbox.put(() => {
      for (const { task } of this.#tasks) task.triggerCheckpoint(trigger);
    });
  }

  /** The checkpoint's pointer is durable: commits, and acknowledges when all is committed. */
  checkpointCompleted(checkpointId: number): void {
    this.#mailbox.put(() => {
      for (const { task } of this.#tasks) task.checkpointCompleted(checkpointId);
      this.#commits = this.#commits.then(() =>
        Promise.all(this.#tasks.map(({ task }) => task.commit(checkpointId))),
      );
      this.#await(this.#commits, () => this.#ports.report({ kind: 'commit-acknowledged', checkpointId }));
    });
  }

  checkpointAborted(checkpointId: number): void {
    this.#mailbox.put(() => {
      for (const { task } of this.#tasks) task.checkpointAborted(checkpointId);
    });
  }

  /** Sources of these groups may go so far: ms since the epoch; null: as far as they like. */
  alignWatermarks(limitsMs: Readonly<Record<string, number | null>>): void {
    this.#mailbox.put(() => {
      for (const { task } of this.#tasks) task.alignWatermarks?.(limitsMs);
    });
  }

  /** The job is over and everything is committed: closes all. */
  finish(): Promise<void> {
    if (this.#state === 'RUNNING') {
      this.#lines.publish();
      this.#reportMetrics();
      this.#state = 'FINISHED';
    }
    return this.#close();
  }

  /** Stops at once, closes all, frees the channels. */
  cancel(): Promise<void> {
    if (this.#state !== 'FINISHED') this.#state = 'CANCELLED';
    return this.#close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.cancel();
  }

  async #openTasks(options: Required<SlotRuntimeOptions>): Promise<void> {
    const { deployment, graph, openChain } = options;
    const opened = await Promise.allSettled(
      deployment.subtasks.map((subtask) => {
        const context: TaskContext = {
          deployment,
          subtask,
          ports: this.#ports,
          mailbox: this.#mailbox,
          fail: (error, executionAttemptId) => this.#fail(toWireError(error), executionAttemptId),
          reportMetrics: () => this.#reportMetrics(),
        };
        return openTask(context, { graph, channels: this.#channels, lines: this.#lines, openChain });
      }),
    );
    const nowMs = this.#ports.clock.monotonicMs();
    const tasks = opened.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    for (const task of tasks.toReversed()) this.#tasks.push(new RunningTask(task, nowMs));
    const failure = opened.find((result) => result.status === 'rejected');
    if (failure !== undefined) {
      await this.cancel().catch(() => {}); // The first failure is the one to report.
      throw failure.reason;
    }
    this.#start();
  }

  #start(): void {
    this.#state = 'RUNNING';
    const { restoredCheckpointId, mode } = this.#deployment;
    if (restoredCheckpointId !== undefined)
      this.#ports.report({ kind: 'commit-acknowledged', checkpointId: restoredCheckpointId });
    if (mode === 'commit') return;
    this.#channels.connect();
    this.#ports.report({ kind: 'slot-running' });
    this.#loop.wake();
  }

  #createLoop(): SlotLoop {
    return new SlotLoop({
      clock: this.#ports.clock,
      timers: this.#ports.timers,
      mailbox: this.#mailbox,
      tasks: this.#tasks,
      bufferTimeoutMs: this.#deployment.options.bufferTimeoutMs,
      onTurnEnd: () => this.#onTurnEnd(),
      fail: (error, executionAttemptId) => this.#fail(toWireError(error), executionAttemptId),
    });
  }

  #onTurnEnd(): void {
    this.#lines.publish();
    if (this.#isMetricsTimed) return;
    this.#isMetricsTimed = true;
    this.#ports.timers.schedule(METRICS_INTERVAL_MS, () => {
      this.#isMetricsTimed = false;
      if (this.#state === 'RUNNING') this.#reportMetrics();
    });
  }

  #reportMetrics(): void {
    if (this.#tasks.length === 0) return;
    const nowMs = this.#ports.clock.monotonicMs();
    this.#ports.report({ kind: 'metrics', subtasks: this.#tasks.map((running) => running.report(nowMs)) });
  }

  #await<T>(promise: Promise<T>, onValue: (value: T) => void): void {
    this.#mailbox.await(promise, onValue, (error) => this.#fail(toWireError(error), undefined));
  }

  #fail(error: WireError, executionAttemptId: ExecutionAttemptId | undefined): void {
    if (this.#state !== 'RUNNING') return;
    this.#state = 'FAILED';
    this.#loop.stop();
    // What the batch at hand printed before it failed may be what tells why.
    this.#lines.publish();
    // A job that fails early has read something all the same.
    this.#reportMetrics();
    this.#ports.log.error?.('slot failed', { error, executionAttemptId });
    this.#ports.report({
      kind: 'slot-failed',
      error,
      ...(executionAttemptId === undefined ? {} : { executionAttemptId }),
    });
  }

  #close(): Promise<void> {
    this.#closed ??= this.#closeAll();
    return this.#closed;
  }

  async #closeAll(): Promise<void> {
    this.#loop.stop();
    this.#channels.close();
    const closed = await Promise.allSettled(this.#tasks.map(({ task }) => task.close()));
    const errors = closed.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
    for (const error of errors) this.#ports.log.warn?.('task did not close cleanly', { error });
  }
}
