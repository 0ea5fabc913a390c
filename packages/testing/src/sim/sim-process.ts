// A process, or a thread of one, as the simulation sees it: clocks, timers and I/O that end with it.
import { Prng, type Cancellable, type Clock, type RandomPort, type TimerPort } from '@millrace/common';
import type { EventGate, SimEvent, SimScheduler } from './scheduler.ts';

/** How an I/O operation of a simulated device is carried out. */
export interface SimOperation<T> {
  readonly label: string;
  readonly delayMs: number;
  /** What the operation does to the world; what it throws is the caller's answer. */
  readonly effect: () => T;
  /** True when the world may still carry it out after its caller has died. */
  readonly isRemote?: boolean;
}

interface InFlight {
  readonly apply: () => void;
  readonly isRemote: boolean;
}

/** What follows at once comes this much later, so that it keeps its order. */
const STEP_MS = 1e-6;
/** A remote operation may land this much after the death of who asked for it. */
const STRAY_MS_MAX = 3_000;
/** What is done "at once" takes up to so long. */
const TURN_MS_MAX = 0.5;

/**
 * Contract: nothing of a dead process runs; what it had asked of the world happens or not, as the seed says. What comes
 * for a paused one waits, in order. Threads (`spawn`) share the fate of their process.
 */
export class SimProcess implements EventGate {
  readonly name: string;
  readonly scheduler: SimScheduler;
  readonly parent: SimProcess | undefined;
  readonly prng: Prng;
  readonly random: RandomPort;
  readonly clock: Clock;
  readonly timers: TimerPort;
  /** How fast its clocks run. */
  readonly #clockRate: number;
  readonly #inFlight = new Set<InFlight>();
  readonly #onDeath: (() => void)[] = [];
  readonly #children = new Set<SimProcess>();
  #kept: SimEvent[] = [];
  #isDead = false;
  #isPaused = false;
  #turnAtMs = 0;
  /** Each event takes it this long, until then. */
  #stepMs = 0;
  #slowUntilMs = 0;
  #busyUntilMs = 0;
  #atWork: SimEvent | undefined;
  #waiting: SimEvent[] = [];
  /** Of the wall clock, ms. */
  wallOffsetMs = 0;

