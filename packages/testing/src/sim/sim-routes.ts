// The ways between machines: open, cut in one direction or both, slow. What is sent over a cut way waits, as TCP lets it
// wait, until the way is open again or an end gives the connection up.
import type { Prng } from '@millrace/common';
import type { SimScheduler } from './scheduler.ts';
import { SimLane, theWorld, type SimProcess } from './sim-process.ts';

/** An end gives a silent peer up after its keepalive. */
export const KEEPALIVE_MS = 7_000;
/** A connection that is not answered is given up after about this time. */
const CONNECT_TIMEOUT_MS = 2_000;

/** A connection between two machines, by their names. */
export interface RoutedConnection {
  readonly ends: readonly [string, string];
  /** An end gives it up. */
  giveUp(): void;
}

/** One direction between two machines. */
interface Way {
  isCut: boolean;
  /** Counts cuts: a keepalive of an earlier one means nothing. */
  cutCount: number;
  slowMsMax: number;
  readonly held: { readonly to: SimProcess; readonly action: () => void }[];
  /** What was held goes through it, and whatever comes before that has arrived. */
  readonly lane: SimLane;
}

/** Contract: the order on a way is kept. Units: virtual ms. */
export class SimRoutes {
  readonly #scheduler: SimScheduler;
  readonly #prng: Prng;
  readonly #ways = new Map<string, Way>();
  readonly #connections = new Set<RoutedConnection>();

  constructor(scheduler: SimScheduler, prng: Prng) {
    this.#scheduler = scheduler;
    this.#prng = prng;
  }

  /** True when a connection from `a` to `b` can be made. */
  isReachable(a: string, b: string): boolean {
    return this.#ways.get(nameOf(a, b))?.isCut !== true && this.#ways.get(nameOf(b, a))?.isCut !== true;
  }

  /** Until whoever connects learns that nobody answers. */
  connectTimeoutMs(): number {
    return CONNECT_TIMEOUT_MS * (0.2 + this.#prng.next());
  }

  /** What a slow way adds. */
  delayMs(from: string, to: string): number {
    const way = this.#ways.get(nameOf(from, to));
    return way === undefined || way.slowMsMax === 0 ? 0 : this.#prng.next() * way.slowMsMax;
  }

  /** Something sent by `from` has come to `to`, unless the way is cut. */
  carry(from: string, to: SimProcess, action: () => void): void {
    const way = this.#ways.get(nameOf(from, to.machine));
    if (way === undefined) action();
    else if (way.isCut) way.held.push({ to, action });
    else if (this.#scheduler.nowMs <= way.lane.lastMs) way.lane.put(to, 0, { label: 'behind', action });
    else action();
  }

  add(connection: RoutedConnection): void {
    this.#connections.add(connection);
  }

  remove(connection: RoutedConnection): void {
    this.#connections.delete(connection);
  }

  /** Returns false when it was cut already. */
  cut(from: string, to: string): boolean {
    const way = this.#way(from, to);
    if (way.isCut) return false;
    way.isCut = true;
    const count = ++way.cutCount;
    const keepaliveMs = KEEPALIVE_MS * (0.3 + 0.7 * this.#prng.next());
    this.#scheduler.schedule(keepaliveMs, {
      gate: theWorld,
      label: 'keepalive',
      action: () => {
        if (way.isCut && way.cutCount === count) this.#giveUp(from, to);
      },
    });
    return true;
  }

  slow(from: string, to: string, slowMsMax: number): void {
    this.#way(from, to).slowMsMax = slowMsMax;
  }

  open(from: string, to: string): void {
    const way = this.#ways.get(nameOf(from, to));
    if (way === undefined || !way.isCut) return;
    way.isCut = false;
    for (const { to: process, action } of way.held.splice(0))
      way.lane.put(process, 0, { label: 'behind', action });
  }

  /** All ways are open and fast. */
  heal(): void {
    for (const [name, way] of this.#ways) {
      const [from = '', to = ''] = name.split('>');
      this.open(from, to);
      way.slowMsMax = 0;
    }
  }

  #giveUp(from: string, to: string): void {
    const connections = [...this.#connections];
    for (const connection of connections) {
      const { ends } = connection;
      if (ends.includes(from) && ends.includes(to)) connection.giveUp();
    }
  }

  #way(from: string, to: string): Way {
    const name = nameOf(from, to);
    const known = this.#ways.get(name);
    if (known !== undefined) return known;
    const lane = new SimLane(this.#scheduler);
    const way: Way = { isCut: false, cutCount: 0, slowMsMax: 0, held: [], lane };
    this.#ways.set(name, way);
    return way;
  }
}

function nameOf(from: string, to: string): string {
  return `${from}>${to}`;
}
