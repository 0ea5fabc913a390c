// OVER in an order of rows, from the first one on: a row that comes between others, or leaves, updates those behind it.
import type { ChangeKind } from '@millrace/api';
import { cutLoose } from '../aggregate/cut-loose.ts';
import { KeyStates } from './key-states.ts';
import { changeableArray } from './own-cells.ts';
import type { OverParts } from './over.ts';
import { isRetraction, RowOutput, type RowFunction, type RowInput } from './row-operator.ts';
import { rowOrder, rowsEqual, type RowOrder } from './row-order.ts';

/** A row in its place. */
interface OverRow {
  readonly sortKey: unknown;
  readonly row: unknown;
  /** Accumulators over all rows up to this one; with RANGE up to the last one that is equal to it by order. */
  readonly folded: readonly unknown[];
}

/** What happened at a place: a row left, or one came. */
interface ChangedRow {
  readonly index: number;
  readonly removed: OverRow | undefined;
  readonly added: ChangeKind | undefined;
}

/**
 * All rows of a key, sorted, each with its accumulators, so that a change costs one fold for each row behind it, until their
 * accumulators are what they were. Source: Flink's NonTimeRows/RangeUnboundedPrecedingFunction.
 */
export class OverByRows implements RowFunction {
  readonly #parts: OverParts;
  readonly #order: RowOrder;
  readonly #states: KeyStates;
  readonly #output: RowOutput;
  readonly #isRange: boolean;
  #timestampMs = NaN;

