// The first rows of each key in an order, kept up to date.
import type { TopNOperator, UserFunction } from '@millrace/api';
import type { KeyedStateBackend } from '@millrace/state';
import { cutLoose } from '../aggregate/cut-loose.ts';
import type { ChainOperator } from '../chain-stage.ts';
import { identityOfKey } from '../key-identity.ts';
import type { OperatorSetup } from '../operator-setup.ts';
import { KeyStates } from './key-states.ts';
import { changeableArray, insertAt } from './own-cells.ts';
import { RankOutput } from './rank-output.ts';
import { isRetraction, rowOperator, type RowFunction, type RowGate, type RowInput } from './row-operator.ts';
import { rowOrder, rowsEqual, type RowOrder, type SortKey } from './row-order.ts';

/** A row in its place. State: fields are never changed but `writtenMs`. */
export interface RankedRow {
  readonly sortKey: SortKey;
  readonly row: unknown;
  /** Which row it is, where changes are by key; else null. */
  readonly id: unknown;
  /** When a row of this sort key was last written; 0 where nothing expires. */
  readonly writtenMs: number;
}

const ROWS = 0;
const LIMIT = 1;
const NOT_LOOKED_AT = -2;

export async function openTopN(setup: OperatorSetup, spec: TopNOperator): Promise<ChainOperator> {
  const backend = await setup.openBackend();
  const isByArrival = spec.orderBy.length === 0 && spec.input === 'append';
  const { isOfChanges } = spec;
  if (isByArrival)
    return rowOperator(setup, backend, { fn: new FirstRows(setup, backend, spec), isOfChanges });
  const fn = new TopN(setup, backend, spec);
  const gate = spec.input === 'append' ? fn : undefined;
  return rowOperator(setup, backend, { fn, isOfChanges, gate });
}

/** Limit of a key, which its first row decides where it is a function. */
function limitOf(spec: TopNOperator, row: unknown): number {
  if (typeof spec.limit === 'number') return spec.limit;
  const given = (spec.limit as (row: unknown) => unknown)(row);
  const limit = Number(given);
  if (Number.isSafeInteger(limit)) return limit;
  throw new TypeError(`the limit of a topN is a whole number, but its function returned ${String(given)}`);
}

/**
 * [HOT] All rows of a key that may come to be among the first, sorted; those that are equal in the order in which they came.
 * Append-only and monotonic input needs the first ones only. Rows expire by sort key, as in Flink.
 * Source: Flink's AppendOnlyTopNFunction, UpdatableTopNFunction, FastTop1Function and RetractableTopNFunction.
 */
class TopN implements RowFunction, RowGate {
  readonly functions: readonly UserFunction[];
  readonly #spec: TopNOperator;
  readonly #order: RowOrder;
  readonly #states: KeyStates;
  readonly #output: RankOutput;
  readonly #idOf: ((row: unknown) => unknown) | undefined;
  readonly #keepsAll: boolean;
  /** Of the record that was admitted last: row of its key in the table, and what it is sorted by; NOT_LOOKED_AT: none was. */
  #found = NOT_LOOKED_AT;
  #sortKey: SortKey = undefined;

