// The main thread's side of one slot worker.
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { Worker } from 'node:worker_threads';
import { MillraceError, toWireError, unreachable, type Logger, type WireError } from '@millrace/common';
import type { SlotReportBody } from '@millrace/runtime';
import type { SlotInstruction } from '../task-executor/task-executor-messages.ts';
import type { FromWorker, StartSlot, ToWorker, WorkerMemory, WorkerSetup } from './thread-messages.ts';

export interface SlotWorkerEvents {
  onReady(dataAddress: string): void;
  onReport(report: SlotReportBody): void;
  /** The thread is gone; `error` unless it was asked to go. Nothing follows. */
  onExit(error: WireError | undefined): void;
}

export interface SlotWorkerOptions {
  /** The compiled worker entry. */
  readonly entry: URL;
  readonly setup: WorkerSetup;
  /** V8's young generation; the performance notes say why it matters. */
  readonly youngGenerationMegabytes: number;
  readonly log: Logger;
  /** Hands what user code writes to stdout and stderr to the log, instead of this process's own. */
  readonly isOutputLogged: boolean;
}

/** Contract: events come later than the call that made the worker. Threading: the main thread. */
export class SlotWorker {
  readonly #worker: Worker;
  readonly #log: Logger;
  #events: SlotWorkerEvents | undefined;
  #dataAddress: string | undefined;
  #error: WireError | undefined;
  #isTerminating = false;
  #isGone = false;
  /** As the thread said last; undefined: nothing yet. */
  memory: WorkerMemory | undefined;
  readonly #measuring: (() => void)[] = [];

  constructor(options: SlotWorkerOptions) {
    this.#log = options.log;
    this.#worker = new Worker(options.entry, {
      workerData: options.setup,
      name: 'millrace-slot',
      stdout: options.isOutputLogged,
      stderr: options.isOutputLogged,
      resourceLimits: { maxYoungGenerationSizeMb: options.youngGenerationMegabytes },
    });
    if (options.isOutputLogged) {
      this.#logLines(this.#worker.stdout, 'stdout');
      this.#logLines(this.#worker.stderr, 'stderr');
    }
    this.#worker.on('message', (message: FromWorker) => this.#onMessage(message));
    this.#worker.on('error', (error) => (this.#error ??= workerLost(error)));
    this.#worker.on('exit', (code) => {
      this.#isGone = true;
      this.#endMeasuring();
      this.#events?.onExit(this.#exitError(code));
    });
  }

  /** False when the thread has ended. */
  get isAlive(): boolean {
    return !this.#isGone && !this.#isTerminating;
  }

  get isReady(): boolean {
    return this.#dataAddress !== undefined;
  }

  /** Makes this worker a slot's. What has happened already is told at once. */
  attach(events: SlotWorkerEvents): void {
    this.#events = events;
    if (this.#dataAddress !== undefined) events.onReady(this.#dataAddress);
  }

  start(message: StartSlot): void {
    const ports = message.links.map(({ port }) => port);
    this.#worker.postMessage(message satisfies ToWorker, ports);
  }

  tell(instruction: SlotInstruction): void {
    this.#worker.postMessage({ kind: 'instruction', instruction } satisfies ToWorker);
  }

  /** Resolves once `memory` is what the thread takes now, or the thread is gone: it answers before it obeys what it is told later. */
  measure(): Promise<void> {
    if (!this.isAlive) return Promise.resolve();
    this.#worker.postMessage({ kind: 'measure' } satisfies ToWorker);
    return new Promise((resolve) => this.#measuring.push(resolve));
  }

  /** Ends the thread, whatever it is doing. `onExit` follows. */
  terminate(): void {
    if (this.#isTerminating) return;
    this.#isTerminating = true;
    void this.#worker.terminate();
  }

  /** Ends the thread and resolves when it is gone. */
  async ended(): Promise<void> {
    this.#isTerminating = true;
    await this.#worker.terminate();
  }

  #onMessage(message: FromWorker): void {
    switch (message.kind) {
      case 'ready':
        this.#dataAddress = message.dataAddress;
        this.#events?.onReady(message.dataAddress);
        return;
      case 'report':
        this.#events?.onReport(message.report);
        return;
      case 'report-text':
        this.#events?.onReport(JSON.parse(message.text) as SlotReportBody);
        return;
      case 'memory': {
        const { heapBytes, externalBytes } = message;
        this.memory = { heapBytes, externalBytes };
        this.#endMeasuring();
        return;
      }
      case 'log':
        this.#log[message.level]?.(message.message, message.fields);
        return;
      default:
        unreachable(message);
    }
  }

  #endMeasuring(): void {
    for (const resolve of this.#measuring.splice(0)) resolve();
  }

  #logLines(stream: Readable, name: string): void {
    createInterface({ input: stream }).on('line', (line) =>
      this.#log.info?.('user code wrote', { stream: name, line }),
    );
  }

  #exitError(code: number): WireError | undefined {
    if (this.#isTerminating) return undefined;
    return this.#error ?? workerLost(undefined, code);
  }
}

function workerLost(cause: unknown, exitCode?: number): WireError {
  const reason = cause instanceof Error ? cause.message : `it ended with exit code ${exitCode}`;
  return toWireError(
    new MillraceError('MR_WORKER_LOST', `Lost a slot's worker thread: ${reason}`, {
      ...(exitCode === undefined ? {} : { details: { exitCode } }),
      cause,
    }),
  );
}
