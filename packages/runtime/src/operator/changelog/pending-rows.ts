// [HOT] Rows that wait for the watermark, by key and in the order of their event time.
import type { KeyedStateBackend, RowTable } from '@millrace/state';
import { cutLoose } from '../aggregate/cut-loose.ts';
import type { OperatorSetup } from '../operator-setup.ts';
import { changeableArray, dropFirst, insertAt } from './own-cells.ts';
import type { RowInput } from './row-operator.ts';
import type { RowOrder } from './row-order.ts';
import { TimeHeap } from './time-heap.ts';

/** Rows of one key that are due: `from` to `to` of the arrays. */
export interface DueRows {
  readonly key: unknown;
  readonly hash: number;
  readonly timesMs: readonly number[];
  readonly rows: readonly unknown[];
  readonly to: number;
}

/** Takes rows that are due; returns the index of the first that it left because the chain stopped. */
export type ReleaseRows = (due: DueRows) => number;

/** Columns: event times, rows, and what rows of equal time are sorted by where there is an order; in the same order. */
const TIMES = 0;
const ROWS = 1;
const SORT_KEYS = 2;

const NO_TIMES: readonly number[] = [];

/**
 * Sorted arrays a key, and the time of its earliest row in a heap that is made anew from the state. Rows of equal time are
 * sorted by `order`; without one they stay as they came. Times are numbers in an array of numbers, so that they are neither
 * objects nor far from each other. Bounds: what is between the watermark and the newest row.
 */
export class PendingRows {
  readonly #setup: OperatorSetup;
  readonly #table: RowTable;
  readonly #order: RowOrder | undefined;
  readonly #due = new TimeHeap();
  watermarkMs: number;

  constructor(setup: OperatorSetup, backend: KeyedStateBackend, order: RowOrder | undefined) {
    this.#setup = setup;
    this.#order = order;
    this.#table = backend.table({
      name: 'waiting',
      columns: order === undefined ? ['value', 'value'] : ['value', 'value', 'value'],
      hasNamespaces: false,
      hasLists: true,
    });
    this.watermarkMs = setup.environment.restoredWatermarkMs;
    const cursor = this.#table.openCursor(0);
    for (let at = cursor.next(); at >= 0; at = cursor.next()) {
      const [earliestMs = Infinity] = (this.#table.columns[TIMES] as (readonly number[])[])[at] ?? [];
      this.#due.push(earliestMs, this.#table.keyOf(at), this.#table.keyHashOf(at));
    }
  }

  /** False: the row is not after `sinceMs`. One that the watermark has passed is due when it moves on. */
  add({ key, hash, row, timestampMs }: RowInput, sinceMs = this.watermarkMs): boolean {
    if (!(timestampMs > sinceMs)) return false;
    const table = this.#table;
    const sortKey = this.#order === undefined ? undefined : cutLoose(this.#order.sortKeyOf(row));
    const at = table.upsert(key, hash, 0);
    const times = changeableArray<number>(table, TIMES, at);
    const rows = changeableArray<unknown>(table, ROWS, at);
    const earliestMs = times.length === 0 ? Infinity : (times[0] as number);
    if (this.#order === undefined) {
      const place = placeBehind(times, timestampMs);
      insertAt(rows, place, cutLoose(row));
      insertAt(times, place, timestampMs);
    } else {
      const sortKeys = changeableArray<unknown>(table, SORT_KEYS, at);
      const place = this.#placeAmong({ times, sortKeys }, timestampMs, sortKey);
      insertAt(rows, place, cutLoose(row));
      insertAt(times, place, timestampMs);
      insertAt(sortKeys, place, sortKey);
      (table.columns[SORT_KEYS] as unknown[])[at] = sortKeys;
    }
    (table.columns[TIMES] as unknown[])[at] = times;
    (table.columns[ROWS] as unknown[])[at] = rows;
    table.markDirty(at);
    if (timestampMs < earliestMs) this.#due.push(timestampMs, table.keyOf(at), hash);
    return true;
  }

  /** Releases what is due; false when it stopped, to be called again. */
  advance(watermarkMs: number, release: ReleaseRows): boolean {
    this.watermarkMs = watermarkMs;
    const due = this.#due;
    while (due.peek(watermarkMs)) if (!this.#release(due.key, due.hash, release)) return false;
    return true;
  }

  /** Of the first key of the heap, which is moved on or taken out. */
  #release(key: unknown, hash: number, release: ReleaseRows): boolean {
    const table = this.#table;
    const at = table.find(key, hash, 0);
    const timesMs = (at < 0 ? NO_TIMES : (table.columns[TIMES] as unknown[])[at]) as readonly number[];
    let to = 0;
    while (to < timesMs.length && (timesMs[to] as number) <= this.watermarkMs) to++;
    // A key may be in the heap several times: an earlier visit took the rows.
    if (to === 0) {
      this.#due.removeFirst();
      return true;
    }
    const rows = (table.columns[ROWS] as unknown[])[at] as readonly unknown[];
    const left = release({ key, hash, timesMs, rows, to });
    if (left === timesMs.length) {
      table.remove(key, hash, 0);
      this.#due.removeFirst();
    } else {
      this.#due.moveFirst(timesMs[left] as number);
      this.#keepFrom(left, at);
    }
    return !this.#setup.emission.isStopped;
  }

  /** `release` looked at other tables only, so that the row is still the key's. */
  #keepFrom(first: number, at: number): void {
    const table = this.#table;
    const { columns } = table;
    for (let column = 0; column < columns.length; column++) {
      const left = changeableArray<unknown>(table, column, at);
      dropFirst(left, first);
      (columns[column] as unknown[])[at] = left;
    }
    table.markDirty(at);
  }

  #placeAmong(
    known: { readonly times: readonly number[]; readonly sortKeys: readonly unknown[] },
    timestampMs: number,
    sortKey: unknown,
  ): number {
    const { times, sortKeys } = known;
    let place = placeBehind(times, timestampMs);
    while (
      place > 0 &&
      times[place - 1] === timestampMs &&
      (this.#order as RowOrder).compare(sortKeys[place - 1], sortKey) > 0
    )
      place--;
    return place;
  }
}

/** Index behind the last time that is not greater. Most come in order. */
function placeBehind(times: readonly number[], timestampMs: number): number {
  let from = 0;
  let to = times.length;
  if (to === 0 || (times[to - 1] as number) <= timestampMs) return to;
  while (from < to) {
    const middle = (from + to) >> 1;
    if ((times[middle] as number) <= timestampMs) from = middle + 1;
    else to = middle;
  }
  return from;
}
