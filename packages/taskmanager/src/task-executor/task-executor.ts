// Carries out what the core decides, through ports: threads, gRPC and files in a process, direct calls in the simulator.
import {
  classify,
  toWireError,
  unreachable,
  type Cancellable,
  type Logger,
  type TimerPort,
} from '@millrace/common';
import type { SlotDeployment, AddressedMessage, TaskManagerMessage } from '@millrace/proto';
import type { SlotReportBody } from '@millrace/runtime';
import type { WireError } from '@millrace/common';
import { TaskExecutorCore, type TaskExecutorOptions } from './task-executor-core.ts';
import type {
  SlotInstruction,
  TaskExecutorCommand,
  TaskExecutorEvent,
  TaskExecutorTimer,
  WorkerKey,
} from './task-executor-messages.ts';

/** What a slot's worker says. Calls never come inside a call to the {@link SlotHost}. */
export interface SlotHostEvents {
  onReady(dataAddress: string): void;
  onReport(report: SlotReportBody): void;
  onExit(error: WireError | undefined): void;
}

/** Whatever runs slots: worker threads, or the simulator's own thread. Each worker serves one deployment. */
export interface SlotHost {
  provide(key: WorkerKey, events: SlotHostEvents): void;
  start(key: WorkerKey, deployment: SlotDeployment, artifactDirectory: string): void;
  tell(key: WorkerKey, instruction: SlotInstruction): void;
  /** `onExit` follows. */
  terminate(key: WorkerKey): void;
}

export interface TaskExecutorPorts {
  readonly timers: TimerPort;
  readonly log: Logger;
  readonly slots: SlotHost;
  /** To the leader; only while it is connected. */
  readonly send: (message: TaskManagerMessage) => void;
  /** A leader of an old epoch spoke: the connection to it should go. */
  readonly onStaleLeader: () => void;
  readonly artifactDirectoryOf: (deployment: SlotDeployment) => Promise<string>;
  readonly rssBytes: () => number;
  /** Resident memory is over its limit, or far over it: the process should leave, or end at once. Each once. */
  readonly onMemoryOver?: (rssBytes: number, isFar: boolean) => void;
}

/** Threading: one thread; events are worked off one at a time, in order. */
export class TaskExecutor {
  readonly #core: TaskExecutorCore;
  readonly #ports: TaskExecutorPorts;
  readonly #events: TaskExecutorEvent[] = [];
  readonly #timers = new Map<string, Cancellable>();
  #isStepping = false;
  /** Nothing runs any more and nothing will: what still comes in is of no interest, and sets no timers. */
  #isShutDown = false;
  #onIdle: (() => void) | undefined;
  #onLeft: (() => void) | undefined;

