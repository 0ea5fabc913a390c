// Rows that wait for the watermark, by key and in the order of their event time.
import type { KeyedStateBackend, RowTable } from '@millrace/state';
import { cutLoose } from '../aggregate/cut-loose.ts';
import type { OperatorSetup } from '../operator-setup.ts';
import { OwnedArrays } from './owned-arrays.ts';
import type { RowInput } from './row-operator.ts';
import type { RowOrder } from './row-order.ts';
import { TimeHeap } from './time-heap.ts';

/** A row that waits. */
export interface PendingRow {
  readonly timestampMs: number;
  readonly sortKey: unknown;
  readonly row: unknown;
}

/**
 * Takes rows of one key, from `from` to `to`, that are due; returns the index of the first that it left because the chain stopped.
 */
export type ReleaseRows = (of: {
  readonly key: unknown;
  readonly hash: number;
  readonly rows: readonly PendingRow[];
  readonly from: number;
  readonly to: number;
}) => number;

/**
 * One sorted array a key, and the time of its earliest row in a heap that is made anew from the state. Rows of equal time are
 * sorted by `order`, else they stay as they came. Bounds: what is between the watermark and the newest row.
 */
export class PendingRows {
  readonly #setup: OperatorSetup;
  readonly #table: RowTable;
  readonly #order: RowOrder;
  readonly #owned = new OwnedArrays();
  readonly #due = new TimeHeap();
  watermarkMs: number;

  constructor(setup: OperatorSetup, backend: KeyedStateBackend, order: RowOrder) {
    this.#setup = setup;
    this.#order = order;
    this.#table = backend.table({ name: 'waiting', columns: ['value'], hasNamespaces: false });
    this.watermarkMs = setup.environment.restoredWatermarkMs;
    const cursor = this.#table.openCursor(0);
    for (let at = cursor.next(); at >= 0; at = cursor.next()) {
      const rows = (this.#table.columns[0] as unknown[])[at] as readonly PendingRow[];
      this.#due.push(rows[0]?.timestampMs ?? Infinity, this.#table.keyOf(at), this.#table.keyHashOf(at));
    }
  }

  /** False: the row is not after `sinceMs`. One that the watermark has passed is due when it moves on. */
  add({ key, hash, row, timestampMs }: RowInput, sinceMs = this.watermarkMs): boolean {
    if (!(timestampMs > sinceMs)) return false;
    const sortKey = cutLoose(this.#order.sortKeyOf(row));
    const at = this.#table.upsert(key, hash, 0);
    const cells = this.#table.columns[0] as unknown[];
    const rows = this.#owned.changeable(cells[at] as PendingRow[] | undefined);
    const earliestMs = rows.length === 0 ? Infinity : (rows[0] as PendingRow).timestampMs;
    const pending = { timestampMs, sortKey, row: cutLoose(row) };
    const place = this.#placeBehind(rows, pending);
    if (place === rows.length) rows.push(pending);
    else rows.splice(place, 0, pending);
    cells[at] = rows;
    this.#table.markDirty(at);
    if (timestampMs < earliestMs) this.#due.push(timestampMs, this.#table.keyOf(at), hash);
    return true;
  }

  /** Releases what is due; false when it stopped, to be called again. */
  advance(watermarkMs: number, release: ReleaseRows): boolean {
    this.watermarkMs = watermarkMs;
    const due = this.#due;
    while (due.poll(watermarkMs)) if (!this.#release(due.key, due.hash, release)) return false;
    return true;
  }

  #release(key: unknown, hash: number, release: ReleaseRows): boolean {
    const at = this.#table.find(key, hash, 0);
    if (at < 0) return true;
    const rows = (this.#table.columns[0] as unknown[])[at] as readonly PendingRow[];
    let to = 0;
    while (to < rows.length && (rows[to] as PendingRow).timestampMs <= this.watermarkMs) to++;
    if (to === 0) return true;
    const left = release({ key, hash, rows, from: 0, to });
    if (left === rows.length) {
      this.#table.remove(key, hash, 0);
    } else {
      const rest = this.#owned.changeable(rows);
      rest.splice(0, left);
      const row = this.#table.upsert(key, hash, 0);
      (this.#table.columns[0] as unknown[])[row] = rest;
      this.#table.markDirty(row);
      this.#due.push((rest[0] as PendingRow).timestampMs, key, hash);
    }
    return !this.#setup.emission.isStopped;
  }

  #placeBehind(rows: readonly PendingRow[], pending: PendingRow): number {
    let from = 0;
    let to = rows.length;
    // Most come in order.
    if (to > 0 && this.#compare(rows[to - 1] as PendingRow, pending) <= 0) return to;
    while (from < to) {
      const middle = (from + to) >> 1;
      if (this.#compare(rows[middle] as PendingRow, pending) <= 0) from = middle + 1;
      else to = middle;
    }
    return from;
  }

  #compare(a: PendingRow, b: PendingRow): number {
    return a.timestampMs !== b.timestampMs
      ? a.timestampMs - b.timestampMs
      : this.#order.compare(a.sortKey, b.sortKey);
  }

  freeze(): void {
    this.#owned.disown();
  }
}
