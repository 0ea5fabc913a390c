// Takes several inputs before results go out: what a key's result was before them is kept until then.
import { invariant } from '@millrace/common';
import type { MiniBatchSpec } from '@millrace/api';
import type { KeyedStateBackend, RowCursor, RowTable } from '@millrace/state';
import type { Paused } from '../../chain/emission.ts';
import type { OperatorSetup } from '../operator-setup.ts';
import type { RowInput } from './row-operator.ts';

/** A key whose result changed since it was `before`; undefined: there was none. One for all keys, valid for one call. */
export interface Changed {
  readonly key: unknown;
  readonly hash: number;
  readonly before: unknown;
  readonly timestampMs: number;
  /** Row that the key had in the operator's table; -1: nobody knows. */
  readonly at: number;
}

/** Emits what changed of a key's result. */
export type EmitChanged = (changed: Changed) => void;

const BEFORE = 0;
const TIME = 1;
const COUNT = 2;
const CHANGED = 3;

/**
 * Keys whose results wait. They are keyed state, so that a snapshot has them and a barrier need not send anything on.
 * Bounds: as many inputs a subtask as the spec says.
 */
export class MiniBatch {
  readonly #table: RowTable;
  readonly #setup: OperatorSetup;
  readonly #spec: MiniBatchSpec;
  readonly #emit: EmitChanged;
  readonly #emitAll: Paused | undefined;
  /** Of the last key whose result is not undefined. Many are alike where nobody asks what a result was. */
  #before: { readonly row: unknown } = { row: undefined };
  /** By row: what `note` was told as `at`. Not in a snapshot: of a restored row nobody knows. */
  #rowsOfKeys = new Int32Array(0);
  readonly #changed = {
    key: undefined as unknown,
    hash: 0,
    before: undefined as unknown,
    timestampMs: NaN,
    at: -1,
  };
  #count = 0;
  #deadlineMs = Infinity;
  #isSending = false;

  constructor(
    setup: OperatorSetup,
    backend: KeyedStateBackend,
    of: {
      readonly spec: Pick<MiniBatchSpec, 'recordsMax' | 'latencyMs'>;
      readonly emit: EmitChanged;
      /** Run at the end of each batch in place of `emit`. */
      readonly emitAll?: Paused | undefined;
    },
  ) {
    this.#setup = setup;
    this.#spec = of.spec;
    this.#emit = of.emit;
    this.#emitAll = of.emitAll;
    this.#table = backend.table({
      name: 'pending',
      columns: ['value', 'f64', 'f64', 'f64'],
      hasNamespaces: false,
      hasOwnKeys: true,
    });
    const cursor = this.#table.openCursor(0);
    for (let row = cursor.next(); row >= 0; row = cursor.next())
      this.#count += (this.#table.columns[COUNT] as Float64Array)[row] as number;
    if (this.#count > 0) this.#startClock();
  }

  /** True when `note` wants to know what the key's result was before the input at hand: nothing waits of the key. */
  wantsBefore(input: RowInput): boolean {
    return this.#table.find(input.key, input.hash, 0) < 0;
  }

  /**
   * An input came when the key's result was `before` (undefined: there was none), and changed it or not. `at`: row that the key has now
   * in the operator's table; -1: none.
   */
  note(input: RowInput, before: unknown, at: number, isChanged = true): void {
    invariant(!this.#isSending, 'no input comes while results are sent');
    const table = this.#table;
    const row = table.upsert(input.key, input.hash, 0);
    if (table.wasAbsent) {
      if (before !== undefined && this.#before.row !== before) this.#before = { row: before };
      (table.columns[BEFORE] as unknown[])[row] = before === undefined ? null : this.#before;
    }
    (table.columns[TIME] as Float64Array)[row] = input.timestampMs;
    const counts = table.columns[COUNT] as Float64Array;
    counts[row] = (counts[row] as number) + 1;
    if (row >= this.#rowsOfKeys.length) this.#growRowsOfKeys(counts.length);
    this.#rowsOfKeys[row] = at;
    if (isChanged) (table.columns[CHANGED] as Float64Array)[row] = 1;
    table.markDirty(row);
    if (this.#count++ === 0) this.#startClock();
    if (this.#count >= this.#spec.recordsMax) this.flush();
  }

  #growRowsOfKeys(capacity: number): void {
    const grown = new Int32Array(capacity).fill(-1);
    grown.set(this.#rowsOfKeys);
    this.#rowsOfKeys = grown;
  }

  /** Emits all that waits; false when the chain stopped meanwhile, and goes on with it. */
  flush(): boolean {
    if (this.#count === 0) return true;
    const { emission } = this.#setup;
    emission.run(this.#take());
    return !emission.isStopped;
  }

  get deadlineMs(): number {
    return this.#deadlineMs;
  }

  #startClock(): void {
    if (this.#spec.latencyMs === Infinity) return;
    this.#deadlineMs = this.#setup.environment.clock.nowMs() + this.#spec.latencyMs;
  }

  /**
   * What waits is in the state until all of it is sent. The operator is the first of its chain: when that stops meanwhile, no input and
   * no snapshot comes before it goes on.
   */
  #take(): Paused {
    this.#count = 0;
    this.#deadlineMs = Infinity;
    if (this.#emitAll !== undefined) {
      this.#clear();
      return this.#emitAll;
    }
    this.#isSending = true;
    const cursor = this.#table.openCursor(0);
    return { resume: () => this.#emitFrom(cursor) };
  }

  /** False: the chain stopped. Keys are made as they are sent: all at a time would be copied by the collector. */
  #emitFrom(cursor: RowCursor): boolean {
    const { columns } = this.#table;
    const { emission } = this.#setup;
    try {
      for (let row = cursor.next(); row >= 0; row = cursor.next()) {
        const changed = columns[CHANGED] as Float64Array;
        if (changed[row] === 0) continue;
        changed[row] = 0;
        this.#emit(this.#changedAt(row));
        if (emission.mustStop()) return false;
      }
    } catch (error) {
      this.#keepUnsent(cursor);
      throw error;
    }
    this.#isSending = false;
    this.#clear();
    return true;
  }

  /** A function failed at one key: where such records are left out, the keys behind it wait on. */
  #keepUnsent(cursor: RowCursor): void {
    const table = this.#table;
    while (cursor.next() >= 0); // It holds rows in memory until its end.
    const [changed, counts] = [table.columns[CHANGED], table.columns[COUNT]] as [Float64Array, Float64Array];
    const all = table.openCursor(0);
    for (let row = all.next(); row >= 0; row = all.next()) {
      if (changed[row] === 0) table.remove(table.keyOf(row), table.keyHashOf(row), 0);
      else this.#count += counts[row] as number;
    }
    this.#isSending = false;
    if (this.#count > 0) this.#startClock();
  }

  #changedAt(row: number): Changed {
    const table = this.#table;
    const changed = this.#changed;
    const before = (table.columns[BEFORE] as unknown[])[row] as { readonly row: unknown } | null;
    changed.key = table.keyOf(row);
    changed.hash = table.keyHashOf(row);
    changed.before = before === null ? undefined : before.row;
    changed.timestampMs = (table.columns[TIME] as Float64Array)[row] as number;
    changed.at = this.#rowsOfKeys[row] ?? -1;
    return changed;
  }

  #clear(): void {
    this.#table.removeNamespace(0);
    this.#before = { row: undefined };
  }
}