  constructor(parts: OverParts) {
    const { setup, backend, spec } = parts;
    this.#parts = parts;
    this.#order = rowOrder(setup, spec.orderBy);
    this.#isRange = spec.frame === 'range';
    this.#output = new RowOutput(setup);
    this.#states = new KeyStates({
      backend,
      clock: setup.environment.clock,
      name: 'rows',
      columns: ['value'],
      hasLists: true,
      ttlMs: spec.stateTtlMs,
    });
  }

  onRow(input: RowInput): void {
    const found = this.#states.find(input.key, input.hash);
    const takesBack = isRetraction(input.kind);
    if (found < 0 && takesBack) return;
    this.#timestampMs = input.timestampMs;
    const rows = changeableArray<OverRow>(this.#states.table, 0, found);
    const sortKey = this.#order.sortKeyOf(input.row);
    if (takesBack) {
      const index = this.#indexOf(rows, input.row, sortKey);
      if (index < 0) return;
      const removed = rows[index] as OverRow;
      rows.splice(index, 1);
      this.#refold(rows, { index, removed, added: undefined }, sortKey);
    } else {
      const index = this.#placeBehind(rows, sortKey);
      if (index === rows.length && !this.#isTied(rows, sortKey)) {
        this.#append(rows, input, sortKey);
      } else {
        rows.splice(index, 0, { sortKey: cutLoose(sortKey), row: cutLoose(input.row), folded: [] });
        this.#refoldAdded(rows, { index, removed: undefined, added: input.kind }, sortKey);
      }
    }
    if (rows.length === 0) {
      this.#states.remove(input.key, input.hash);
      return;
    }
    const at = found < 0 ? this.#states.write(input.key, input.hash) : found;
    if (found >= 0) this.#states.touch(at, input.key, input.hash);
    (this.#states.table.columns[0] as unknown[])[at] = rows;
  }

  /** Most rows come behind all others, where nothing but they themselves changes. */
  #append(rows: OverRow[], input: RowInput, sortKey: unknown): void {
    const row = cutLoose(input.row);
    const { aggregates, layout } = this.#parts;
    const before = rows[rows.length - 1];
    layout.freeze();
    const folded = before === undefined ? aggregates.create() : [...before.folded];
    aggregates.add(folded, row, before === undefined);
    rows.push({ sortKey: cutLoose(sortKey), row, folded });
    this.#emit(input.kind, row, folded);
  }

  /** A row that a function of the user's fails on is not there: nothing else has changed by then. */
  #refoldAdded(rows: OverRow[], changed: ChangedRow, sortKey: unknown): void {
    try {
      this.#refold(rows, changed, sortKey);
    } catch (error) {
      rows.splice(changed.index, 1);
      throw error;
    }
  }

  /** Folds from the changed place on, and emits what changed. `sortKey`: of the row that came or left. */
  #refold(rows: OverRow[], changed: ChangedRow, sortKey: unknown): void {
    const { index, removed, added } = changed;
    const from = this.#isRange ? this.#groupStart(rows, index, sortKey) : index;
    let to = added === undefined ? index : index + 1;
    if (
      this.#isRange &&
      from < rows.length &&
      this.#order.compare((rows[from] as OverRow).sortKey, sortKey) === 0
    )
      to = this.#groupEnd(rows, from);
    const folded = to > from ? this.#foldGroup(rows, from, to) : [];
    for (let at = from; at < to; at++) {
      const row = rows[at] as OverRow;
      if (at === index && removed !== undefined) this.#emit('delete', removed.row, removed.folded);
      if (at === index && added !== undefined) this.#emit(added, row.row, folded);
      else this.#update(row, folded);
      rows[at] = { sortKey: row.sortKey, row: row.row, folded };
    }
    if (removed !== undefined && index === to) this.#emit('delete', removed.row, removed.folded);
    this.#refoldBehind(rows, to);
  }

  /** Ends where accumulators are what they were. */
  #refoldBehind(rows: OverRow[], start: number): void {
    for (let from = start; from < rows.length;) {
      const to = this.#isRange ? this.#groupEnd(rows, from) : from + 1;
      const folded = this.#foldGroup(rows, from, to);
      if (rowsEqual((rows[from] as OverRow).folded, folded)) return;
      for (; from < to; from++) {
        const row = rows[from] as OverRow;
        this.#update(row, folded);
        rows[from] = { sortKey: row.sortKey, row: row.row, folded };
      }
    }
  }

  #foldGroup(rows: readonly OverRow[], from: number, to: number): readonly unknown[] {
    const { aggregates, layout } = this.#parts;
    const before = rows[from - 1];
    // The accumulators of the row before stay what they are: what is kept in them is copied before it is changed.
    layout.freeze();
    const folded = before === undefined ? aggregates.create() : [...before.folded];
    for (let at = from; at < to; at++)
      aggregates.add(folded, (rows[at] as OverRow).row, before === undefined && at === from);
    return folded;
  }

  #update({ row, folded: before }: OverRow, after: readonly unknown[]): void {
    const { aggregates, spec } = this.#parts;
    const old = aggregates.resultsWith(before, row);
    const results = aggregates.resultsWith(after, row);
    if (rowsEqual(old, results)) return;
    if (spec.generateUpdateBefore) this.#output.change('updateBefore', old, this.#timestampMs);
    this.#output.change('updateAfter', results, this.#timestampMs);
  }

  #emit(kind: ChangeKind, row: unknown, folded: readonly unknown[]): void {
    this.#output.change(kind, this.#parts.aggregates.resultsWith(folded, row), this.#timestampMs);
  }

  /** The last row is equal to one that comes behind it, and with RANGE sees it. */
  #isTied(rows: readonly OverRow[], sortKey: unknown): boolean {
    const last = rows[rows.length - 1];
    return this.#isRange && last !== undefined && this.#order.compare(last.sortKey, sortKey) === 0;
  }

  #placeBehind(rows: readonly OverRow[], sortKey: unknown): number {
    const { compare } = this.#order;
    let from = 0;
    let to = rows.length;
    const last = rows[to - 1];
    if (last === undefined || compare(last.sortKey, sortKey) <= 0) return to;
    while (from < to) {
      const middle = (from + to) >> 1;
      if (compare((rows[middle] as OverRow).sortKey, sortKey) <= 0) from = middle + 1;
      else to = middle;
    }
    return from;
  }

  #groupStart(rows: readonly OverRow[], index: number, sortKey: unknown): number {
    let from = index;
    while (from > 0 && this.#order.compare((rows[from - 1] as OverRow).sortKey, sortKey) === 0) from--;
    return from;
  }

  #groupEnd(rows: readonly OverRow[], from: number): number {
    const { sortKey } = rows[from] as OverRow;
    let to = from + 1;
    while (to < rows.length && this.#order.compare((rows[to] as OverRow).sortKey, sortKey) === 0) to++;
    return to;
  }

  #indexOf(rows: readonly OverRow[], row: unknown, sortKey: unknown): number {
    let found = -1;
    for (let index = this.#placeBehind(rows, sortKey) - 1; index >= 0; index--) {
      if (this.#order.compare((rows[index] as OverRow).sortKey, sortKey) !== 0) break;
      if (rowsEqual((rows[index] as OverRow).row, row)) found = index;
    }
    return found;
  }

  advanceProcessingTime(nowMs: number): boolean {
    return this.#states.advanceProcessingTime(nowMs);
  }

  nextProcessingTimeMs(): number {
    return this.#states.nextProcessingTimeMs();
  }

  freeze(): void {
    this.#parts.layout.freeze();
  }
}
