// SlotHost over worker threads.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { MillraceError, toWireError, type Cancellable, type Logger } from '@millrace/common';
import type { SlotDeployment } from '@millrace/proto';
import type { SlotHost, SlotHostEvents } from '../task-executor/task-executor.ts';
import type { SlotInstruction, WorkerKey } from '../task-executor/task-executor-messages.ts';
import type { PeerWatch } from '../exchange/peer-watch.ts';
import { LinkBroker } from './link-broker.ts';
import type { WorkerMemory } from './thread-messages.ts';
import { WorkerPool, type WorkerLease, type WorkerPoolOptions } from './worker-pool.ts';

/** How long a thread may take to end once it is terminated. JavaScript ends at once; a call into the operating system does not. */
const TERMINATION_TIMEOUT_MS_DEFAULT = 30_000;

export interface ThreadSlotHostOptions extends WorkerPoolOptions {
  readonly taskManagerId: string;
  /** Below it each attempt gets a directory for its state, removed when its worker has ended. */
  readonly stateDirectory: string;
  readonly terminationTimeoutMs?: number | undefined;
  /** Cluster mode: what notices that a producer cannot be reached. */
  readonly peers?: PeerWatch;
  /** A thread was terminated and did not end in time: only the end of the process ends it, and frees its slot. */
  readonly onStuck?: (error: MillraceError) => void;
}

/** `slot`: index and generation. */
export interface SlotMemory extends WorkerMemory {
  readonly slot: string;
  readonly jobId?: string;
}

/** Threading: the main thread. */
export class ThreadSlotHost implements SlotHost {
  readonly #options: ThreadSlotHostOptions;
  readonly #log: Logger;
  readonly #pool: WorkerPool;
  readonly #broker: LinkBroker;
  readonly #leases = new Map<string, WorkerLease>();
  readonly #events = new Map<string, SlotHostEvents>();
  readonly #terminating = new Map<string, Cancellable>();
  readonly #running = new Map<string, { readonly deployment: SlotDeployment; readonly directory: string }>();

  constructor(options: ThreadSlotHostOptions) {
    this.#options = options;
    this.#log = options.log;
    this.#pool = new WorkerPool(options);
    this.#broker = new LinkBroker(options.taskManagerId);
  }

  provide(key: WorkerKey, events: SlotHostEvents): void {
    const name = nameOf(key);
    const lease = this.#pool.provide({
      onReady: (dataAddress) => events.onReady(dataAddress),
      onReport: (report) => events.onReport(report),
      onExit: (error) => {
        this.#leases.delete(name);
        this.#events.delete(name);
        this.#terminating.get(name)?.cancel();
        this.#terminating.delete(name);
        this.#options.peers?.unwatch(name);
        this.#cleanUp(name);
        events.onExit(error);
      },
    });
    this.#leases.set(name, lease);
    this.#events.set(name, events);
  }

  start(key: WorkerKey, deployment: SlotDeployment, artifactDirectory: string): void {
    const name = nameOf(key);
    const { jobId, attemptNumber, slotIndex } = deployment;
    const directory = join(
      this.#options.stateDirectory,
      `${jobId}-${attemptNumber}-${slotIndex}-${key.generation}`,
    );
    this.#running.set(name, { deployment, directory });
    this.#options.peers?.watch(name, deployment, (error) =>
      this.#events.get(name)?.onReport({ kind: 'slot-failed', error }),
    );
    this.#leases
      .get(name)
      ?.worker()
      ?.start({
        kind: 'start',
        deployment,
        taskManagerId: this.#options.taskManagerId,
        artifactDirectory,
        stateDirectory: directory,
        links: this.#broker.connect(deployment),
      });
  }

  tell(key: WorkerKey, instruction: SlotInstruction): void {
    this.#leases.get(nameOf(key))?.worker()?.tell(instruction);
  }

  terminate(key: WorkerKey): void {
    const name = nameOf(key);
    if (this.#terminating.has(name)) return;
    const worker = this.#leases.get(name)?.worker();
    if (worker === undefined) return;
    const jobId = this.#running.get(name)?.deployment.jobId;
    this.#terminating.set(
      name,
      this.#limit({ slotIndex: key.slotIndex, ...(jobId === undefined ? {} : { jobId }) }),
    );
    worker.terminate();
  }

  /** Resolves once `memory` is of now: no later than the threads obey what they are told from here on. */
  async measure(): Promise<void> {
    await Promise.all(
      [...this.#leases.values()].map((lease) => lease.worker()?.measure() ?? Promise.resolve()),
    );
  }

  /** What each slot's thread takes, as it said last, with the job that runs there. */
  memory(): readonly SlotMemory[] {
    return [...this.#leases].flatMap(([name, lease]) => {
      const memory = lease.worker()?.memory;
      if (memory === undefined) return [];
      const jobId = this.#running.get(name)?.deployment.jobId;
      return [{ slot: name, ...(jobId === undefined ? {} : { jobId }), ...memory }];
    });
  }

  /** Ends all threads, also those that have just started. */
  async close(): Promise<void> {
    const limit = this.#limit({});
    await this.#pool.close();
    limit.cancel();
  }

  #limit(details: { readonly slotIndex?: number; readonly jobId?: string }): Cancellable {
    const { timers, terminationTimeoutMs = TERMINATION_TIMEOUT_MS_DEFAULT, onStuck } = this.#options;
    return timers.schedule(terminationTimeoutMs, () => {
      const error = new MillraceError(
        'MR_WORKER_LOST',
        `Cannot end a slot's worker thread: ${terminationTimeoutMs} ms after it was terminated it is still in a call of the operating system, so the process has to end. Look for a file or a device that does not answer`,
        { details },
      );
      this.#log.error?.('slot worker cannot be ended', { error: toWireError(error) });
      onStuck?.(error);
    });
  }

  #cleanUp(name: string): void {
    const running = this.#running.get(name);
    if (running === undefined) return;
    this.#running.delete(name);
    this.#broker.release(running.deployment);
    rm(running.directory, { recursive: true, force: true }).catch((error: unknown) => {
      this.#log.warn?.('state directory not removed', { directory: running.directory, error });
    });
  }
}

function nameOf({ slotIndex, generation }: WorkerKey): string {
  return `${slotIndex}-${generation}`;
}
