// [HOT] The keyed state of a pattern operator: a queue a key, a match state a key and pattern, and of rules which of them a key has.
import type { KeyedStateBackend, RowTable } from '@millrace/state';
import { copyEventQueue, newEventQueue, type EventQueue } from './event-queue.ts';
import { copyMatchState, newMatchState, type MatchState } from './match-state.ts';

const NO_RULES: readonly number[] = [];

/**
 * Rows of the current key.
 * Contract: what a snapshot has is copied before it is changed, once a snapshot and row; whoever changes what `…ToChange` gave
 * has nothing more to do. `patternNumber` is a namespace of the table: all that is kept of a pattern is dropped at once.
 */
export class PatternStates {
  readonly #backend: KeyedStateBackend;
  readonly #queues: RowTable;
  readonly #matches: RowTable;
  /** Numbers of the rules that a key has matches of, ascending; undefined: there are no rules. */
  readonly #rules: RowTable | undefined;
  #queueCount = 0;
  /** What no snapshot has: made or copied since the last one. By identity, because what a restore read was another's. */
  #owned = new WeakSet<object>();

  constructor(backend: KeyedStateBackend, hasRules: boolean) {
    this.#backend = backend;
    this.#queues = backend.table({ name: 'queue', columns: ['value'], hasNamespaces: false });
    this.#matches = backend.table({ name: 'matches', columns: ['value'], hasNamespaces: true });
    this.#rules = hasRules
      ? backend.table({ name: 'rules of key', columns: ['value'], hasNamespaces: false })
      : undefined;
    this.eachQueue(() => this.#queueCount++);
  }

  /** From now on everything is copied before it is changed. */
  disown(): void {
    this.#owned = new WeakSet();
  }

  /** Visits the queues of all keys. */
  eachQueue(visit: (queue: EventQueue, key: unknown, hash: number) => void): void {
    const cursor = this.#queues.openCursor(0);
    for (let row = cursor.next(); row >= 0; row = cursor.next())
      visit(cellsOf(this.#queues)[row] as EventQueue, this.#queues.keyOf(row), this.#queues.keyHashOf(row));
  }

  get hasQueue(): boolean {
    return this.#queueCount > 0 && this.queue() !== undefined;
  }

  queue(): EventQueue | undefined {
    const { currentKey, currentKeyHash } = this.#backend;
    const row = this.#queues.find(currentKey, currentKeyHash, 0);
    return row < 0 ? undefined : (cellsOf(this.#queues)[row] as EventQueue);
  }

  queueToChange(): EventQueue {
    const { currentKey, currentKeyHash } = this.#backend;
    const table = this.#queues;
    const row = table.upsert(currentKey, currentKeyHash, 0);
    const cells = cellsOf(table);
    if (table.wasAbsent) this.#queueCount++;
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
    this.#queueCount--;
    this.#queues.remove(this.#backend.currentKey, this.#backend.currentKeyHash, 0);
  }

  matches(patternNumber: number): MatchState | undefined {
    const { currentKey, currentKeyHash } = this.#backend;
    const row = this.#matches.find(currentKey, currentKeyHash, patternNumber);
    return row < 0 ? undefined : (cellsOf(this.#matches)[row] as MatchState);
  }

  matchesToChange(patternNumber: number, startState: number): MatchState {
    const { currentKey, currentKeyHash } = this.#backend;
    const table = this.#matches;
    const row = table.upsert(currentKey, currentKeyHash, patternNumber);
    const cells = cellsOf(table);
    const isNew = table.wasAbsent;
    let state = isNew ? undefined : (cells[row] as MatchState);
    if (state === undefined || !this.#owned.has(state)) {
      state = state === undefined ? newMatchState(startState) : copyMatchState(state);
      this.#owned.add(state);
      cells[row] = state;
    }
    table.markDirty(row);
    if (isNew && this.#rules !== undefined) this.#addRule(patternNumber);
    return state;
  }

  dropMatches(patternNumber: number): void {
    this.#matches.remove(this.#backend.currentKey, this.#backend.currentKeyHash, patternNumber);
    if (this.#rules !== undefined) this.forgetRule(patternNumber);
  }

  /** Of all keys; `visit` sees each before. */
  dropPattern(patternNumber: number, visit: (state: MatchState, hash: number) => void): void {
    const cursor = this.#matches.openCursor(patternNumber);
    for (let row = cursor.next(); row >= 0; row = cursor.next())
      visit(cellsOf(this.#matches)[row] as MatchState, this.#matches.keyHashOf(row));
    this.#matches.removeNamespace(patternNumber);
  }

  /** Numbers of the rules that the current key has matches of, ascending; some may be dropped ones. The array is not changed. */
  rules(): readonly number[] {
    const { currentKey, currentKeyHash } = this.#backend;
    const row = this.#rules?.find(currentKey, currentKeyHash, 0) ?? -1;
    return row < 0 ? NO_RULES : (cellsOf(this.#rules as RowTable)[row] as readonly number[]);
  }

  forgetRule(patternNumber: number): void {
    const { currentKey, currentKeyHash } = this.#backend;
    const left = this.rules().filter((number) => number !== patternNumber);
    if (left.length === 0) this.#rules?.remove(currentKey, currentKeyHash, 0);
    else this.#setRules(left);
  }

  #addRule(patternNumber: number): void {
    const known = this.rules();
    if (known.includes(patternNumber)) return;
    const last = known.at(-1) ?? -Infinity;
    const numbers = [...known, patternNumber];
    this.#setRules(patternNumber > last ? numbers : numbers.sort((a, b) => a - b));
  }

  #setRules(numbers: readonly number[]): void {
    const table = this.#rules as RowTable;
    const row = table.upsert(this.#backend.currentKey, this.#backend.currentKeyHash, 0);
    cellsOf(table)[row] = numbers;
    table.markDirty(row);
  }
}

function cellsOf(table: RowTable): unknown[] {
  return table.columns[0] as unknown[];
}
