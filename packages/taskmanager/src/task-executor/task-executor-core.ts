// Decides for one TaskManager: events in, commands out. No I/O, no clock, no threads; `task-executor.ts` acts.
import {
  MillraceError,
  toWireError,
  unreachable,
  type JobId,
  type TaskManagerId,
  type WireError,
} from '@millrace/common';
import type { AddressedMessage, SlotDeployment, SlotReport, TaskExecutorMessage } from '@millrace/proto';
import type { SlotReportBody } from '@millrace/runtime';
import { AttemptFence } from './attempt-fence.ts';
import { Departure } from './departure.ts';
import { MemoryGuard } from './memory-guard.ts';
import { instructionOf, type ForwardedMessage } from './slot-instruction.ts';
import { Slot } from './slot-table.ts';
import { keyOf, mustNotBeMissed, otherInstance, staleEpoch, workerLost } from './slot-verdicts.ts';
import type {
  SlotInstruction,
  TaskExecutorCommand,
  TaskExecutorEvent,
  TaskExecutorTimer,
  WorkerKey,
} from './task-executor-messages.ts';

/** How long a cancelled worker may take to end by itself before its thread is terminated. */
export const CANCEL_GRACE_MS = 3_000;
/** How long a worker may take to end in good order after `finish`. */
export const FINISH_GRACE_MS = 10_000;
/** Assumed until a leader names its own. */
const HEARTBEAT_TIMEOUT_MS_DEFAULT = 10_000;
const HEARTBEAT_INTERVAL_MS_DEFAULT = 1_000;

export interface TaskExecutorOptions {
  readonly taskManagerId: TaskManagerId;
  /** Random, new at each process start. */
  readonly instanceId: string;
  /** `host:port`, or '' where leader and TaskManager share a process. */
  readonly address: string;
  readonly pid: number;
  readonly slotCount: number;
  /** Wins over what the leader names. */
  readonly heartbeatTimeoutMs?: number | undefined;
  readonly cancelGraceMs?: number | undefined;
  /** Resident memory of the process beyond which it does not go on. Unset: there is no limit. */
  readonly rssBytesMax?: number | undefined;
}

/**
 * The state of one TaskManager.
 * Contract: `step` is called with one event at a time and its commands are carried out in order. A slot's `slot-ended`
 * is sent only when its next worker is ready, right behind a heartbeat that names the new worker's address.
 * Bounds: one deployment a slot; retained reports: one of each kind a subtask.
 */
export class TaskExecutorCore {
  readonly #options: TaskExecutorOptions;
  readonly #slots: readonly Slot[];
  readonly #fence = new AttemptFence();
  #commands: TaskExecutorCommand[] = [];
  #leaderEpoch = 0;
  #rssBytes = 0;
  #isConnected = false;
  #isRegistered = false;
  #isShutDown = false;
  #heartbeatIntervalMs = HEARTBEAT_INTERVAL_MS_DEFAULT;
  #heartbeatTimeoutMs: number;
  #isLeaderTimeoutRunning = false;
  readonly #departure = new Departure((command) => this.#emit(command));
  readonly #memory: MemoryGuard;

  constructor(options: TaskExecutorOptions) {
    this.#options = options;
    this.#memory = new MemoryGuard(options.rssBytesMax);
    this.#heartbeatTimeoutMs = options.heartbeatTimeoutMs ?? HEARTBEAT_TIMEOUT_MS_DEFAULT;
    this.#slots = Array.from({ length: options.slotCount }, (_, index) => new Slot(index));
  }