  constructor(
    scheduler: SimScheduler,
    options: {
      readonly name: string;
      readonly seed: number;
      readonly parent?: SimProcess;
      /** 1.01: a second of its clocks takes 990 ms. */
      readonly clockRate?: number;
    },
  ) {
    this.name = options.name;
    this.scheduler = scheduler;
    this.parent = options.parent;
    this.prng = new Prng(options.seed);
    this.random = new Prng(options.seed ^ 0x5bd1e995);
    this.#clockRate = options.clockRate ?? options.parent?.clockRate ?? 1;
    // Monotonic clocks of two processes have nothing in common.
    const originMs = this.prng.below(1_000_000);
    this.clock = {
      nowMs: () => Math.floor(WALL_START_MS + scheduler.nowMs * this.#clockRate + this.#root().wallOffsetMs),
      monotonicMs: () => originMs + scheduler.nowMs * this.#clockRate,
    };
    this.timers = { schedule: (delayMs, action) => this.#timer(delayMs, action) };
    if (this.parent !== undefined) this.parent.#children.add(this);
  }

  get clockRate(): number {
    return this.#clockRate;
  }

  /** Name of the machine, which a process that is started again keeps. */
  get machine(): string {
    return this.#root().name;
  }

  get isDead(): boolean {
    return this.#isDead || this.parent?.isDead === true;
  }

  get isPaused(): boolean {
    return this.#isPaused || this.parent?.isPaused === true;
  }

  /** A thread of this process. */
  spawn(name: string): SimProcess {
    return new SimProcess(this.scheduler, { name, seed: this.prng.nextUint32(), parent: this });
  }

  admit(event: SimEvent): 'run' | 'drop' | 'keep' {
    if (this.isDead) return 'drop';
    if (this.isPaused) {
      this.#root().#kept.push(event);
      return 'keep';
    }
    return this.#stepMs === 0 || this.#takeTime(event) ? 'run' : 'keep';
  }

  /** From now on, for `durationMs`, each event keeps it busy for `stepMs`: a function that takes its time. */
  slowDown(stepMs: number, durationMs: number): void {
    this.#stepMs = stepMs;
    this.#slowUntilMs = this.scheduler.nowMs + durationMs;
  }

  speedUp(): void {
    this.#slowUntilMs = 0;
  }

  #takeTime(event: SimEvent): boolean {
    const { nowMs } = this.scheduler;
    if (event === this.#atWork) return true;
    if (nowMs < this.#busyUntilMs) {
      this.#waiting.push(event);
      return false;
    }
    if (nowMs >= this.#slowUntilMs) {
      this.#stepMs = 0;
      return true;
    }
    this.#atWork = event;
    this.#busyUntilMs = nowMs + this.#stepMs;
    this.scheduler.schedule(this.#stepMs, {
      gate: theWorld,
      label: 'step over',
      action: () => {
        const waiting = this.#waiting.splice(0);
        // What came before the pause is done before what came in it.
        if (this.isPaused) this.#root().#kept.unshift(...waiting);
        else for (const next of waiting) this.scheduler.bringBack(next);
      },
    });
    return true;
  }

  /** Something comes to this process from outside. */
  post(delayMs: number, label: string, action: () => void): SimEvent {
    return this.scheduler.schedule(delayMs, { gate: this, label, action });
  }

  /** Asks a device for something. Resolves in this process; never, when it dies before. */
  call<T>(operation: SimOperation<T>): Promise<T> {
    const { label, delayMs, effect, isRemote = false } = operation;
    return new Promise((resolve, reject) => {
      let answer: (() => void) | undefined;
      const inFlight: InFlight = {
        isRemote,
        apply: () => {
          if (!this.#inFlight.delete(inFlight)) return;
          try {
            const value = effect();
            answer = () => resolve(value);
          } catch (error) {
            answer = () => reject(error as Error);
          }
          const settle = answer;
          this.post(this.prng.next() * TURN_MS_MAX, `${label} done`, settle);
        },
      };
      this.#inFlight.add(inFlight);
      this.scheduler.schedule(delayMs, { gate: theWorld, label, action: inFlight.apply });
    });
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    const kept = this.#kept;
    this.#kept = [];
    for (const event of kept) this.scheduler.bringBack(event);
  }

  onDeath(action: () => void): void {
    this.#onDeath.push(action);
  }

  /** Ends it between two events, like kill -9. */
  kill(): void {
    if (this.#isDead) return;
    for (const child of this.#children) child.kill();
    this.#isDead = true;
    this.#kept = [];
    this.#waiting = [];
    if (this.parent !== undefined) this.parent.#children.delete(this);
    const operations = [...this.#inFlight]; // What is abandoned may begin anew.
    for (const operation of operations) this.#abandon(operation);
    for (const action of this.#onDeath.splice(0)) action();
  }

  #abandon(operation: InFlight): void {
    const choice = this.prng.below(operation.isRemote ? 3 : 2);
    if (choice === 0) operation.apply();
    else if (choice === 1) this.#inFlight.delete(operation);
    else
      this.scheduler.schedule(this.prng.next() * STRAY_MS_MAX, {
        gate: theWorld,
        label: 'stray',
        action: operation.apply,
      });
  }

  /** What is due at once is done in the order of the calls, as Node does it. */
  #timer(delayMs: number, action: () => void): Cancellable {
    const { nowMs } = this.scheduler;
    const atMs = nowMs + Math.max(0, delayMs) / this.#clockRate + this.prng.next() * TURN_MS_MAX;
    if (delayMs > 0) return this.post(atMs - nowMs, 'timer', action);
    this.#turnAtMs = Math.max(atMs, this.#turnAtMs + STEP_MS);
    return this.post(this.#turnAtMs - nowMs, 'turn', action);
  }

  #root(): SimProcess {
    return this.parent === undefined ? this : this.parent.#root();
  }
}

/** Virtual time starts here: 2026-01-01. */
const WALL_START_MS = 1_767_225_600_000;

/** Devices and networks go on whoever dies. */
export const theWorld: EventGate = { name: 'world', admit: () => 'run' };

/** One ordered way: what is put later arrives later. */
export class SimLane {
  readonly #scheduler: SimScheduler;
  #lastMs = 0;

  constructor(scheduler: SimScheduler) {
    this.#scheduler = scheduler;
  }

  /** When the last of it arrives. */
  get lastMs(): number {
    return this.#lastMs;
  }

  /** Delivers to `to` after `delayMs`, but behind everything that was put before. */
  put(to: EventGate, delayMs: number, event: { readonly label: string; readonly action: () => void }): void {
    const { nowMs } = this.#scheduler;
    this.#lastMs = Math.max(nowMs + delayMs, this.#lastMs + STEP_MS);
    this.#scheduler.schedule(this.#lastMs - nowMs, { gate: to, ...event });
  }
}
