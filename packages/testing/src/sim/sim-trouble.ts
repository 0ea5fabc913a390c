// The trouble of a run: how long things take and what fails, until the moment of healing.
import { Prng } from '@millrace/common';
import { FaultDice } from './fault-dice.ts';
import { FaultStrikes } from './fault-strikes.ts';
import type { PutFate, SimBlobStoreOptions } from './sim-blob-store.ts';
import type { MessageFate } from './sim-control-plane.ts';
import type { SimCluster } from './sim-cluster.ts';
import type { OperationFate } from './sim-disk.ts';
import type { ChanceKind, ChanceStrike, PlannedFault, SimPlan } from './sim-plan.ts';
import { theWorld } from './sim-process.ts';
import { KEEPALIVE_MS } from './sim-routes.ts';
import type { SimEvent, SimScheduler } from './scheduler.ts';

const SLOW_MS_MAX = 2_000;
const LATE_MS_MAX = 2_000;
const MESSAGE_DELAY_MS_MAX = 400;
const RESTART_MS_HEALED = 100;

export class SimTrouble {
  readonly #scheduler: SimScheduler;
  readonly #plan: SimPlan;
  readonly #prng: Prng;
  readonly #dice: FaultDice;
  readonly #strikes: FaultStrikes;
  readonly #awaited = new Map<string, { count: number; readonly faults: PlannedFault[] }>();
  #cluster: SimCluster | undefined;
  #isHealed = false;
  #isSilent = false;
  /** User functions that are to throw. */
  #throwsDue = 0;
  /** Faults that changed something while the job was under way, by kind. */
  readonly effective = new Map<string, number>();
  /** Also after the end of a job, which is no fault that it has had to do with. */
  wasListStale = false;
  /** Prints what strikes. */
  onFault: ((what: string) => void) | undefined;

  constructor(scheduler: SimScheduler, plan: SimPlan) {
    this.#scheduler = scheduler;
    this.#plan = plan;
    this.#prng = new Prng(plan.seed ^ 0x51ed270b);
    this.#dice = new FaultDice(plan.seed ^ 0x7f4a7c15, plan.rates, plan.strikes);
    this.#strikes = new FaultStrikes(this, new Prng(plan.seed ^ 0x3c6ef372));
  }

  get isHealed(): boolean {
    return this.#isHealed;
  }

  /** What struck by chance, so that the run can be told again with parts of it. */
  get strikes(): readonly ChanceStrike[] {
    return this.#dice.strikes;
  }

  /** Something that the world does. */
  later(delayMs: number, label: string, action: () => void): void {
    this.#scheduler.schedule(delayMs, { gate: theWorld, label, action });
  }