  /** The first commands: a worker for each slot. */
  start(): readonly TaskExecutorCommand[] {
    for (const slot of this.#slots) this.#emit({ kind: 'provide-worker', ...keyOf(slot) });
    return this.#take();
  }

  get slots(): readonly SlotReport[] {
    return this.#slots.map((slot) => slot.report());
  }

  get areSlotsReady(): boolean {
    return this.#slots.every(({ state }) => state !== 'starting');
  }

  /** True when no worker runs anything of a job. */
  get isIdle(): boolean {
    return this.#slots.every(({ deployment }) => deployment === undefined);
  }

  step(event: TaskExecutorEvent): readonly TaskExecutorCommand[] {
    switch (event.kind) {
      case 'leader-connected':
        this.#onConnected();
        break;
      case 'leader-disconnected':
        this.#onDisconnected();
        break;
      case 'leader-message':
        this.#onLeaderMessage(event.message);
        break;
      case 'timer':
        this.#onTimer(event.timer, event.rssBytes);
        break;
      case 'leave':
        this.#departure.begin(event.limitMs, this.#isRegistered ? this.#sender : undefined);
        break;
      case 'shut-down':
        this.#isShutDown = true;
        this.#cancelAll(() => true);
        break;
      default:
        this.#onWorkerEvent(event);
    }
    return this.#take();
  }

  // --- the leader ---

  #onConnected(): void {
    if (this.#isConnected) return;
    this.#isConnected = true;
    this.#registerAgain();
  }

  /** Runs since the leader was last heard; whoever connects again does not prolong it. */
  #armLeaderTimeout(): void {
    if (this.#isLeaderTimeoutRunning) return;
    this.#isLeaderTimeoutRunning = true;
    this.#emit({ kind: 'set-timer', timer: { kind: 'leader-timeout' }, delayMs: this.#heartbeatTimeoutMs });
  }

  #register(): void {
    if (!this.areSlotsReady) return; // A slot without a worker has no address: `worker-ready` registers.
    const { taskManagerId, instanceId, address, pid } = this.#options;
    this.#emit({
      kind: 'send',
      message: { kind: 'register', taskManagerId, instanceId, address, pid, slots: this.slots },
    });
  }

  /** Until the leader answers, again and again: it may never have got the registration, and the same again changes nothing. */
  #registerAgain(): void {
    this.#register();
    this.#armLeaderTimeout();
  }

  #onDisconnected(): void {
    this.#isConnected = false;
    this.#departure.end(); // Whatever ran over this connection is over, and starts anew elsewhere.
    if (!this.#isRegistered) return;
    this.#isRegistered = false;
    this.#emit({ kind: 'clear-timer', timer: { kind: 'heartbeat' } });
    this.#armLeaderTimeout();
  }

  #onLeaderMessage(message: AddressedMessage): void {
    if (message.instanceId !== this.#options.instanceId) {
      this.#emit({ kind: 'refuse', message, error: otherInstance(message) });
      return;
    }
    if (message.leaderEpoch < this.#leaderEpoch) {
      this.#emit({ kind: 'refuse', message, error: staleEpoch(message, this.#leaderEpoch) });
      return;
    }
    if (message.leaderEpoch > this.#leaderEpoch) this.#adoptEpoch(message.leaderEpoch);
    switch (message.kind) {
      case 'registered':
        this.#onRegistered(message);
        return;
      case 'deploy':
        this.#onDeploy(message.deployment);
        return;
      case 'cancel':
        this.#onCancel(message);
        return;
      case 'finish':
        this.#onFinish(message);
        return;
      case 'may-leave':
        this.#departure.end();
        return;
      case 'trigger-checkpoint':
      case 'checkpoint-complete':
      case 'checkpoint-aborted':
      case 'align-watermarks':
        this.#forward(message);
        return;
      default:
        unreachable(message);
    }
  }

  /** A new leader's jobs start over from their last checkpoint: what an older one deployed has no future. */
  #adoptEpoch(leaderEpoch: number): void {
    this.#leaderEpoch = leaderEpoch;
    this.#cancelAll((deployment) => deployment.leaderEpoch < leaderEpoch);
  }

  #onRegistered(message: Extract<TaskExecutorMessage, { kind: 'registered' }>): void {
    this.#heartbeatIntervalMs = message.heartbeatIntervalMs;
    this.#heartbeatTimeoutMs = this.#options.heartbeatTimeoutMs ?? message.heartbeatTimeoutMs;
    this.#isLeaderTimeoutRunning = false;
    this.#emit({ kind: 'clear-timer', timer: { kind: 'leader-timeout' } });
    this.#emit({ kind: 'set-timer', timer: { kind: 'heartbeat' }, delayMs: this.#heartbeatIntervalMs });
    if (this.#isRegistered) return;
    this.#isRegistered = true;
    for (const slot of this.#slots) {
      for (const report of slot.retained) this.#emit({ kind: 'send', message: report });
    }
  }

  #onTimer(timer: TaskExecutorTimer, rssBytes: number): void {
    switch (timer.kind) {
      case 'heartbeat':
        if (!this.#isRegistered) return;
        this.#rssBytes = rssBytes;
        this.#heartbeat();
        this.#judgeMemory(rssBytes);
        this.#emit({ kind: 'set-timer', timer, delayMs: this.#heartbeatIntervalMs });
        return;
      case 'leader-timeout':
        this.#isLeaderTimeoutRunning = false;
        if (this.#isRegistered) return;
        this.#cancelAll(() => true);
        if (this.#isConnected) this.#registerAgain();
        return;
      case 'leave-limit':
        this.#departure.end();
        return;
      case 'grace': {
        const slot = this.#slotOf(timer);
        if (slot !== undefined) this.#emit({ kind: 'terminate-worker', ...keyOf(slot) });
        return;
      }
      default:
        unreachable(timer);
    }
  }

  #judgeMemory(rssBytes: number): void {
    const verdict = this.#memory.look(rssBytes);
    if (verdict !== undefined) this.#emit({ kind: 'memory-over', rssBytes, isFar: verdict === 'far-over' });
  }

  get #sender() {
    const { taskManagerId, instanceId } = this.#options;
    return { taskManagerId, instanceId, leaderEpoch: this.#leaderEpoch };
  }

  #heartbeat(): void {
    const message = {
      kind: 'heartbeat',
      ...this.#sender,
      slots: this.slots,
      rssBytes: this.#rssBytes,
    } as const;
    this.#emit({ kind: 'send', message });
  }

  // --- deployments ---

  #onDeploy(deployment: SlotDeployment): void {
    const slot = this.#slots[deployment.slotIndex];
    if (slot === undefined) return this.#refuseDeployment(deployment, 'there is no such slot');
    if (slot.runs(deployment.jobId, deployment.attemptNumber)) return; // Told twice.
    if (this.#fence.isOver(deployment)) return; // Told too late.
    if (slot.state !== 'free' || this.#isShutDown)
      return this.#refuseDeployment(deployment, `the slot is ${slot.state}`);
    this.#fence.deployed(deployment);
    slot.deployment = deployment;
    slot.transition('fetching');
    this.#emit({ kind: 'fetch-artifact', ...keyOf(slot), deployment, artifact: deployment.artifact });
  }

  #refuseDeployment(deployment: SlotDeployment, reason: string): void {
    const { jobId, attemptNumber, slotIndex } = deployment;
    const error = new MillraceError(
      'MR_PROTOCOL',
      `Cannot deploy attempt ${attemptNumber} into slot ${slotIndex}: ${reason}`,
      {
        details: { jobId, attemptNumber, slotIndex },
      },
    );
    this.#fence.ended(jobId, attemptNumber, slotIndex);
    const header = this.#headerOf(deployment);
    this.#emit({ kind: 'send', message: { ...header, kind: 'slot-failed', error: toWireError(error) } });
    this.#emit({ kind: 'send', message: { ...header, kind: 'slot-ended' } });
  }

  #onCancel(message: {
    readonly leaderEpoch: number;
    readonly jobId: JobId;
    readonly attemptNumber: number;
    readonly slotIndex: number;
  }): void {
    const slot = this.#slots[message.slotIndex];
    if (slot?.runs(message.jobId, message.attemptNumber) === true) return this.#cancel(slot);
    // It ended before, or never came: the leader waits for a word all the same.
    if (
      slot?.ended.some(
        (report) => report.jobId === message.jobId && report.attemptNumber === message.attemptNumber,
      ) === true
    )
      return;
    this.#fence.ended(message.jobId, message.attemptNumber, message.slotIndex);
    this.#emit({ kind: 'send', message: { ...this.#headerOf(message), kind: 'slot-ended' } });
  }

  #cancelAll(isMeant: (deployment: SlotDeployment) => boolean): void {
    for (const slot of this.#slots) {
      if (slot.deployment !== undefined && isMeant(slot.deployment)) this.#cancel(slot);
    }
  }

  #cancel(slot: Slot): void {
    const { deployment } = slot;
    if (deployment === undefined || slot.state === 'cancelling') return;
    if (slot.state === 'fetching') {
      this.#fence.ended(deployment.jobId, deployment.attemptNumber, slot.index);
      slot.transition('free');
      slot.deployment = undefined;
      slot.retained = [];
      this.#emit({ kind: 'send', message: { ...this.#headerOf(deployment), kind: 'slot-ended' } });
      return;
    }
    slot.transition('cancelling');
    this.#tell(slot, { kind: 'cancel' });
    const delayMs = this.#options.cancelGraceMs ?? CANCEL_GRACE_MS;
    this.#emit({ kind: 'set-timer', timer: { kind: 'grace', ...keyOf(slot) }, delayMs });
  }

  #onFinish(message: {
    readonly leaderEpoch: number;
    readonly jobId: JobId;
    readonly attemptNumber: number;
    readonly slotIndex: number;
  }): void {
    const slot = this.#slots[message.slotIndex];
    if (slot?.runs(message.jobId, message.attemptNumber) !== true) return this.#onCancel(message);
    if (slot.state === 'fetching') return this.#cancel(slot);
    if (slot.state !== 'deploying' && slot.state !== 'running') return;
    slot.transition('finishing');
    this.#tell(slot, { kind: 'finish' });
    this.#emit({ kind: 'set-timer', timer: { kind: 'grace', ...keyOf(slot) }, delayMs: FINISH_GRACE_MS });
  }

  #forward(message: ForwardedMessage): void {
    const instruction = instructionOf(message);
    for (const slot of this.#slots) {
      const isListening = slot.state === 'deploying' || slot.state === 'running';
      if (isListening && slot.runs(message.jobId, message.attemptNumber)) this.#tell(slot, instruction);
    }
  }

  // --- workers ---

  #onWorkerEvent(
    event: Exclude<TaskExecutorEvent, { kind: `leader-${string}` | 'timer' | 'leave' | 'shut-down' }>,
  ): void {
    const slot = this.#slotOf(event);
    if (slot === undefined) return;
    switch (event.kind) {
      case 'worker-ready':
        this.#onWorkerReady(slot, event.dataAddress);
        return;
      case 'worker-exited':
        this.#onWorkerExited(slot, event.error);
        return;
      case 'artifact-ready':
        if (slot.state !== 'fetching' || slot.deployment === undefined) return;
        slot.transition('deploying');
        this.#emit({
          kind: 'start-slot',
          ...keyOf(slot),
          deployment: slot.deployment,
          artifactDirectory: event.directory,
        });
        return;
      case 'artifact-failed':
        if (slot.state !== 'fetching' || slot.deployment === undefined) return;
        this.#report(slot, { kind: 'slot-failed', error: event.error });
        this.#cancel(slot);
        return;
      case 'slot-report':
        this.#onSlotReport(slot, event.report);
        return;
      default:
        unreachable(event);
    }
  }

  #onWorkerReady(slot: Slot, dataAddress: string): void {
    if (slot.state !== 'starting') return;
    slot.transition('free');
    slot.dataAddress = dataAddress;
    if (this.#isRegistered) this.#heartbeat();
    else if (this.#isConnected) this.#register();
    for (const report of slot.ended) this.#emit({ kind: 'send', message: report });
    slot.ended = [];
  }

  #onWorkerExited(slot: Slot, error: WireError | undefined): void {
    const { deployment, state } = slot;
    if (deployment !== undefined) {
      if (state !== 'cancelling' && state !== 'finishing')
        this.#report(slot, { kind: 'slot-failed', error: error ?? workerLost(slot) });
      this.#fence.ended(deployment.jobId, deployment.attemptNumber, slot.index);
      slot.ended.push({ ...this.#headerOf(deployment), kind: 'slot-ended' });
      this.#emit({ kind: 'clear-timer', timer: { kind: 'grace', ...keyOf(slot) } });
    }
    slot.transition('starting');
    slot.deployment = undefined;
    slot.retained = [];
    slot.dataAddress = '';
    slot.generation++;
    if (!this.#isShutDown) {
      this.#emit({ kind: 'provide-worker', ...keyOf(slot) });
      return;
    }
    for (const report of slot.ended) this.#emit({ kind: 'send', message: report });
    slot.ended = [];
  }

  #onSlotReport(slot: Slot, report: SlotReportBody): void {
    if (slot.deployment === undefined) return;
    if (report.kind === 'slot-ended') {
      // Sent to the leader when the worker is gone: only then can nothing of this attempt act any more.
      if (slot.state !== 'cancelling' && slot.state !== 'finishing') slot.transition('finishing');
      this.#emit({ kind: 'terminate-worker', ...keyOf(slot) });
      return;
    }
    if (slot.state === 'cancelling') return; // Nobody waits for it any more.
    // The job is over and committed: how its slots end cannot change that.
    if (slot.state === 'finishing' && report.kind === 'slot-failed') return this.#cancel(slot);
    this.#report(slot, report);
    if (report.kind === 'slot-running' && slot.state === 'deploying') slot.transition('running');
    if (report.kind === 'slot-failed') this.#cancel(slot);
  }

  #report(slot: Slot, body: SlotReportBody): void {
    if (slot.deployment === undefined) return;
    const report = { ...this.#headerOf(slot.deployment), ...body };
    if (mustNotBeMissed(body)) slot.retained.push(report);
    this.#emit({ kind: 'send', message: report });
  }

  #tell(slot: Slot, instruction: SlotInstruction): void {
    this.#emit({ kind: 'tell-slot', ...keyOf(slot), instruction });
  }

  #headerOf(of: {
    readonly leaderEpoch: number;
    readonly jobId: JobId;
    readonly attemptNumber: number;
    readonly slotIndex: number;
  }) {
    const { taskManagerId, instanceId } = this.#options;
    return {
      taskManagerId,
      instanceId,
      leaderEpoch: of.leaderEpoch,
      jobId: of.jobId,
      attemptNumber: of.attemptNumber,
      slotIndex: of.slotIndex,
    };
  }

  #slotOf(key: WorkerKey): Slot | undefined {
    const slot = this.#slots[key.slotIndex];
    return slot?.generation === key.generation ? slot : undefined;
  }

  #emit(command: TaskExecutorCommand): void {
    if (command.kind === 'send' && !this.#isConnected) return; // Retained reports follow after the registration.
    this.#commands.push(command);
  }

  #take(): readonly TaskExecutorCommand[] {
    const commands = this.#commands;
    this.#commands = [];
    return commands;
  }
}
