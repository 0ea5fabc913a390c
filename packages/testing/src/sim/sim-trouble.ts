// Carries out the plan of a run: how long things take, what fails, and the faults at their places, until all is healed.
import { Prng } from '@millrace/common';
import type { FaultKind, PlannedFault, SimPlan } from './draw-run.ts';
import type { MessageFate } from './sim-control-plane.ts';
import type { SimCluster } from './sim-cluster.ts';
import { theWorld } from './sim-process.ts';
import type { SimEvent, SimScheduler } from './scheduler.ts';

/** A gRPC client gives a silent server up after its keepalive. */
const KEEPALIVE_MS = 7_000;
const SLOW_MS_MAX = 2_000;
const MESSAGE_DELAY_MS_MAX = 400;
const CLOCK_JUMP_MS_MAX = 3_600_000;
const RESTART_MS_HEALED = 100;

export class SimTrouble {
  readonly #scheduler: SimScheduler;
  readonly #plan: SimPlan;
  readonly #prng: Prng;
  readonly #awaited = new Map<string, { count: number; readonly faults: PlannedFault[] }>();
  #cluster: SimCluster | undefined;
  #isHealed = false;
  #isSilent = false;
  /** Faults that changed something while the job was under way, by kind. */
  readonly effective = new Map<string, number>();
  /** Prints what strikes. */
  onFault: ((what: string) => void) | undefined;

  constructor(scheduler: SimScheduler, plan: SimPlan, seed: number) {
    this.#scheduler = scheduler;
    this.#plan = plan;
    this.#prng = new Prng(seed ^ 0x51ed270b);
  }

  get isHealed(): boolean {
    return this.#isHealed;
  }

  /** Something that the world does. */
  later(delayMs: number, label: string, action: () => void): void {
    this.#scheduler.schedule(delayMs, { gate: theWorld, label, action });
  }

