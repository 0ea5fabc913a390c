// [HOT] Events of all keys in the order of their time, each when the watermark has passed it.
import type { KeyedStateBackend } from '@millrace/state';
import type { Emission } from '../../chain/emission.ts';
import { TimeHeap } from '../changelog/time-heap.ts';
import { dequeue, enqueue, firstTime, isDue, isEmpty, type CompareEvents } from './event-queue.ts';
import type { PatternStates } from './pattern-states.ts';
import { WaitingEvents } from './waiting-events.ts';

/** Takes an event of the current key. */
export type TakeEvent = (event: unknown, timestampMs: number) => void;

/**
 * Contract: events of one key come out in the order of their time, those of equal time by `compare`, else as they came. What is new waits in
 * memory, and moves into the queue of its key, which is state, before a snapshot (`store`), or when there is too much of it. While a key has a
 * queue, its new events go through it as well when they are due. Threading: the task's thread.
 * Source: Flink's CepOperator, which has a queue a key and a timer a key and event.
 */
export class EventSorter {
  readonly #backend: KeyedStateBackend;
  readonly #states: PatternStates;
  readonly #emission: Emission;
  readonly #compare: CompareEvents | undefined;
  readonly #waiting: WaitingEvents;
  /** When the queues of keys are to be looked at: derived from the state. */
  readonly #due = new TimeHeap();

  constructor(of: {
    readonly backend: KeyedStateBackend;
    readonly states: PatternStates;
    readonly emission: Emission;
    readonly compare: CompareEvents | undefined;
  }) {
    this.#backend = of.backend;
    this.#states = of.states;
    this.#emission = of.emission;
    this.#compare = of.compare;
    this.#waiting = new WaitingEvents(of.compare);
    of.states.eachQueue((queue, key, hash) => this.#due.push(firstTime(queue), key, hash));
  }

  /** Keeps an event of the current key until the watermark comes to `timestampMs`. */
  add(event: unknown, timestampMs: number): void {
    const { currentKey: key, currentKeyHash: hash } = this.#backend;
    if (this.#waiting.isFull) this.store();
    this.#waiting.add(event, timestampMs, { key, hash });
  }

  /** Gives what is due to `take`, with its key as the current one; false when the chain stopped: to be called again. */
  advance(watermarkMs: number, take: TakeEvent): boolean {
    const waiting = this.#waiting;
    while (waiting.poll(watermarkMs)) {
      this.#backend.setCurrentKey(waiting.key, waiting.hash);
      if (this.#states.hasQueue) {
        this.#enqueue(waiting.event, waiting.timestampMs);
        continue;
      }
      take(waiting.event, waiting.timestampMs);
      if (this.#emission.mustStop()) return false;
    }
    while (this.#due.poll(watermarkMs)) {
      this.#backend.setCurrentKey(this.#due.key, this.#due.hash);
      if (!this.#drain(watermarkMs, take)) return false;
    }
    return true;
  }

  /** Moves all that waits in memory into state. The current key is another one then. */
  store(): void {
    const waiting = this.#waiting;
    while (waiting.poll(Infinity)) {
      this.#backend.setCurrentKey(waiting.key, waiting.hash);
      this.#enqueue(waiting.event, waiting.timestampMs);
    }
  }

  #enqueue(event: unknown, timestampMs: number): void {
    const queue = this.#states.queueToChange();
    const isFirst = timestampMs < firstTime(queue);
    enqueue(queue, event, timestampMs, this.#compare);
    if (isFirst) this.#due.push(timestampMs, this.#backend.currentKey, this.#backend.currentKeyHash);
  }

  #drain(watermarkMs: number, take: TakeEvent): boolean {
    const known = this.#states.queue();
    // The key may be in the heap several times: another look took what was due, and the rest has a place of its own there.
    if (known === undefined || !isDue(known, watermarkMs)) return true;
    const queue = this.#states.queueToChange();
    let isStopped = false;
    while (!isStopped && isDue(queue, watermarkMs)) {
      const timestampMs = firstTime(queue);
      take(dequeue(queue), timestampMs);
      isStopped = this.#emission.mustStop();
    }
    if (isEmpty(queue)) this.#states.dropQueue();
    else this.#due.push(firstTime(queue), this.#backend.currentKey, this.#backend.currentKeyHash);
    return !isStopped;
  }
}
