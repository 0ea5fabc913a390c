// The TaskManagers that are registered, their slots, and who holds each. Deployment is by whole slots.
import { invariant, type JobId, type TaskManagerId } from '@millrace/common';
import type { ProcessStatus, SlotReport, SubtaskLocation } from '@millrace/proto';
import type { ConnectionId } from './effects.ts';

/** An attempt that has a slot. */
export interface SlotHolder {
  readonly jobId: JobId;
  readonly attemptNumber: number;
}

/** A slot as handed out. */
export interface AllocatedSlot {
  readonly connectionId: ConnectionId;
  readonly location: SubtaskLocation;
}

interface Slot {
  readonly slotIndex: number;
  /** Of the slot's present worker; the next one has another. */
  dataAddress: string;
  holder: SlotHolder | undefined;
  /** Since when it has been told to end: it will be free soon. Monotonic. */
  releasingSinceMs: number | undefined;
}

/** A registered TaskManager. */
export interface TaskManager {
  readonly taskManagerId: TaskManagerId;
  readonly instanceId: string;
  readonly connectionId: ConnectionId;
  readonly address: string;
  readonly pid: number;
  readonly slots: readonly Slot[];
  lastHeardMs: number;
  /** Resident memory at its last heartbeat; 0: none yet. */
  rssBytes: number;
  /** It said that it leaves: none of its slots is given to anybody, or counts as anybody's. `told`: that it may. */
  leaving: 'no' | 'asked' | 'told';
}

export interface Registration {
  readonly taskManagerId: TaskManagerId;
  readonly instanceId: string;
  readonly address: string;
  readonly pid: number;
  readonly slots: readonly SlotReport[];
}

/** Threading: inside `step` only. */
export class SlotPool {
  readonly #byConnection = new Map<ConnectionId, TaskManager>();
  /** Slots that a job which changes its parallelism will need in all; others leave them to it. */
  readonly #reserved = new Map<JobId, number>();