  constructor(options: TaskExecutorOptions, ports: TaskExecutorPorts) {
    this.#core = new TaskExecutorCore(options);
    this.#ports = ports;
    for (const command of this.#core.start()) this.#carryOut(command);
  }

  get core(): TaskExecutorCore {
    return this.#core;
  }

  onLeaderConnected(): void {
    this.#dispatch({ kind: 'leader-connected' });
  }

  onLeaderDisconnected(): void {
    this.#dispatch({ kind: 'leader-disconnected' });
  }

  onLeaderMessage(message: AddressedMessage): void {
    this.#dispatch({ kind: 'leader-message', message });
  }

  /**
   * Says that it leaves; resolves once no job has a slot here any more, or after `limitMs`, or when the leader is away.
   * What still runs then is the caller's to shut down.
   */
  leave(limitMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#onLeft = resolve;
      this.#dispatch({ kind: 'leave', limitMs });
    });
  }

  /** Cancels everything; resolves when nothing runs any more. The caller bounds the wait. */
  shutDown(): Promise<void> {
    return new Promise((resolve) => {
      this.#onIdle = () => {
        for (const timer of this.#timers.values()) timer.cancel();
        this.#timers.clear();
        this.#isShutDown = true;
        resolve();
      };
      this.#dispatch({ kind: 'shut-down' });
    });
  }

  #dispatch(event: TaskExecutorEvent): void {
    if (this.#isShutDown) return;
    this.#events.push(event);
    if (this.#isStepping) return;
    this.#isStepping = true;
    for (let next = this.#events.shift(); next !== undefined; next = this.#events.shift()) {
      for (const command of this.#core.step(next)) this.#carryOut(command);
    }
    this.#isStepping = false;
    if (this.#onIdle !== undefined && this.#core.isIdle) {
      this.#onIdle();
      this.#onIdle = undefined;
    }
  }

  #carryOut(command: TaskExecutorCommand): void {
    const { log, slots, send } = this.#ports;
    switch (command.kind) {
      case 'send':
        logReport(log, command.message);
        send(command.message);
        return;
      case 'refuse':
        log.warn?.('message of an old leader refused', {
          message: command.message.kind,
          error: command.error,
        });
        this.#ports.onStaleLeader();
        return;
      case 'provide-worker':
        this.#provide({ slotIndex: command.slotIndex, generation: command.generation });
        return;
      case 'fetch-artifact':
        void this.#fetch(command, command.deployment);
        return;
      case 'start-slot':
        log.info?.('slot deployed', {
          jobId: command.deployment.jobId,
          attempt: command.deployment.attemptNumber,
          slotIndex: command.slotIndex,
          mode: command.deployment.mode,
        });
        slots.start(command, command.deployment, command.artifactDirectory);
        return;
      case 'tell-slot':
        slots.tell(command, command.instruction);
        return;
      case 'terminate-worker':
        slots.terminate(command);
        return;
      case 'memory-over':
        this.#ports.onMemoryOver?.(command.rssBytes, command.isFar);
        return;
      case 'left':
        this.#onLeft?.();
        return;
      case 'set-timer':
        this.#setTimer(command.timer, command.delayMs);
        return;
      case 'clear-timer':
        this.#clearTimer(command.timer);
        return;
      default:
        unreachable(command);
    }
  }

  #provide(key: WorkerKey): void {
    this.#ports.slots.provide(key, {
      onReady: (dataAddress) => this.#dispatch({ kind: 'worker-ready', ...key, dataAddress }),
      onReport: (report) => this.#dispatch({ kind: 'slot-report', ...key, report }),
      onExit: (error) =>
        this.#dispatch({ kind: 'worker-exited', ...key, ...(error === undefined ? {} : { error }) }),
    });
  }

  async #fetch({ slotIndex, generation }: WorkerKey, deployment: SlotDeployment): Promise<void> {
    const key = { slotIndex, generation };
    try {
      const directory = await this.#ports.artifactDirectoryOf(deployment);
      this.#dispatch({ kind: 'artifact-ready', ...key, directory });
    } catch (error) {
      this.#dispatch({ kind: 'artifact-failed', ...key, error: toWireError(classify(error)) });
    }
  }

  #setTimer(timer: TaskExecutorTimer, delayMs: number): void {
    this.#clearTimer(timer);
    const name = timerName(timer);
    const scheduled = this.#ports.timers.schedule(delayMs, () => {
      this.#timers.delete(name);
      this.#dispatch({ kind: 'timer', timer, rssBytes: this.#ports.rssBytes() });
    });
    this.#timers.set(name, scheduled);
  }

  #clearTimer(timer: TaskExecutorTimer): void {
    const name = timerName(timer);
    this.#timers.get(name)?.cancel();
    this.#timers.delete(name);
  }
}

function timerName(timer: TaskExecutorTimer): string {
  return timer.kind === 'grace' ? `grace-${timer.slotIndex}-${timer.generation}` : timer.kind;
}

function logReport(log: Logger, message: TaskManagerMessage): void {
  if (message.kind === 'slot-failed') {
    const { jobId, attemptNumber, slotIndex, error } = message;
    log.warn?.('slot failed', { jobId, attempt: attemptNumber, slotIndex, error });
  } else if (message.kind === 'slot-ended' || message.kind === 'slot-running') {
    const { jobId, attemptNumber, slotIndex } = message;
    log.info?.(message.kind === 'slot-ended' ? 'slot ended' : 'slot running', {
      jobId,
      attempt: attemptNumber,
      slotIndex,
    });
  } else if (message.kind === 'register') {
    log.info?.('registering', { slotCount: message.slots.length });
  }
}
