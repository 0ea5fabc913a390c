// [HOT] The rows of one side of a table join, of the current key: a multiset, or by unique key.
import type { UserFunction } from '@millrace/api';
import type { Clock } from '@millrace/common';
import type { KeyedStateBackend, MapStateHandle } from '@millrace/state';
import { rowText } from './row-text.ts';

/** Rows that are equal, or one row of a unique key. Never changed once it is kept. */
export interface KeptRow {
  readonly row: unknown;
  /** Equal rows; 1 with a unique key. */
  readonly count: number;
  /** Rows of the other side that it matches; counted only on sides that are kept without a partner. */
  readonly associations: number;
  /** By the clock, ms. */
  readonly writtenMs: number;
}

/** A row with what finds it again. */
export interface FoundRow {
  readonly id: unknown;
  readonly kept: KeptRow;
}

/**
 * Rows by what tells them apart.
 * Contract: a row whose time to live is over is not there any more, whether it was cleaned up or not.
 * Source: Flink's JoinRecordStateViews and OuterJoinRecordStateViews.
 */
export class RowSet {
  readonly ttlMs: number;
  readonly #map: MapStateHandle;
  readonly #uniqueKey: ((row: unknown) => unknown) | undefined;
  readonly #clock: Clock;

  constructor(
    backend: KeyedStateBackend,
    options: {
      readonly name: string;
      readonly uniqueKey: UserFunction | undefined;
      readonly ttlMs: number;
      readonly clock: Clock;
    },
  ) {
    this.#map = backend.mapState(options.name);
    this.#uniqueKey = options.uniqueKey as ((row: unknown) => unknown) | undefined;
    this.ttlMs = options.ttlMs;
    this.#clock = options.clock;
  }

  /** Puts a row in; with a unique key it takes the place of the one before. */
  add(row: unknown, associations: number): void {
    const id = this.#idOf(row);
    const before = this.#uniqueKey === undefined ? this.#get(id) : undefined;
    this.#put(id, { row, count: (before?.count ?? 0) + 1, associations });
  }

  /** The row whose place a row takes; undefined where there is none, or no unique key. */
  replacedBy(row: unknown): KeptRow | undefined {
    return this.#uniqueKey === undefined ? undefined : this.#get(this.#uniqueKey(row));
  }

  retract(row: unknown): void {
    const id = this.#idOf(row);
    const before = this.#uniqueKey === undefined ? this.#get(id) : undefined;
    if (before === undefined || before.count <= 1) this.#map.remove(id);
    else this.#put(id, { ...before, count: before.count - 1 });
  }

  /** All rows, each kind of equal ones once. */
  found(): readonly FoundRow[] {
    const found: FoundRow[] = [];
    for (const [id, kept] of this.#map.entries())
      if (this.#isAlive(kept as KeptRow)) found.push({ id, kept: kept as KeptRow });
    return found;
  }

  setAssociations({ id, kept }: FoundRow, associations: number): void {
    this.#put(id, { ...kept, associations });
  }

  /** Takes out what is over; returns when the next one will be, or Infinity. */
  dropExpired(): number {
    let nextMs = Infinity;
    for (const [id, kept] of this.#map.entries()) {
      if (this.#isAlive(kept as KeptRow)) nextMs = Math.min(nextMs, (kept as KeptRow).writtenMs + this.ttlMs);
      else this.#map.remove(id);
    }
    return nextMs;
  }

  #get(id: unknown): KeptRow | undefined {
    const kept = this.#map.get(id) as KeptRow | undefined;
    return kept !== undefined && this.#isAlive(kept) ? kept : undefined;
  }

  #put(id: unknown, kept: Omit<KeptRow, 'writtenMs'>): void {
    const writtenMs = this.ttlMs > 0 ? this.#clock.nowMs() : 0;
    this.#map.put(id, { row: kept.row, count: kept.count, associations: kept.associations, writtenMs });
  }

  #isAlive({ writtenMs }: KeptRow): boolean {
    return this.ttlMs === 0 || this.#clock.nowMs() < writtenMs + this.ttlMs;
  }

  #idOf(row: unknown): unknown {
    return this.#uniqueKey === undefined ? rowText(row) : this.#uniqueKey(row);
  }
}
