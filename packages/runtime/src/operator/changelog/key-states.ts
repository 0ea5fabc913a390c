// [HOT] What a running operator keeps of each key, as a row of columns, and when that is forgotten.
import { hashKey, type Clock } from '@millrace/common';
import type { ColumnKind, KeyedStateBackend, RowTable } from '@millrace/state';
import { ownArrays } from './own-cells.ts';

export interface KeyStatesOptions {
  readonly backend: KeyedStateBackend;
  readonly clock: Clock;
  readonly name: string;
  readonly columns: readonly ColumnKind[];
  /** As of a table. */
  readonly hasLists?: boolean;
  /** As of a table. */
  readonly hasPackedLists?: boolean;
  /** As of a table; with a TTL its timers have the keys, too. */
  readonly hasOwnKeys?: boolean;
  /** Infinity: nothing is forgotten. */
  readonly ttlMs: number;
  /**
   * Parts of a row are forgotten by themselves: takes out of `row` what was written at or before `expiredMs`, and returns when
   * the oldest of the rest was written, or NaN when nothing is left. Unset: rows are forgotten as a whole.
   */
  readonly prune?: (row: number, expiredMs: number) => number;
  /** Called when a key is forgotten or removed: more of it is elsewhere. */
  readonly onRemove?: ((key: unknown, hash: number) => void) | undefined;
}

/**
 * Rows of one table by key, with a time to live that begins anew with each write: by processing time, on access and by one
 * timer a key, so that what nobody asks for goes as well. Source: Flink's StateTtlConfig (OnCreateAndWrite, NeverReturnExpired).
 * Contract: as RowTable; the last two columns of it are this class's.
 */
export class KeyStates {
  readonly table: RowTable;
  readonly #backend: KeyedStateBackend;
  readonly #clock: Clock;
  readonly #ttlMs: number;
  readonly #expires: boolean;
  readonly #prune: ((row: number, expiredMs: number) => number) | undefined;
  readonly #onRemove: ((key: unknown, hash: number) => void) | undefined;
  /** Column of the time of the last write; with `prune`, of the oldest part. */
  readonly #written: number;
  /** Column of the time of the row's timer; 0: it has none. */
  readonly #timer: number;

  constructor(options: KeyStatesOptions) {
    const { backend, columns, name, ttlMs } = options;
    this.table = backend.table({
      name,
      columns: [...columns, 'f64', 'f64'],
      hasNamespaces: false,
      hasLists: options.hasLists === true,
      hasPackedLists: options.hasPackedLists === true,
      hasOwnKeys: options.hasOwnKeys === true && ttlMs === Infinity,
    });
    this.#backend = backend;
    this.#clock = options.clock;
    this.#ttlMs = ttlMs;
    this.#expires = ttlMs !== Infinity;
    this.#prune = options.prune;
    this.#onRemove = options.onRemove;
    this.#written = columns.length;
    this.#timer = columns.length + 1;
  }

  get expires(): boolean {
    return this.#expires;
  }

  /** 0 where nothing expires. */
  nowMs(): number {
    return this.#expires ? this.#clock.nowMs() : 0;
  }

  /** Row of a key that is not forgotten; -1: there is none. `at`: where it was, as of `findAgain`. */
  find(key: unknown, hash: number, at = -1): number {
    const row = at < 0 ? this.table.find(key, hash, 0) : this.table.findAgain(at, key, hash);
    if (row < 0 || !this.#expires) return row;
    const writtenMs = this.#column(this.#written)[row] as number;
    const expiredMs = this.#clock.nowMs() - this.#ttlMs;
    if (writtenMs > expiredMs) return row;
    if (this.#isLeft(row, expiredMs)) return row;
    this.remove(key, hash);
    return -1;
  }

  /** Row of a key, made when absent: `wasAbsent` of the table tells. Call `find` first; the row counts as written. */
  write(key: unknown, hash: number): number {
    const row = this.table.upsert(key, hash, 0);
    if (this.#expires && this.table.wasAbsent) this.#column(this.#written)[row] = this.#clock.nowMs();
    this.touch(row, key, hash);
    return row;
  }

  /** A row that `find` gave was written. */
  touch(row: number, key: unknown, hash: number): void {
    this.table.markDirty(row);
    if (!this.#expires) return;
    const written = this.#column(this.#written);
    if (this.#prune === undefined) written[row] = this.#clock.nowMs();
    const timers = this.#column(this.#timer);
    if (timers[row] !== 0) return;
    timers[row] = (written[row] as number) + this.#ttlMs;
    this.#backend.setCurrentKey(key, hash);
    this.#backend.timers.register('processing', timers[row] as number);
  }

  remove(key: unknown, hash: number): void {
    if (this.#expires) {
      const row = this.table.find(key, hash, 0);
      const timerMs = row < 0 ? 0 : (this.#column(this.#timer)[row] as number);
      if (timerMs !== 0) {
        this.#backend.setCurrentKey(key, hash);
        this.#backend.timers.unregister('processing', timerMs);
      }
    }
    this.#drop(key, hash);
  }

  #drop(key: unknown, hash: number): void {
    this.table.remove(key, hash, 0);
    this.#onRemove?.(key, hash);
  }

  /** Forgets what is due at `nowMs`. */
  advanceProcessingTime(nowMs: number): boolean {
    if (!this.#expires) return true;
    const { timers } = this.#backend;
    for (;;) {
      const dueMs = timers.pollDue('processing', nowMs);
      if (dueMs === undefined) return true;
      this.#expire(this.#backend.currentKey, nowMs);
    }
  }

  nextProcessingTimeMs(): number {
    return this.#expires ? this.#backend.timers.earliest('processing') : Infinity;
  }

  #expire(key: unknown, nowMs: number): void {
    const hash = hashKey(key);
    const row = this.table.find(key, hash, 0);
    if (row < 0) return;
    this.#column(this.#timer)[row] = 0;
    const expiredMs = nowMs - this.#ttlMs;
    if ((this.#column(this.#written)[row] as number) <= expiredMs && !this.#isLeft(row, expiredMs)) {
      this.#drop(key, hash);
      return;
    }
    const dueMs = (this.#column(this.#written)[row] as number) + this.#ttlMs;
    this.#column(this.#timer)[row] = dueMs;
    ownArrays(this.table, row);
    this.table.markDirty(row);
    this.#backend.timers.register('processing', dueMs);
  }

  #isLeft(row: number, expiredMs: number): boolean {
    const oldestMs = this.#prune?.(row, expiredMs) ?? NaN;
    if (Number.isNaN(oldestMs)) return false;
    this.#column(this.#written)[row] = oldestMs;
    ownArrays(this.table, row);
    this.table.markDirty(row);
    return true;
  }

  #column(index: number): Float64Array {
    return this.table.columns[index] as Float64Array;
  }
}
