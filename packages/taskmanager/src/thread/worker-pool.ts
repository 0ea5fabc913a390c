// Slot workers, and a spare one that has the engine imported, so that a deployment costs no thread start.
import type { Cancellable, Logger, TimerPort } from '@millrace/common';
import { SlotWorker, type SlotWorkerEvents, type SlotWorkerOptions } from './slot-worker.ts';

/** Workers that die before they are ready are started again after a delay that doubles from here. */
const RETRY_DELAY_MS_MIN = 100;
const RETRY_DELAY_MS_MAX = 5_000;
/**
 * A spare that was taken is replaced after this time: what took it is being deployed, then compiled by V8, and needs the processor now;
 * a short job is over by then. Importing the engine takes some 0.2 s.
 */
const SPARE_DELAY_MS = 5_000;

export interface WorkerPoolOptions extends SlotWorkerOptions {
  readonly timers: TimerPort;
  readonly log: Logger;
  /** Workers kept ready besides those of the slots. */
  readonly spareCount: number;
}

/** A slot's hold on its worker. */
export interface WorkerLease {
  readonly worker: () => SlotWorker | undefined;
}

/**
 * Contract: `provide` always leads to `onReady`, after any number of failed starts; spares are started when no slot
 * waits for its worker. Threading: the main thread. Bounds: slots + spareCount threads.
 */
export class WorkerPool {
  readonly #options: WorkerPoolOptions;
  readonly #spares: SlotWorker[] = [];
  readonly #retries = new Set<Cancellable>();
  #starting = 0;
  #failuresInRow = 0;
  #isClosed = false;
  #hadSpares = false;
  #isSpareScheduled = false;
  readonly #alive = new Set<SlotWorker>();

  constructor(options: WorkerPoolOptions) {
    this.#options = options;
  }

  /** Gives the slot a worker: a spare at once, else a new one. */
  provide(events: SlotWorkerEvents): WorkerLease {
    let worker: SlotWorker | undefined;
    const lease: WorkerLease = { worker: () => worker };
    const start = (): void => {
      this.#starting++;
      let isReady = false;
      worker = this.#spares.shift() ?? this.#start();
      worker.attach({
        onReady: (dataAddress) => {
          isReady = true;
          this.#starting--;
          this.#failuresInRow = 0;
          events.onReady(dataAddress);
          this.#replaceSpares();
        },
        onReport: (report) => events.onReport(report),
        onExit: (error) => {
          if (worker !== undefined) this.#alive.delete(worker);
          if (isReady) return events.onExit(error);
          this.#starting--;
          this.#retry(error?.message, start);
        },
      });
    };
    // A caller never hears of its worker inside this call.
    this.#later(0, start);
    return lease;
  }

  /** Ends all threads. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const retry of this.#retries) retry.cancel();
    await Promise.all([...this.#alive].map((worker) => worker.ended()));
  }

  #start(): SlotWorker {
    const worker = new SlotWorker(this.#options);
    this.#alive.add(worker);
    return worker;
  }

  /** The first spares at once, later ones when the deployment that took one is over. */
  #replaceSpares(): void {
    if (this.#isSpareScheduled) return;
    this.#isSpareScheduled = true;
    this.#later(this.#hadSpares ? SPARE_DELAY_MS : 0, () => {
      this.#isSpareScheduled = false;
      this.#startSpares();
    });
  }

  #startSpares(): void {
    if (this.#starting > 0 || this.#isClosed) return;
    this.#hadSpares = true;
    while (this.#spares.length < this.#options.spareCount) {
      const spare = this.#start();
      this.#spares.push(spare);
      spare.attach({
        onReady: () => undefined,
        onReport: () => undefined,
        onExit: () => {
          this.#alive.delete(spare);
          const at = this.#spares.indexOf(spare);
          if (at >= 0) this.#spares.splice(at, 1); // The next `provide` starts one.
        },
      });
    }
  }

  #retry(reason: string | undefined, start: () => void): void {
    if (this.#isClosed) return;
    const delayMs = Math.min(RETRY_DELAY_MS_MAX, RETRY_DELAY_MS_MIN * 2 ** this.#failuresInRow++);
    this.#options.log.error?.('slot worker died while it started', { reason, delayMs });
    this.#later(delayMs, start);
  }

  #later(delayMs: number, action: () => void): void {
    const timer = this.#options.timers.schedule(delayMs, () => {
      this.#retries.delete(timer);
      if (!this.#isClosed) action();
    });
    this.#retries.add(timer);
  }
}