  /** As `later`, unless all is healed by then. */
  worsenLater(delayMs: number, label: string, action: () => void): void {
    this.later(delayMs, label, () => {
      if (!this.#isHealed) action();
    });
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
      if ('nth' in fault.place && fault.place.nth === awaited.count) this.#strike(fault, event.gate.name);
  }

  /** No fault strikes any more, and whatever is down comes up. */
  heal(): void {
    if (this.#isHealed) return;
    this.#isHealed = true;
    this.#throwsDue = 0;
    const cluster = this.#cluster;
    if (cluster === undefined) return;
    cluster.routes.heal();
    cluster.disk.isFull = false;
    cluster.blobStore.isFull = false;
    cluster.jobStore.isFull = false;
    cluster.jobManager?.resume();
    cluster.stopStandby();
    for (const [name, running] of cluster.taskManagers) {
      running?.process.resume();
      for (const thread of running?.slots.threads ?? []) thread.speedUp();
      this.later(this.#prng.next() * RESTART_MS_HEALED, `restart ${name}`, () =>
        cluster.startTaskManager(name),
      );
    }
    this.later(this.#prng.next() * RESTART_MS_HEALED, 'restart jobmanager', () => cluster.startJobManager());
  }

  // How long things take, and what fails

  operationMs(): number {
    return this.#slowly(this.#prng.next() * this.#plan.world.diskMsMax, 1);
  }

  frameMs(): number {
    return this.#slowly(this.#prng.next() * this.#plan.world.networkMsMax, 0.1);
  }

  localMs(what: 'worker start' | 'message' | 'store'): number {
    return this.#prng.next() * (what === 'worker start' ? 30 : 0.2);
  }

  /** Until one end of a connection notices that the other is gone. */
  noticeMs(): number {
    return this.#isSilent ? this.silenceMs() : this.#prng.next() * 20;
  }

  /** Until one end notices by silence alone. */
  silenceMs(): number {
    return KEEPALIVE_MS * (0.3 + 0.7 * this.#prng.next());
  }

  messageFate(kind: string): MessageFate {
    const base = this.#prng.next() * this.#plan.world.networkMsMax;
    const fate = { delayMs: base, againMs: undefined, isOutOfOrder: false, isLost: false };
    const delay = this.#roll('delay-message');
    if (delay !== undefined) return { ...fate, delayMs: base + delay * MESSAGE_DELAY_MS_MAX };
    // A connection has one beginning.
    if (kind === 'connect' || kind === 'close') return fate;
    if (this.#roll('drop-message') !== undefined) return { ...fate, isLost: true };
    const again = this.#roll('duplicate-message');
    const againMs = again === undefined ? undefined : again * MESSAGE_DELAY_MS_MAX;
    // Printed lines leave before the acknowledgement that covers them, on one ordered stream. What decides the job's
    // fate must stand any order; lines that come after the job's end have nobody left to be shown to.
    const order = kind === 'output' ? undefined : this.#roll('reorder-message');
    return order === undefined
      ? { ...fate, againMs }
      : { ...fate, againMs, delayMs: base + order * MESSAGE_DELAY_MS_MAX, isOutOfOrder: true };
  }

  blobFates(): Pick<SimBlobStoreOptions, 'delayMs' | 'fateOf' | 'isListStale' | 'flipAt' | 'later'> {
    return {
      delayMs: () => this.operationMs(),
      fateOf: () => this.#putFate(),
      isListStale: () => {
        if (this.#roll('stale-blob-list') === undefined) return false;
        this.wasListStale = true;
        return true;
      },
      flipAt: () => this.#roll('flip-bit-of-blob'),
      later: (label, action) => this.later(this.#prng.next() * LATE_MS_MAX, label, action),
    };
  }

  #putFate(): PutFate {
    const how = this.#roll('fail-blob-put');
    if (how === undefined) return 'done';
    if (how < 0.4) return 'refused';
    return how < 0.7 ? 'unknown' : 'late';
  }

  storeFate(): OperationFate {
    return this.#fate('fail-store-write');
  }

  diskFate(): OperationFate {
    return this.#fate('fail-disk-operation');
  }

  savepointFate(): OperationFate {
    return this.#fate('fail-savepoint');
  }

  sinkFate(operation: 'prepare' | 'commit'): OperationFate {
    return this.#fate(operation === 'prepare' ? 'fail-sink-prepare' : 'fail-sink-commit');
  }

  flipOfRow(): number | undefined {
    return this.#roll('flip-bit-of-row');
  }

  /** Called by user functions. */
  userCall(): void {
    const isStruck = this.#roll('user-throws') !== undefined;
    if (this.#throwsDue === 0 && !isStruck) return;
    this.#throwsDue = Math.max(0, this.#throwsDue - 1);
    throw new Error('this function of the user throws');
  }

  throwInUserCode(): void {
    this.#throwsDue++;
  }

  /** Something went wrong, of this kind. */
  count(kind: string): void {
    const cluster = this.#cluster;
    if (cluster?.isSubmitted !== true || cluster.isJobOver) return;
    this.effective.set(kind, (this.effective.get(kind) ?? 0) + 1);
  }

  #fate(kind: ChanceKind): OperationFate {
    const how = this.#roll(kind);
    if (how === undefined) return 'done';
    return how < 0.5 ? 'refused' : 'unknown';
  }

  #slowly(ms: number, share: number): number {
    const how = this.#roll('slow-operation', share);
    return how === undefined ? ms : ms + how ** 2 * SLOW_MS_MAX;
  }

  #roll(kind: ChanceKind, share = 1): number | undefined {
    if (this.#isHealed) return undefined;
    const how = this.#dice.roll(kind, share);
    if (how !== undefined) this.count(kind);
    return how;
  }

  /** `owner`: who is at work, a machine or a thread of one. */
  #strike(fault: PlannedFault, owner = ''): void {
    const cluster = this.#cluster;
    if (this.#isHealed || cluster === undefined) return;
    this.#isSilent = fault.isSilent;
    const hasStruck = this.#strikes.strike(
      cluster,
      fault.isAtOwner === true ? atOwner(cluster, fault, owner) : fault,
    );
    this.#isSilent = false;
    if (!hasStruck) return;
    this.onFault?.(
      `${fault.kind}${fault.isSilent ? ', unnoticed' : ''}, for ${Math.round(fault.durationMs)} ms`,
    );
    this.count(fault.kind);
  }
}

/** The same fault, so that it strikes `owner`, where that is a TaskManager. */
function atOwner(cluster: SimCluster, fault: PlannedFault, owner: string): PlannedFault {
  const names = [...cluster.taskManagers.keys()];
  const index = names.indexOf(owner.split('/')[0] ?? '');
  return index < 0 ? fault : { ...fault, target: fault.target - (fault.target % names.length) + index };
}
