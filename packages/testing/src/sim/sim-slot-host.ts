// The slots of one simulated TaskManager: each worker is a thread of its process, ended at once when it is terminated.
import { MillraceError, toWireError, type BlobStore, type FilePort, type Logger } from '@millrace/common';
import type { StreamGraph } from '@millrace/api';
import type { SlotDeployment } from '@millrace/proto';
import type { StateLimits } from '@millrace/runtime';
import type { SlotHost, SlotHostEvents, SlotInstruction, WorkerKey } from '@millrace/taskmanager';
import { LocalSlotHost } from '@millrace/taskmanager/local';
import type { SimDataNetwork } from './sim-data-network.ts';
import { simLocalStore } from './sim-local-store.ts';
import { SimLane, type SimProcess } from './sim-process.ts';

export interface SimSlotHostOptions {
  readonly taskManagerId: string;
  readonly process: SimProcess;
  readonly network: SimDataNetwork;
  readonly graphOf: (deployment: SlotDeployment) => StreamGraph;
  readonly filesOf: (thread: SimProcess, deployment: SlotDeployment) => FilePort;
  readonly blobStoreOf: (thread: SimProcess, deployment: SlotDeployment) => BlobStore;
  readonly logOf: (name: string) => Logger;
  /** How long a worker takes to start, a message between threads, an access to the local store. */
  readonly delayMs: (what: 'worker start' | 'message' | 'store') => number;
  /** Where a value of the local store is read wrongly; undefined: nowhere. */
  readonly flipAt: () => number | undefined;
  readonly isFreezingRecords: boolean;
  readonly stateLimits: StateLimits;
  readonly violated: (what: string) => void;
}

interface SimWorker {
  readonly thread: SimProcess;
  readonly host: LocalSlotHost;
  readonly events: SlotHostEvents;
  /** Messages to the thread, in order. */
  readonly instructions: SimLane;
  /** What it says, in order; its end comes last. */
  readonly reports: SimLane;
}

export class SimSlotHost implements SlotHost {
  readonly #options: SimSlotHostOptions;
  readonly #workers = new Map<string, SimWorker>();
  /** Local stores that threads which live have open. */
  #openStores = 0;
  /** Which attempt was started in which slot. */
  readonly #started = new Set<string>();

  constructor(options: SimSlotHostOptions) {
    this.#options = options;
  }

  /** Threads that live. */
  get threads(): readonly SimProcess[] {
    return [...this.#workers.values()].map(({ thread }) => thread);
  }

  get openStores(): number {
    return this.#openStores;
  }

  provide(key: WorkerKey, events: SlotHostEvents): void {
    const { process, network, delayMs, taskManagerId } = this.#options;
    const thread = process.spawn(`${process.name}/${key.slotIndex}`);
    const address = `${process.name}:${process.prng.nextId(4)}`;
    network.listen(address, thread);
    const worker: SimWorker = {
      thread,
      host: this.#host(thread, address, taskManagerId),
      events,
      instructions: new SimLane(process.scheduler),
      reports: new SimLane(process.scheduler),
    };
    this.#workers.set(nameOf(key), worker);
    const tell = (label: string, action: () => void): void =>
      worker.reports.put(process, delayMs('message'), { label, action });
    thread.post(delayMs('worker start'), 'worker start', () =>
      worker.host.provide(key, {
        onReady: () => tell('worker ready', () => events.onReady(address)),
        onReport: (report) => tell(`report ${report.kind}`, () => events.onReport(report)),
        onExit: () => undefined, // The thread's own end says so.
      }),
    );
  }

  start(key: WorkerKey, deployment: SlotDeployment): void {
    const { jobId, attemptNumber } = deployment;
    const started = `${jobId}/${attemptNumber}/${key.slotIndex}`;
    if (this.#started.has(started))
      this.#options.violated(`attempt ${attemptNumber} starts a second time in slot ${key.slotIndex}`);
    this.#started.add(started);
    this.#toThread(key, 'start', (host) => host.start(key, deployment));
  }

  tell(key: WorkerKey, instruction: SlotInstruction): void {
    this.#toThread(key, `tell ${instruction.kind}`, (host) => host.tell(key, instruction));
  }

  terminate(key: WorkerKey): void {
    this.#end(nameOf(key), undefined);
  }

  /** Ends the `index`-th worker as a fault of its own would. Returns false when there is none. */
  crashWorker(index: number): boolean {
    const names = [...this.#workers.keys()];
    const name = names[index % Math.max(1, names.length)];
    if (name === undefined) return false;
    this.#end(name, new MillraceError('MR_WORKER_LOST', 'The worker thread ended: out of memory'));
    return true;
  }

  #end(name: string, error: MillraceError | undefined): void {
    const worker = this.#workers.get(name);
    if (worker === undefined) return;
    this.#workers.delete(name);
    worker.thread.kill();
    worker.reports.put(this.#options.process, this.#options.delayMs('message'), {
      label: 'worker exit',
      action: () => worker.events.onExit(error === undefined ? undefined : toWireError(error)),
    });
  }

  #toThread(key: WorkerKey, label: string, action: (host: LocalSlotHost) => void): void {
    const worker = this.#workers.get(nameOf(key));
    worker?.instructions.put(worker.thread, this.#options.delayMs('message'), {
      label,
      action: () => action(worker.host),
    });
  }

  #host(thread: SimProcess, address: string, taskManagerId: string): LocalSlotHost {
    const { network, graphOf, filesOf, blobStoreOf, logOf, delayMs, flipAt, isFreezingRecords, stateLimits } =
      this.#options;
    const yieldToWorld = (): Promise<void> =>
      thread.call({ label: 'local store', delayMs: delayMs('store'), effect: () => undefined });
    const open = new Set<object>();
    thread.onDeath(() => {
      this.#openStores -= open.size;
    });
    return new LocalSlotHost({
      taskManagerId,
      timers: thread.timers,
      network: {
        open: (_taskManagerId, deployment) => network.open(address, deployment),
        close: () => network.close(address),
      },
      graphOf,
      isFreezingRecords,
      stateLimits,
      portsOf: (deployment) => ({
        clock: thread.clock,
        timers: thread.timers,
        random: thread.random,
        log: logOf(`${thread.name} #${deployment.attemptNumber}`),
        blobStore: blobStoreOf(thread, deployment),
        openKeyValueStore: async () => {
          await yieldToWorld();
          const token = {};
          open.add(token);
          this.#openStores++;
          const onClose = (): void => {
            if (open.delete(token)) this.#openStores--;
          };
          return simLocalStore({ yieldToWorld, flipAt, onClose });
        },
        files: filesOf(thread, deployment),
      }),
    });
  }
}

function nameOf({ slotIndex, generation }: WorkerKey): string {
  return `${slotIndex}-${generation}`;
}