  constructor(setup: OperatorSetup, backend: KeyedStateBackend, spec: TopNOperator) {
    this.#spec = spec;
    this.functions = spec.orderBy.map(({ by }) => by);
    this.#order = rowOrder(setup, spec.orderBy);
    this.#output = new RankOutput(setup, spec);
    this.#idOf = spec.input === 'upsert' ? (spec.uniqueKey as (row: unknown) => unknown) : undefined;
    this.#keepsAll = spec.input === 'retract' || (spec.input === 'upsert' && !spec.isMonotonic);
    this.#states = new KeyStates({
      backend,
      clock: setup.environment.clock,
      name: 'ranks',
      columns: ['value', 'f64'],
      hasLists: true,
      ttlMs: spec.stateTtlMs,
      prune: (row, expiredMs) => this.#prune(row, expiredMs),
    });
  }

  /** False: as many rows are there as are kept, and none of them comes behind. */
  admits(key: unknown, hash: number, values: unknown): boolean {
    const { table } = this.#states;
    const found = this.#states.find(key, hash);
    const sortKey = this.#order.sortKeyFrom(values);
    if (found >= 0) {
      const rows = (table.columns[ROWS] as unknown[])[found] as readonly RankedRow[];
      const limit = (table.columns[LIMIT] as Float64Array)[found] as number;
      if (this.#isBehind(rows, limit, sortKey)) return false;
    }
    this.#found = found;
    this.#sortKey = sortKey;
    return true;
  }

  onRow(input: RowInput): void {
    const states = this.#states;
    const isAdmitted = this.#found !== NOT_LOOKED_AT;
    const found = isAdmitted ? this.#found : states.find(input.key, input.hash);
    this.#found = NOT_LOOKED_AT;
    const takesBack = isRetraction(input.kind);
    if (found < 0 && takesBack) return;
    const sortKey = isAdmitted ? this.#sortKey : this.#order.sortKeyOf(input.row);
    const id = this.#idOf === undefined ? null : identityOfKey(this.#idOf(input.row));
    const limit =
      found < 0 ? limitOf(this.#spec, input.row) : (states.table.columns[LIMIT] as Float64Array)[found];
    const known = found < 0 ? undefined : ((states.table.columns[ROWS] as unknown[])[found] as RankedRow[]);
    this.#output.at(limit as number, input.timestampMs);
    if (!isAdmitted && !this.#keepsAll && id === null && known !== undefined) {
      if (this.#isBehind(known, limit as number, sortKey)) return;
    }
    const rows = changeableArray<RankedRow>(states.table, ROWS, found);
    const isChanged = takesBack
      ? this.#takeBack(rows, input, { sortKey, id })
      : this.#put(rows, input, { sortKey, id });
    if (!isChanged && found >= 0) return;
    if (rows.length === 0) {
      if (found >= 0) states.remove(input.key, input.hash);
      return;
    }
    const row = found < 0 ? states.write(input.key, input.hash) : found;
    (states.table.columns[ROWS] as unknown[])[row] = rows;
    (states.table.columns[LIMIT] as Float64Array)[row] = limit as number;
    states.touch(row, input.key, input.hash);
  }

  /** There are as many rows as are kept, and none of them comes behind. */
  #isBehind(rows: readonly RankedRow[], limit: number, sortKey: SortKey): boolean {
    if (rows.length < limit) return false;
    const last = rows[rows.length - 1];
    return last !== undefined && this.#order.compare(last.sortKey, sortKey) <= 0;
  }

  /** False: nothing changed. */
  #put(rows: RankedRow[], input: RowInput, of: { readonly sortKey: SortKey; readonly id: unknown }): boolean {
    const oldIndex = of.id === null ? -1 : rows.findIndex((ranked) => ranked.id === of.id);
    if (oldIndex >= 0) return this.#move(rows, oldIndex, this.#ranked(input, of));
    const index = this.#placeBehind(rows, of.sortKey);
    const { limit } = this.#output;
    if (index >= limit && !this.#keepsAll) return false;
    const added = this.#ranked(input, of);
    insertAt(rows, index, added);
    this.#output.added(rows, index);
    if (!this.#keepsAll && rows.length > limit) rows.pop();
    this.#writeGroup(rows, added.sortKey, added.writtenMs);
    return true;
  }

  #move(rows: RankedRow[], oldIndex: number, moved: RankedRow): boolean {
    const old = rows[oldIndex] as RankedRow;
    const isInPlace = this.#order.compare(old.sortKey, moved.sortKey) === 0;
    rows.splice(oldIndex, 1);
    const index = isInPlace ? oldIndex : this.#placeBehind(rows, moved.sortKey);
    insertAt(rows, index, moved);
    this.#output.moved(rows, { oldIndex, index, old });
    this.#writeGroup(rows, moved.sortKey, moved.writtenMs);
    return true;
  }

  #takeBack(
    rows: RankedRow[],
    input: RowInput,
    of: { readonly sortKey: SortKey; readonly id: unknown },
  ): boolean {
    const index =
      of.id === null
        ? this.#indexOf(rows, input.row, of.sortKey)
        : rows.findIndex((ranked) => ranked.id === of.id);
    if (index < 0) return false;
    const [removed] = rows.splice(index, 1) as [RankedRow];
    this.#output.removed(rows, index, removed);
    this.#writeGroup(rows, removed.sortKey, this.#states.nowMs());
    return true;
  }

  #ranked(input: RowInput, of: { readonly sortKey: SortKey; readonly id: unknown }): RankedRow {
    cutLoose(input.row);
    return { sortKey: cutLoose(of.sortKey), row: input.row, id: of.id, writtenMs: this.#states.nowMs() };
  }

  /** Index behind the last row that does not come after `sortKey`. */
  #placeBehind(rows: readonly RankedRow[], sortKey: SortKey): number {
    const { compare } = this.#order;
    let from = 0;
    let to = rows.length;
    while (from < to) {
      const middle = (from + to) >> 1;
      if (compare((rows[middle] as RankedRow).sortKey, sortKey) <= 0) from = middle + 1;
      else to = middle;
    }
    return from;
  }

  /** Index of the first row that equals `row`, or -1. */
  #indexOf(rows: readonly RankedRow[], row: unknown, sortKey: SortKey): number {
    let found = -1;
    for (let index = this.#placeBehind(rows, sortKey) - 1; index >= 0; index--) {
      const ranked = rows[index] as RankedRow;
      if (this.#order.compare(ranked.sortKey, sortKey) !== 0) break;
      if (rowsEqual(ranked.row, row)) found = index;
    }
    return found;
  }

  /** Rows of one sort key were written together. */
  #writeGroup(rows: RankedRow[], sortKey: SortKey, writtenMs: number): void {
    if (!this.#states.expires) return;
    for (let index = this.#placeBehind(rows, sortKey) - 1; index >= 0; index--) {
      const ranked = rows[index] as RankedRow;
      if (this.#order.compare(ranked.sortKey, sortKey) !== 0) break;
      rows[index] = { ...ranked, writtenMs };
    }
  }

  #prune(row: number, expiredMs: number): number {
    const rows = (this.#states.table.columns[ROWS] as unknown[])[row] as readonly RankedRow[];
    const left = rows.filter((ranked) => ranked.writtenMs > expiredMs);
    if (left.length === 0) return NaN;
    if (left.length < rows.length) (this.#states.table.columns[ROWS] as unknown[])[row] = left;
    return left.reduce((oldest, ranked) => Math.min(oldest, ranked.writtenMs), Infinity);
  }

  advanceProcessingTime(nowMs: number): boolean {
    return this.#states.advanceProcessingTime(nowMs);
  }

  nextProcessingTimeMs(): number {
    return this.#states.nextProcessingTimeMs();
  }
}

/** The rows of a key that come first: only their number is state. Source: Flink's AppendOnlyFirstNFunction. */
class FirstRows implements RowFunction {
  readonly #spec: TopNOperator;
  readonly #states: KeyStates;
  readonly #output: RankOutput;

  constructor(setup: OperatorSetup, backend: KeyedStateBackend, spec: TopNOperator) {
    this.#spec = spec;
    this.#output = new RankOutput(setup, spec);
    this.#states = new KeyStates({
      backend,
      clock: setup.environment.clock,
      name: 'counts',
      columns: ['f64', 'f64'],
      ttlMs: spec.stateTtlMs,
    });
  }

  onRow(input: RowInput): void {
    const states = this.#states;
    const found = states.find(input.key, input.hash);
    const limit =
      found < 0
        ? limitOf(this.#spec, input.row)
        : ((states.table.columns[1] as Float64Array)[found] as number);
    const count = found < 0 ? 0 : ((states.table.columns[0] as Float64Array)[found] as number);
    if (count >= limit) return;
    const row = found < 0 ? states.write(input.key, input.hash) : found;
    if (found >= 0) states.touch(row, input.key, input.hash);
    (states.table.columns[0] as Float64Array)[row] = count + 1;
    (states.table.columns[1] as Float64Array)[row] = limit;
    this.#output.at(limit, input.timestampMs);
    this.#output.entered(input.row, count + 1);
  }

  advanceProcessingTime(nowMs: number): boolean {
    return this.#states.advanceProcessingTime(nowMs);
  }

  nextProcessingTimeMs(): number {
    return this.#states.nextProcessingTimeMs();
  }
}
