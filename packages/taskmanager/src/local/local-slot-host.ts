// SlotHost on the caller's own thread, with the live graph at hand: embedded jobs, breakpoints, and the simulator.
import { classify, toWireError, type TimerPort, type WireError } from '@millrace/common';
import type { StreamGraph } from '@millrace/api';
import type { SlotDeployment } from '@millrace/proto';
import {
  openOperatorChain,
  SlotRuntime,
  type SlotPorts,
  type SlotReportBody,
  type StateLimits,
} from '@millrace/runtime';
import { obeyInstruction } from '../slot/obey-instruction.ts';
import type { SlotHost, SlotHostEvents } from '../task-executor/task-executor.ts';
import type { SlotInstruction, WorkerKey } from '../task-executor/task-executor-messages.ts';
import type { LocalNetwork } from './local-network.ts';

export interface LocalSlotHostOptions {
  readonly taskManagerId: string;
  readonly timers: TimerPort;
  readonly network: Pick<LocalNetwork, 'open' | 'close'>;
  /** The graph that a deployment runs; what it throws fails the slot. */
  readonly graphOf: (deployment: SlotDeployment) => StreamGraph | Promise<StreamGraph>;
  /** The rest of the world of one attempt in one slot. */
  readonly portsOf: (deployment: SlotDeployment) => Omit<SlotPorts, 'network' | 'report'>;
  /** Freezes records and state values, so that a function that changes one fails with MR_RECORD_MUTATED. */
  readonly isFreezingRecords: boolean;
  /** Limits of keyed state, where the backend's own are not wanted. */
  readonly stateLimits?: StateLimits;
}

interface LocalWorker {
  readonly events: SlotHostEvents;
  deployment: SlotDeployment | undefined;
  runtime: SlotRuntime | undefined;
  early: SlotInstruction[];
  isGone: boolean;
}

/** Threading: one thread. A worker is an entry in a table; what it says after its end is dropped. */
export class LocalSlotHost implements SlotHost {
  readonly #options: LocalSlotHostOptions;
  readonly #workers = new Map<string, LocalWorker>();

  constructor(options: LocalSlotHostOptions) {
    this.#options = options;
  }

  provide(key: WorkerKey, events: SlotHostEvents): void {
    const worker: LocalWorker = {
      events,
      deployment: undefined,
      runtime: undefined,
      early: [],
      isGone: false,
    };
    this.#workers.set(nameOf(key), worker);
    this.#later(worker, () => events.onReady(''));
  }

  start(key: WorkerKey, deployment: SlotDeployment): void {
    const worker = this.#workers.get(nameOf(key));
    if (worker === undefined) return;
    worker.deployment = deployment;
    this.#run(worker, deployment).catch((error: unknown) => {
      this.#later(worker, () =>
        worker.events.onReport({ kind: 'slot-failed', error: toWireError(classify(error)) }),
      );
    });
  }

  tell(key: WorkerKey, instruction: SlotInstruction): void {
    const worker = this.#workers.get(nameOf(key));
    if (worker === undefined) return;
    if (worker.runtime !== undefined)
      obeyInstruction(worker.runtime, instruction, () => this.#reportEnded(worker));
    else if (instruction.kind === 'cancel') this.#reportEnded(worker);
    else worker.early.push(instruction);
  }

  terminate(key: WorkerKey): void {
    const worker = this.#workers.get(nameOf(key));
    if (worker === undefined) return;
    this.#workers.delete(nameOf(key));
    this.#end(worker, undefined);
  }

  /** Ends all workers at once, as a crash of the process would. Nothing is reported. */
  crash(): void {
    for (const worker of this.#workers.values()) {
      worker.isGone = true;
      void worker.runtime?.cancel();
      if (worker.deployment !== undefined)
        this.#options.network.close(this.#options.taskManagerId, worker.deployment);
    }
    this.#workers.clear();
  }

  async #run(worker: LocalWorker, deployment: SlotDeployment): Promise<void> {
    const {
      network,
      graphOf,
      portsOf,
      taskManagerId,
      isFreezingRecords: freezeRecords,
      stateLimits,
    } = this.#options;
    const graph = await graphOf(deployment);
    if (worker.isGone) return;
    const report = (body: SlotReportBody): void => {
      this.#later(worker, () => worker.events.onReport(body));
      if (body.kind === 'slot-prepared') this.#reportEnded(worker); // Preparing is all that this attempt was for.
    };
    const ports: SlotPorts = {
      ...portsOf(deployment),
      network: network.open(taskManagerId, deployment),
      report,
    };
    const runtime = await SlotRuntime.open({
      deployment,
      graph,
      ports,
      openChain: (environment) => openOperatorChain({ ...environment, freezeRecords, stateLimits }),
    });
    if (worker.isGone) {
      await runtime.cancel();
      return;
    }
    worker.runtime = runtime;
    for (const instruction of worker.early.splice(0))
      obeyInstruction(runtime, instruction, () => this.#reportEnded(worker));
  }

  #end(worker: LocalWorker, error: WireError | undefined): void {
    if (worker.deployment !== undefined)
      this.#options.network.close(this.#options.taskManagerId, worker.deployment);
    void worker.runtime?.cancel();
    this.#later(worker, () => worker.events.onExit(error));
    worker.isGone = true;
  }

  #reportEnded(worker: LocalWorker): void {
    this.#later(worker, () => worker.events.onReport({ kind: 'slot-ended' }));
  }

  /** Events never come inside a call to this host. */
  #later(worker: LocalWorker, action: () => void): void {
    if (worker.isGone) return;
    this.#options.timers.schedule(0, action);
  }
}

function nameOf({ slotIndex, generation }: WorkerKey): string {
  return `${slotIndex}-${generation}`;
}