  /** The TaskManager with this name, over whatever connection. */
  find(taskManagerId: TaskManagerId): TaskManager | undefined {
    for (const taskManager of this.#byConnection.values())
      if (taskManager.taskManagerId === taskManagerId) return taskManager;
    return undefined;
  }

  at(connectionId: ConnectionId): TaskManager | undefined {
    return this.#byConnection.get(connectionId);
  }

  /** TaskManagers as they are now; the list does not change when some are unregistered. */
  snapshot(): readonly TaskManager[] {
    return [...this.#byConnection.values()];
  }

  /** Adds a TaskManager. What its slots run belongs to attempts that are over: they are free when they say so. */
  register(connectionId: ConnectionId, registration: Registration, monotonicMs: number): TaskManager {
    invariant(this.find(registration.taskManagerId) === undefined, 'a TaskManager is registered once');
    const taskManager: TaskManager = {
      taskManagerId: registration.taskManagerId,
      instanceId: registration.instanceId,
      connectionId,
      address: registration.address,
      pid: registration.pid,
      slots: registration.slots.map(({ slotIndex, dataAddress, jobId, attemptNumber }) => ({
        slotIndex,
        dataAddress,
        holder: jobId === undefined ? undefined : { jobId, attemptNumber: attemptNumber ?? 0 },
        releasingSinceMs: jobId === undefined ? undefined : monotonicMs,
      })),
      lastHeardMs: monotonicMs,
      rssBytes: 0,
      leaving: 'no',
    };
    this.#byConnection.set(connectionId, taskManager);
    return taskManager;
  }

  /** Forgets a TaskManager. Returns it, if it was registered. */
  unregister(connectionId: ConnectionId): TaskManager | undefined {
    const taskManager = this.#byConnection.get(connectionId);
    this.#byConnection.delete(connectionId);
    return taskManager;
  }

  /** Nobody gets a slot of it any more. Returns false when that was so already. */
  markLeaving(connectionId: ConnectionId): boolean {
    const taskManager = this.#byConnection.get(connectionId);
    if (taskManager === undefined || taskManager.leaving !== 'no') return false;
    taskManager.leaving = 'asked';
    return true;
  }

  /** TaskManagers that leave and of which nobody has a slot any more; each once. */
  takeEmptied(): readonly ConnectionId[] {
    const emptied: ConnectionId[] = [];
    for (const taskManager of this.#byConnection.values()) {
      if (taskManager.leaving !== 'asked') continue;
      if (taskManager.slots.some(({ holder }) => holder !== undefined)) continue;
      taskManager.leaving = 'told';
      emptied.push(taskManager.connectionId);
    }
    return emptied;
  }

  /** Slots of all TaskManagers but those that leave. */
  get slotCount(): number {
    return this.#count(() => true);
  }

  get freeCount(): number {
    return this.#count((slot) => slot.holder === undefined);
  }

  /** Slots that are free or have been told to end. */
  get availableCount(): number {
    return this.#count((slot) => slot.holder === undefined || slot.releasingSinceMs !== undefined);
  }

  /** Keeps `count` slots, those that it holds among them, from all other jobs; 0: none any more. */
  reserve(jobId: JobId, count: number): void {
    if (count > 0) this.#reserved.set(jobId, count);
    else this.#reserved.delete(jobId);
  }

  /** Free slots that other jobs have not reserved. */
  freeFor(jobId: JobId): number {
    return Math.max(0, this.freeCount - this.#reservedByOthers(jobId, () => true));
  }

  /** Slots that this job has or may take: its own, those that are free, and those that will be soon. */
  availableFor(jobId: JobId): number {
    const count = this.#count(
      ({ holder, releasingSinceMs }) =>
        holder === undefined || holder.jobId === jobId || releasingSinceMs !== undefined,
    );
    // What they are about to give up counts as available, so that it cannot be what they have.
    const isKept = ({ releasingSinceMs }: Slot): boolean => releasingSinceMs === undefined;
    return Math.max(0, count - this.#reservedByOthers(jobId, isKept));
  }

  /** Slots that other jobs have reserved beyond those that they hold, as far as these count. */
  #reservedByOthers(jobId: JobId, counts: (slot: Slot) => boolean): number {
    let reserved = 0;
    for (const [other, count] of this.#reserved) {
      if (other === jobId) continue;
      const held = this.#count((slot) => slot.holder?.jobId === other && counts(slot));
      reserved += Math.max(0, count - held);
    }
    return reserved;
  }

  /** Takes `count` free slots, those of the least busy TaskManagers first, or none when there are fewer. */
  allocate(holder: SlotHolder, count: number): readonly AllocatedSlot[] | undefined {
    if (this.freeFor(holder.jobId) < count) return undefined;
    const free: { taskManager: TaskManager; slot: Slot; round: number }[] = [];
    const taskManagers = [...this.#byConnection.values()].sort((a, b) =>
      a.taskManagerId < b.taskManagerId ? -1 : 1,
    );
    for (const taskManager of taskManagers) {
      if (taskManager.leaving !== 'no') continue;
      let round = taskManager.slots.filter(({ holder }) => holder !== undefined).length;
      for (const slot of taskManager.slots)
        if (slot.holder === undefined) free.push({ taskManager, slot, round: round++ });
    }
    // One of each TaskManager in turn, by how many of its slots are taken; sort is stable, so equal rounds keep the order of the TaskManagers.
    free.sort((a, b) => a.round - b.round);
    return free.slice(0, count).map(({ taskManager, slot }) => {
      slot.holder = holder;
      slot.releasingSinceMs = undefined;
      return {
        connectionId: taskManager.connectionId,
        location: {
          taskManagerId: taskManager.taskManagerId,
          slotIndex: slot.slotIndex,
          dataAddress: slot.dataAddress,
        },
      };
    });
  }

  /** The slot has been told to end. */
  markReleasing(slot: AllocatedSlot, holder: SlotHolder, monotonicMs: number): void {
    const held = this.#held(slot.connectionId, slot.location.slotIndex, holder);
    if (held !== undefined) held.releasingSinceMs ??= monotonicMs;
  }

  /** Frees a slot, if this holder has it. Returns whether it had. */
  release(connectionId: ConnectionId, slotIndex: number, holder: SlotHolder): boolean {
    const held = this.#held(connectionId, slotIndex, holder);
    if (held === undefined) return false;
    held.holder = undefined;
    held.releasingSinceMs = undefined;
    return true;
  }

  /** TaskManagers as `cluster status` shows them. */
  processes(): readonly ProcessStatus[] {
    return [...this.#byConnection.values()].map(({ taskManagerId, pid, address, slots, rssBytes }) => ({
      kind: 'taskmanager' as const,
      id: taskManagerId,
      pid,
      // A TaskManager calls the JobManager, never the other way: what listens is each slot's data exchange.
      address: address === '' ? (slots[0]?.dataAddress ?? '') : address,
      slots: slots.length,
      freeSlots: slots.filter(({ holder }) => holder === undefined).length,
      ...(rssBytes === 0 ? {} : { rssBytes }),
    }));
  }

  #held(connectionId: ConnectionId, slotIndex: number, holder: SlotHolder): Slot | undefined {
    return this.#byConnection
      .get(connectionId)
      ?.slots.find(
        (slot) =>
          slot.slotIndex === slotIndex &&
          slot.holder?.jobId === holder.jobId &&
          slot.holder.attemptNumber === holder.attemptNumber,
      );
  }

  #count(predicate: (slot: Slot) => boolean): number {
    let count = 0;
    for (const { slots, leaving } of this.#byConnection.values())
      for (const slot of slots) if (leaving === 'no' && predicate(slot)) count++;
    return count;
  }
}
