// A cluster for tests of the deciding code: the core with a store, blobs, a clock and TaskManagers that do what the test
// says, one event at a time. What the store and the blobs hold survives `restart`, as on a disk.
import {
  asJobId,
  asTaskManagerId,
  fromWireError,
  Prng,
  toWireError,
  type JobId,
  type MillraceError,
} from '@millrace/common';
import type {
  CheckpointPointer,
  CheckpointReference,
  JobStatus,
  JobSubmission,
  RescaleRequest,
  SavepointEvent,
  SavepointRequest,
  SlotDeployment,
  StreamGraphJson,
  TaskExecutorMessage,
  TaskReport,
} from '@millrace/proto';
import { JobManagerCore } from '../core/job-manager-core.ts';
import type { Command, CoreEvent, Outcome, Token } from '../core/effects.ts';
import { readJobs } from '../read-jobs.ts';
import { ScriptedDisk } from './scripted-disk.testing.ts';
import { ScriptedStates, type ScriptedSlot } from './scripted-states.testing.ts';

export const jobId = asJobId('0123456789abcdef0123456789abcdef');

type ReportBody = TaskReport extends infer R
  ? R extends TaskReport
    ? Omit<R, 'taskManagerId' | 'instanceId' | 'leaderEpoch' | 'jobId' | 'attemptNumber' | 'slotIndex'>
    : never
  : never;

interface ScriptedTaskManager {
  readonly name: string;
  readonly instanceId: string;
  readonly slotCount: number;
}

/** An answer that the script holds back. */
export interface HeldCommand {
  readonly command: Command & { token: Token };
  release(): void;
  fail(error: MillraceError): void;
}

export class ScriptedCluster {
  core: JobManagerCore;
  epoch = 0;
  nowMs = 1_000_000;
  readonly #disk = new ScriptedDisk();
  readonly store = this.#disk.store;
  readonly blobs = this.#disk.blobs;
  readonly #states = new ScriptedStates(this.blobs);
  /** Everything sent, oldest first. */
  readonly sent: {
    readonly connectionId: number;
    readonly message: TaskExecutorMessage;
    readonly pointed: number;
  }[] = [];
  readonly commands: Command[] = [];
  readonly statuses: JobStatus[] = [];
  /** Written savepoints: the checkpoint of each, by path. */
  readonly savepoints = new Map<string, number>();
  readonly savepointEvents: SavepointEvent[] = [];
  readonly replies = new Map<number, MillraceError | undefined>();
  /** Slots that run something, by `connection/slot`. */
  readonly slots = new Map<string, ScriptedSlot>();
  /** Names of commands to hold back until the test releases them. */
  readonly holding = new Set<Command['kind']>();
  readonly held: HeldCommand[] = [];
  halted: MillraceError | undefined;
  #taskManagers = new Map<number, ScriptedTaskManager>();
  #timers = new Map<Token, number>();
  #nextConnection = 1;
  #nextRequest = 1;
  readonly #seed: number;

  constructor(seed = 1) {
    this.#seed = seed;
    this.core = this.#lead();
    this.perform(this.core.start());
  }

  #lead(): JobManagerCore {
    this.epoch++;
    return new JobManagerCore({
      leaderEpoch: this.epoch,
      stored: readJobs(this.store),
      checkpointDirectoryOf: (id) => `/checkpoints/${id}`,
      savepointDirectory: '/savepoints',
      clock: { nowMs: () => this.nowMs, monotonicMs: () => this.nowMs },
      random: new Prng(this.#seed + this.epoch),
      heartbeatIntervalMs: 1_000,
      heartbeatTimeoutMs: 5_000,
    });
  }

  /** The JobManager dies, with everything that was on its way, and another takes over the store. */
  restart(): void {
    this.held.length = 0;
    this.#timers.clear();
    this.#taskManagers.clear();
    this.halted = undefined;
    this.core = this.#lead();
    this.perform(this.core.start());
  }

  /** The checkpoint that a pointer named last, also when that is deleted by now. */
  get lastPointed(): CheckpointReference | undefined {
    return this.#disk.lastPointed;
  }

