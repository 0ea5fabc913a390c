// The one queue of a simulation: events in virtual time, ties broken by the seed, everything that happens in a hash.
import { MillraceError, Prng, type Cancellable } from '@millrace/common';

/** Something that happens at a moment of virtual time. */
export interface SimEvent extends Cancellable {
  readonly atMs: number;
  readonly order: number;
  readonly sequence: number;
  readonly label: string;
  readonly action: () => void;
  readonly gate: EventGate;
  isCancelled: boolean;
}

/** Whoever an event belongs to: decides whether it happens now, later or never. */
export interface EventGate {
  readonly name: string;
  /** 'run', 'drop', or 'keep': the gate has put it aside and brings it back itself. */
  admit(event: SimEvent): 'run' | 'drop' | 'keep';
}

/** Sees each event before it happens; faults are placed and traces printed by it. */
export type EventObserver = (event: SimEvent) => void;

/** Events that are put aside come before all others of their instant. */
const ORDER_FIRST = -1;
const HASH_PRIME = 0x01000193;
const HASH_BASIS = 0x811c9dc5;

/**
 * Contract: equal seeds and equal calls give equal runs, which `traceHash` shows. Promises that depend on nothing but
 * each other settle between events. Units: virtual milliseconds. Threading: one thread.
 */
export class SimScheduler {
  readonly #prng: Prng;
  readonly #heap: SimEvent[] = [];
  readonly #labels = new Map<string, number>();
  #sequence = 0;
  #nowMs = 0;
  #traceHash = HASH_BASIS;
  readonly #time = new Float64Array(1);
  readonly #timeWords = new Uint32Array(this.#time.buffer);
  /** Events that have happened. */
  eventCount = 0;
  observer: EventObserver | undefined;

  constructor(seed: number) {
    this.#prng = new Prng(seed);
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  /** Of all events so far: their times, owners and labels. */
  get traceHash(): string {
    return (this.#traceHash >>> 0).toString(16).padStart(8, '0');
  }

  /** Adds something that is part of what happened to the hash. */
  mix(value: number): void {
    this.#traceHash = Math.imul(this.#traceHash ^ (value | 0), HASH_PRIME);
    this.#traceHash ^= this.#traceHash >>> 15;
  }

  schedule(
    delayMs: number,
    event: { readonly gate: EventGate; readonly label: string; readonly action: () => void },
  ): SimEvent {
    return this.#add(this.#nowMs + Math.max(0, delayMs), this.#prng.nextUint32(), event);
  }

  /** Brings an event back that its gate had kept: at once, in the order of these calls. */
  bringBack(event: SimEvent): void {
    if (!event.isCancelled) this.#add(this.#nowMs, ORDER_FIRST, event, event);
  }

  /**
   * Lets events happen until `isDone`, until none is left, or until the time is over.
   * @throws {MillraceError} MR_TIMEOUT after `eventsMax` events: something goes round in circles
   */
  async run(of: {
    readonly untilMs: number;
    readonly eventsMax: number;
    readonly isDone: () => boolean;
  }): Promise<void> {
    await settle();
    for (;;) {
      if (of.isDone()) return;
      const next = this.#pop();
      if (next === undefined) return;
      if (next.atMs > of.untilMs) {
        this.#push(next);
        this.#nowMs = of.untilMs;
        return;
      }
      if (next.isCancelled) continue;
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      if (next.gate.admit(next) !== 'run') continue;
      if (++this.eventCount > of.eventsMax)
        throw new MillraceError('MR_TIMEOUT', `Cannot come to an end: ${of.eventsMax} events have happened`);
      this.#note(next);
      if (this.observer !== undefined) {
        this.observer(next);
        if (next.gate.admit(next) !== 'run') continue; // The observer has stopped whoever it belongs to.
      }
      next.action();
      await settle();
    }
  }

  #note(event: SimEvent): void {
    this.#time[0] = event.atMs;
    this.mix(this.#timeWords[0] ?? 0);
    this.mix(this.#timeWords[1] ?? 0);
    this.mix(this.#number(event.gate.name));
    this.mix(this.#number(event.label));
  }

  #number(text: string): number {
    const known = this.#labels.get(text);
    if (known !== undefined) return known;
    let hash = HASH_BASIS;
    for (let index = 0; index < text.length; index++)
      hash = Math.imul(hash ^ text.charCodeAt(index), HASH_PRIME);
    this.#labels.set(text, hash);
    return hash;
  }

  #add(
    atMs: number,
    order: number,
    of: { readonly gate: EventGate; readonly label: string; readonly action: () => void },
    original?: SimEvent,
  ): SimEvent {
    const event: SimEvent = {
      atMs,
      order,
      sequence: this.#sequence++,
      label: of.label,
      action: of.action,
      gate: of.gate,
      isCancelled: false,
      cancel: () => {
        event.isCancelled = true;
      },
    };
    // Whoever holds the original cancels the event that stands for it.
    if (original !== undefined) {
      original.cancel = () => {
        original.isCancelled = true;
        event.cancel();
      };
    }
    this.#push(event);
    return event;
  }

  #push(event: SimEvent): void {
    const heap = this.#heap;
    let index = heap.length;
    heap.push(event);
    while (index > 0) {
      const parentIndex = (index - 1) >> 1;
      const parent = heap[parentIndex];
      if (parent === undefined || !isBefore(event, parent)) break;
      heap[index] = parent;
      index = parentIndex;
    }
    heap[index] = event;
  }

  #pop(): SimEvent | undefined {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop();
    if (top === undefined || last === undefined || heap.length === 0) return top;
    let index = 0;
    for (;;) {
      let childIndex = index * 2 + 1;
      let child = heap[childIndex];
      const right = heap[childIndex + 1];
      if (child === undefined) break;
      if (right !== undefined && isBefore(right, child)) {
        child = right;
        childIndex++;
      }
      if (!isBefore(child, last)) break;
      heap[index] = child;
      index = childIndex;
    }
    heap[index] = last;
    return top;
  }
}

function isBefore(a: SimEvent, b: SimEvent): boolean {
  if (a.atMs !== b.atMs) return a.atMs < b.atMs;
  return a.order === b.order ? a.sequence < b.sequence : a.order < b.order;
}

/** Node empties its queues of microtasks before it comes to what `setImmediate` asked for. */
function settle(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
