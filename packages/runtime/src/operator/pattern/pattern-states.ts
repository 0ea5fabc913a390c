// [HOT] The keyed state of a pattern operator: a queue a key, and a match state a key and pattern.
import type { KeyedStateBackend, RowTable } from '@millrace/state';
import { copyEventQueue, newEventQueue, type EventQueue } from './event-queue.ts';
import { copyMatchState, newMatchState, type MatchState } from './match-state.ts';

/**
 * Rows of the current key.
 * Contract: what a snapshot has is copied before it is changed, once a snapshot and row; whoever changes what `…ToChange` gave
 * has nothing more to do. `patternNumber` is a namespace of the table: all that is kept of a pattern is dropped at once.
 */
export class PatternStates {
  readonly #backend: KeyedStateBackend;
  readonly #queues: RowTable;
  readonly #matches: RowTable;
  /** What no snapshot has: made or copied since the last one. By identity, because what a restore read was another's. */
  #owned = new WeakSet<object>();

  constructor(backend: KeyedStateBackend) {
    this.#backend = backend;
    this.#queues = backend.table({ name: 'queue', columns: ['value'], hasNamespaces: false });
    this.#matches = backend.table({ name: 'matches', columns: ['value'], hasNamespaces: true });
  }

  /** From now on everything is copied before it is changed. */
  disown(): void {
    this.#owned = new WeakSet();
  }

  queue(): EventQueue | undefined {
    const { currentKey, currentKeyHash } = this.#backend;
    const row = this.#queues.find(currentKey, currentKeyHash, 0);
    return row < 0 ? undefined : (this.#cells(this.#queues)[row] as EventQueue);
  }

  queueToChange(): EventQueue {
    const { currentKey, currentKeyHash } = this.#backend;
    const table = this.#queues;
    const row = table.upsert(currentKey, currentKeyHash, 0);
    const cells = this.#cells(table);
    let queue = table.wasAbsent ? undefined : (cells[row] as EventQueue);
    if (queue === undefined || !this.#owned.has(queue)) {
      queue = queue === undefined ? newEventQueue() : copyEventQueue(queue);
      this.#owned.add(queue);
      cells[row] = queue;
    }
    table.markDirty(row);
    return queue;
  }

  dropQueue(): void {
    this.#queues.remove(this.#backend.currentKey, this.#backend.currentKeyHash, 0);
  }

  matches(patternNumber: number): MatchState | undefined {
    const { currentKey, currentKeyHash } = this.#backend;
    const row = this.#matches.find(currentKey, currentKeyHash, patternNumber);
    return row < 0 ? undefined : (this.#cells(this.#matches)[row] as MatchState);
  }

  matchesToChange(patternNumber: number, startState: number): MatchState {
    const { currentKey, currentKeyHash } = this.#backend;
    const table = this.#matches;
    const row = table.upsert(currentKey, currentKeyHash, patternNumber);
    const cells = this.#cells(table);
    let state = table.wasAbsent ? undefined : (cells[row] as MatchState);
    if (state === undefined || !this.#owned.has(state)) {
      state = state === undefined ? newMatchState(startState) : copyMatchState(state);
      this.#owned.add(state);
      cells[row] = state;
    }
    table.markDirty(row);
    return state;
  }

  dropMatches(patternNumber: number): void {
    this.#matches.remove(this.#backend.currentKey, this.#backend.currentKeyHash, patternNumber);
  }

  /** Of all keys. */
  dropPattern(patternNumber: number): void {
    this.#matches.removeNamespace(patternNumber);
  }

  #cells(table: RowTable): unknown[] {
    return table.columns[0] as unknown[];
  }
}