  pointer(id: JobId = jobId): CheckpointPointer | undefined {
    return this.#disk.pointer(id);
  }

  /** Files that the checkpoints in the pointer need and that are not there. */
  missingFiles(): readonly string[] {
    return this.#disk.neededFiles(jobId).filter((name) => !this.blobs.has(name));
  }

  /** Files that are there and that no checkpoint in the pointer needs. */
  needlessFiles(): readonly string[] {
    const needed = new Set(this.#disk.neededFiles(jobId));
    return [...this.blobs.keys()].filter((name) => !needed.has(name));
  }

  step(event: CoreEvent): void {
    this.perform(this.core.step(event));
  }

  perform(commands: readonly Command[]): void {
    for (const command of commands) {
      this.commands.push(command);
      // Writes to the store keep their order.
      const isBehind =
        command.kind === 'persist' && this.held.some(({ command: { kind } }) => kind === 'persist');
      if ('token' in command && (isBehind || this.holding.has(command.kind))) this.#hold(command);
      else this.#perform(command);
    }
  }

  #hold(command: Command & { token: Token }): void {
    const epoch = this.epoch;
    this.held.push({
      command,
      release: () => {
        const earlier = (): HeldCommand | undefined =>
          this.held.find((held) => held.command.kind === 'persist' && held.command.token < command.token);
        if (command.kind === 'persist')
          for (let held = earlier(); held !== undefined; held = earlier()) held.release();
        this.held.splice(
          this.held.findIndex((held) => held.command === command),
          1,
        );
        if (this.epoch === epoch) this.#perform(command);
      },
      fail: (error) => {
        this.held.splice(
          this.held.findIndex((held) => held.command === command),
          1,
        );
        if (this.epoch === epoch) this.#done(command.token, { ok: false, error: toWireError(error) });
      },
    });
  }

