// SlotHost over worker threads.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '@millrace/common';
import type { SlotDeployment } from '@millrace/proto';
import type { SlotHost, SlotHostEvents } from '../task-executor/task-executor.ts';
import type { SlotInstruction, WorkerKey } from '../task-executor/task-executor-messages.ts';
import { LinkBroker } from './link-broker.ts';
import { WorkerPool, type WorkerLease, type WorkerPoolOptions } from './worker-pool.ts';

export interface ThreadSlotHostOptions extends WorkerPoolOptions {
  readonly taskManagerId: string;
  /** Below it each attempt gets a directory for its state, removed when its worker has ended. */
  readonly stateDirectory: string;
}

/** Threading: the main thread. */
export class ThreadSlotHost implements SlotHost {
  readonly #options: ThreadSlotHostOptions;
  readonly #log: Logger;
  readonly #pool: WorkerPool;
  readonly #broker: LinkBroker;
  readonly #leases = new Map<string, WorkerLease>();
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
        this.#cleanUp(name);
        events.onExit(error);
      },
    });
    this.#leases.set(name, lease);
  }

  start(key: WorkerKey, deployment: SlotDeployment, artifactDirectory: string): void {
    const name = nameOf(key);
    const { jobId, attemptNumber, slotIndex } = deployment;
    const directory = join(
      this.#options.stateDirectory,
      `${jobId}-${attemptNumber}-${slotIndex}-${key.generation}`,
    );
    this.#running.set(name, { deployment, directory });
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
    this.#leases.get(nameOf(key))?.worker()?.terminate();
  }

  /** Ends all threads, also those that have just started. */
  close(): Promise<void> {
    return this.#pool.close();
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