  begin(cluster: SimCluster): void {
    this.#cluster = cluster;
    for (const fault of this.#plan.faults) {
      if ('afterMs' in fault.place) this.later(fault.place.afterMs, fault.kind, () => this.#strike(fault));
      else {
        const { label } = fault.place;
        const awaited = this.#awaited.get(label) ?? { count: 0, faults: [] };
        awaited.faults.push(fault);
        this.#awaited.set(label, awaited);
      }
    }
    this.later(this.#plan.healMs, 'heal', () => this.heal());
  }

  /** Called before each event. */
  observe(event: SimEvent): void {
    const awaited = this.#awaited.get(event.label);
    if (awaited === undefined) return;
    awaited.count++;
    for (const fault of awaited.faults)
      if ('nth' in fault.place && fault.place.nth === awaited.count) this.#strike(fault);
  }

  /** No fault strikes any more, and whatever is down comes up. */
  heal(): void {
    if (this.#isHealed) return;
    this.#isHealed = true;
    const cluster = this.#cluster;
    if (cluster === undefined) return;
    cluster.jobManager?.resume();
    for (const [name, running] of cluster.taskManagers) {
      running?.process.resume();
      this.later(this.#prng.next() * RESTART_MS_HEALED, `restart ${name}`, () =>
        cluster.startTaskManager(name),
      );
    }
    this.later(this.#prng.next() * RESTART_MS_HEALED, 'restart jobmanager', () => cluster.startJobManager());
  }

  // How long things take, and what fails

  operationMs(): number {
    return this.#slowly(this.#prng.next() * this.#plan.world.diskMsMax);
  }

  frameMs(): number {
    return this.#slowly(this.#prng.next() * this.#plan.world.networkMsMax, 0.1);
  }

  localMs(what: 'worker start' | 'message' | 'store'): number {
    return this.#prng.next() * (what === 'worker start' ? 30 : 0.2);
  }

  /** Until one end of a connection notices that the other is gone. */
  noticeMs(): number {
    return this.#isSilent ? KEEPALIVE_MS * (0.3 + 0.7 * this.#prng.next()) : this.#prng.next() * 20;
  }

  messageFate(kind: string): MessageFate {
    const { rates, world } = this.#plan;
    const base = this.#prng.next() * world.networkMsMax;
    const extraMs = (): number => this.#prng.next() * MESSAGE_DELAY_MS_MAX;
    if (this.#chance(rates.messageDelay, 'delay-message'))
      return { delayMs: base + extraMs(), againMs: undefined, isOutOfOrder: false };
    // A connection has one beginning.
    if (kind === 'connect' || kind === 'close')
      return { delayMs: base, againMs: undefined, isOutOfOrder: false };
    const againMs = this.#chance(rates.messageDuplicate, 'duplicate-message') ? extraMs() : undefined;
    // Printed lines leave before the acknowledgement that covers them, on one ordered stream. What decides the job's
    // fate must stand any order; lines that come after the job's end have nobody left to be shown to.
    const isOutOfOrder = this.#chance(rates.messageReorder, 'reorder-message') && kind !== 'output';
    return { delayMs: isOutOfOrder ? base + extraMs() : base, againMs, isOutOfOrder };
  }

  putFate(): 'done' | 'refused' | 'unknown' {
    if (!this.#chance(this.#plan.rates.blobPut, 'fail-blob-put')) return 'done';
    return this.#prng.next() < 0.5 ? 'refused' : 'unknown';
  }

  storeFate(): 'done' | 'refused' | 'unknown' {
    if (!this.#chance(this.#plan.rates.storeError, 'fail-store-write')) return 'done';
    return this.#prng.next() < 0.5 ? 'refused' : 'unknown';
  }

  isDiskFailing(): boolean {
    return this.#chance(this.#plan.rates.diskError, 'fail-disk-operation');
  }

  #slowly(ms: number, share = 1): number {
    if (!this.#chance(this.#plan.rates.slowOperation * share, 'slow-operation')) return ms;
    return ms + this.#prng.next() ** 2 * SLOW_MS_MAX;
  }

  #chance(rate: number, kind: string): boolean {
    if (this.#isHealed || rate === 0 || this.#prng.next() >= rate) return false;
    this.#count(kind);
    return true;
  }

  #count(kind: string): void {
    const cluster = this.#cluster;
    if (cluster?.isSubmitted !== true || cluster.isJobOver) return;
    this.effective.set(kind, (this.effective.get(kind) ?? 0) + 1);
  }

  // Faults

  #strike(fault: PlannedFault): void {
    if (this.#isHealed) return;
    this.#isSilent = fault.isSilent;
    const hasStruck = this.#act(fault, fault.kind);
    this.#isSilent = false;
    if (!hasStruck) return;
    this.onFault?.(
      `${fault.kind}${fault.isSilent ? ', unnoticed' : ''}, for ${Math.round(fault.durationMs)} ms`,
    );
    this.#count(fault.kind);
  }

  #act(fault: PlannedFault, kind: FaultKind): boolean {
    const cluster = this.#cluster;
    if (cluster === undefined) return false;
    const names = [...cluster.taskManagers.keys()];
    const name = names[fault.target % names.length] ?? 'tm-1';
    const running = cluster.taskManagers.get(name);
    switch (kind) {
      case 'kill-taskmanager':
        return this.#killTaskManager(cluster, name, fault.durationMs);
      case 'kill-jobmanager':
        return this.#killJobManager(cluster, fault.durationMs);
      case 'kill-both': {
        const isKilled = this.#killTaskManager(cluster, name, fault.durationMs);
        return this.#killJobManager(cluster, this.#prng.next() * fault.durationMs) || isKilled;
      }
      case 'kill-all': {
        const areKilled = names.map((one) =>
          this.#killTaskManager(cluster, one, this.#prng.next() * fault.durationMs),
        );
        return this.#killJobManager(cluster, fault.durationMs) || areKilled.includes(true);
      }
      case 'crash-worker':
        return running?.slots.crashWorker(fault.target >>> 8) ?? false;
      case 'pause-taskmanager': {
        if (running === undefined || running.process.isPaused) return false;
        running.process.pause();
        this.later(fault.durationMs, `resume ${name}`, () => running.process.resume());
        return true;
      }
      case 'pause-jobmanager':
        return this.#pauseJobManager(cluster, fault.durationMs);
      case 'break-data':
        return cluster.network.breakOne(fault.target >>> 4);
      case 'break-control':
        return (
          running?.connection.break({ taskManagerMs: this.noticeMs(), leaderMs: this.noticeMs() }) ?? false
        );
      case 'jump-clock': {
        const process = fault.target % 2 === 0 ? cluster.jobManager : running?.process;
        if (process === undefined) return false;
        process.wallOffsetMs += (this.#prng.next() * 2 - 1) * CLOCK_JUMP_MS_MAX;
        return true;
      }
      default:
        return kind satisfies never;
    }
  }

  #killTaskManager(cluster: SimCluster, name: string, downMs: number): boolean {
    if (!cluster.killTaskManager(name)) return false;
    this.later(downMs, `restart ${name}`, () => cluster.startTaskManager(name));
    return true;
  }

  #killJobManager(cluster: SimCluster, downMs: number): boolean {
    if (!cluster.killJobManager()) return false;
    this.later(downMs, 'restart jobmanager', () => cluster.startJobManager());
    return true;
  }

  #pauseJobManager(cluster: SimCluster, durationMs: number): boolean {
    const process = cluster.jobManager;
    if (process === undefined || process.isPaused) return false;
    process.pause();
    this.later(durationMs, 'resume jobmanager', () => process.resume());
    if (durationMs > KEEPALIVE_MS) {
      this.later(KEEPALIVE_MS, 'keepalive', () => {
        for (const running of cluster.taskManagers.values())
          running?.connection.break({ taskManagerMs: this.#prng.next() * 20, leaderMs: 0 });
      });
    }
    return true;
  }
}