  #perform(command: Command): void {
    switch (command.kind) {
      case 'send':
        this.sent.push({
          connectionId: command.connectionId,
          message: command.message,
          pointed: this.lastPointed?.checkpointId ?? 0,
        });
        if (command.message.kind === 'deploy' && this.#taskManagers.has(command.connectionId)) {
          const { deployment } = command.message;
          this.slots.set(`${command.connectionId}/${deployment.slotIndex}`, {
            connectionId: command.connectionId,
            deployment,
          });
        }
        return;
      case 'disconnect':
        this.#taskManagers.delete(command.connectionId);
        return;
      case 'persist':
        this.#done(command.token, this.#disk.write(command.operations));
        return;
      case 'write-blob':
        this.blobs.set(command.name, command.bytes);
        this.#done(command.token, { ok: true });
        return;
      case 'read-blob':
        this.#done(command.token, this.#disk.read(command.name));
        return;
      case 'import-checkpoint':
        this.#done(command.token, this.#disk.read(command.path));
        return;
      case 'export-savepoint':
        this.savepoints.set(command.path, command.checkpoint.checkpointId);
        this.#done(command.token, { ok: true });
        return;
      case 'savepoint-event':
        this.savepointEvents.push(command.event);
        return;
      case 'delete-blobs':
        for (const name of command.names) this.blobs.delete(name);
        return;
      case 'sweep-blobs':
        this.#disk.sweep(command);
        return;
      case 'schedule':
        this.#timers.set(command.token, this.nowMs + command.delayMs);
        return;
      case 'cancel-timer':
        this.#timers.delete(command.token);
        return;
      case 'reply':
        this.replies.set(
          command.requestId,
          command.error === undefined ? undefined : fromWireError(command.error),
        );
        return;
      case 'publish':
        if (command.event.kind === 'status') this.statuses.push(command.event.status);
        return;
      case 'halt':
        this.halted = fromWireError(command.error);
        return;
      default:
    }
  }

  #done(token: Token, outcome: Outcome): void {
    this.step({ kind: 'done', token, outcome });
  }

  /** Lets time pass; timers fire in order. */
  advance(ms: number): void {
    const until = this.nowMs + ms;
    for (;;) {
      const [next] = [...this.#timers]
        .filter(([, dueMs]) => dueMs <= until)
        .sort((a, b) => a[1] - b[1] || a[0] - b[0]);
      if (next === undefined) break;
      this.#timers.delete(next[0]);
      this.nowMs = Math.max(this.nowMs, next[1]);
      this.step({ kind: 'timer', token: next[0] });
    }
    this.nowMs = until;
  }

  // TaskManagers

  /** Connects and registers. Returns the connection. */
  connect(
    name: string,
    slotCount: number,
    busy?: { readonly jobId: JobId; readonly attemptNumber: number },
  ): number {
    const connectionId = this.#nextConnection++;
    const instanceId = `${name}-${connectionId}`;
    this.#taskManagers.set(connectionId, { name, instanceId, slotCount });
    this.step({ kind: 'connected', connectionId });
    this.step({
      kind: 'received',
      connectionId,
      message: {
        kind: 'register',
        taskManagerId: asTaskManagerId(name),
        instanceId,
        address: '',
        pid: connectionId,
        slots: Array.from({ length: slotCount }, (_, slotIndex) => ({
          slotIndex,
          dataAddress: `${name}:${slotIndex}`,
          ...busy,
        })),
      },
    });
    return connectionId;
  }

  /** The TaskManager's process dies. */
  kill(connectionId: number): void {
    this.#taskManagers.delete(connectionId);
    for (const [key, slot] of this.slots) if (slot.connectionId === connectionId) this.slots.delete(key);
    this.step({ kind: 'disconnected', connectionId });
  }

  heartbeat(connectionId: number): void {
    const taskManager = this.#taskManagers.get(connectionId);
    if (taskManager === undefined) return;
    this.step({
      kind: 'received',
      connectionId,
      message: {
        kind: 'heartbeat',
        taskManagerId: asTaskManagerId(taskManager.name),
        instanceId: taskManager.instanceId,
        leaderEpoch: this.epoch,
        rssBytes: 1,
        slots: Array.from({ length: taskManager.slotCount }, (_, slotIndex) => {
          const slot = this.slots.get(`${connectionId}/${slotIndex}`);
          const holder =
            slot === undefined
              ? {}
              : { jobId: slot.deployment.jobId, attemptNumber: slot.deployment.attemptNumber };
          return { slotIndex, dataAddress: `${taskManager.name}:${slotIndex}`, ...holder };
        }),
      },
    });
  }

  /** The TaskManager says that it ends, within `limitMs`. */
  leave(connectionId: number, limitMs: number): void {
    const taskManager = this.#taskManagers.get(connectionId);
    if (taskManager === undefined) return;
    const { name, instanceId } = taskManager;
    const message = { kind: 'leaving', taskManagerId: asTaskManagerId(name), instanceId } as const;
    const received = { ...message, leaderEpoch: this.epoch, limitMs };
    this.step({ kind: 'received', connectionId, message: received });
  }

  get connections(): readonly number[] {
    return [...this.#taskManagers.keys()];
  }

  report(slot: ScriptedSlot, body: ReportBody): void {
    const taskManager = this.#taskManagers.get(slot.connectionId);
    if (taskManager === undefined) return;
    const { jobId: job, attemptNumber, slotIndex, leaderEpoch } = slot.deployment;
    const message: TaskReport = {
      taskManagerId: asTaskManagerId(taskManager.name),
      instanceId: taskManager.instanceId,
      leaderEpoch,
      jobId: job,
      attemptNumber,
      slotIndex,
      ...body,
    };
    this.step({ kind: 'received', connectionId: slot.connectionId, message });
  }

  end(slot: ScriptedSlot): void {
    this.slots.delete(`${slot.connectionId}/${slot.deployment.slotIndex}`);
    this.report(slot, { kind: 'slot-ended' });
  }

  endAll(): void {
    for (const slot of Array.from(this.slots.values())) this.end(slot);
  }

  /** Carries out `prepare` where it was asked for, and reports all other slots as running. */
  runAll(): void {
    for (const slot of Array.from(this.slots.values())) {
      if (slot.deployment.mode !== 'prepare') continue;
      this.report(slot, { kind: 'slot-prepared' });
      this.end(slot);
    }
    for (const slot of Array.from(this.slots.values()))
      if (slot.deployment.mode === 'run') this.report(slot, { kind: 'slot-running' });
  }

  /** All subtasks, or those of one slot, acknowledge. */
  acknowledge(checkpointId: number, slots: Iterable<ScriptedSlot> = this.slots.values()): void {
    for (const slot of Array.from(slots)) {
      for (const subtask of slot.deployment.subtasks)
        this.acknowledgeSubtask(slot, subtask.executionAttemptId, checkpointId);
    }
  }

  /** `builtOn`: the checkpoint whose files it goes on from; unless given, the one that the trigger names. */
  acknowledgeSubtask(
    slot: ScriptedSlot,
    executionAttemptId: SlotDeployment['subtasks'][number]['executionAttemptId'],
    checkpointId: number,
    builtOn?: number,
  ): void {
    const subtask = slot.deployment.subtasks.find(
      (candidate) => candidate.executionAttemptId === executionAttemptId,
    );
    if (subtask === undefined) return;
    const trigger = this.messages('trigger-checkpoint').findLast(
      (each) => each.checkpointId === checkpointId && each.attemptNumber === slot.deployment.attemptNumber,
    );
    const completedCheckpointId = builtOn ?? trigger?.completedCheckpointId ?? 0;
    const snapshot = this.#states.snapshotOf(slot, subtask, { checkpointId, completedCheckpointId });
    this.report(slot, {
      kind: 'checkpoint-acknowledged',
      executionAttemptId,
      checkpointId,
      snapshot,
      alignmentMs: 0,
      syncMs: 0,
      asyncMs: 0,
    });
  }

  endOfInput(): void {
    for (const slot of Array.from(this.slots.values())) {
      for (const { executionAttemptId } of slot.deployment.subtasks)
        this.report(slot, { kind: 'end-of-input', executionAttemptId });
    }
  }

  commitAll(checkpointId: number): void {
    for (const slot of Array.from(this.slots.values()))
      this.report(slot, { kind: 'commit-acknowledged', checkpointId });
  }

  // Clients

  submit(streamGraph: StreamGraphJson, more: Partial<JobSubmission> = {}): number {
    const requestId = this.#nextRequest++;
    const submission: JobSubmission = {
      jobId,
      streamGraph,
      isWaiting: false,
      artifact: {
        version: 1,
        entry: 'job.mjs',
        files: [{ path: 'job.mjs', sha256: 'a'.repeat(64), bytes: 1 }],
      },
      submission: { args: [], params: {}, environment: {}, baseDirectory: '/' },
      ...more,
    };
    this.step({ kind: 'submit', requestId, submission });
    return requestId;
  }

  cancel(id: JobId = jobId): number {
    const requestId = this.#nextRequest++;
    this.step({ kind: 'cancel', requestId, jobId: id });
    return requestId;
  }

  rescale(request: RescaleRequest): number {
    const requestId = this.#nextRequest++;
    this.step({ kind: 'rescale', requestId, request });
    return requestId;
  }

  savepoint(mode: SavepointRequest['mode'], directory?: string): number {
    const requestId = this.#nextRequest++;
    this.step({
      kind: 'savepoint',
      requestId,
      request: { jobId, mode, ...(directory === undefined ? {} : { directory }) },
    });
    return requestId;
  }

  status(id: JobId = jobId): JobStatus {
    return this.core.job(id).status;
  }

  /** Messages of a kind that were sent, oldest first. */
  messages<K extends TaskExecutorMessage['kind']>(
    kind: K,
  ): readonly Extract<TaskExecutorMessage, { kind: K }>[] {
    return this.sent
      .map(({ message }) => message)
      .filter((message): message is Extract<TaskExecutorMessage, { kind: K }> => message.kind === kind);
  }

  /** The newest checkpoint that was triggered. */
  get lastTriggered(): number {
    return this.messages('trigger-checkpoint').at(-1)?.checkpointId ?? 0;
  }
}
