// The first rows of each key in an order, kept up to date.
import type { TopNOperator, UserFunction } from '@millrace/api';
import { PackedList, type KeyedStateBackend } from '@millrace/state';
import { cutLoose } from '../aggregate/cut-loose.ts';
import type { ChainOperator } from '../chain-stage.ts';
import { identityOfKey } from '../key-identity.ts';
import type { OperatorSetup } from '../operator-setup.ts';
import { KeyStates } from './key-states.ts';
import { RankOutput } from './rank-output.ts';
import { RankedLists, type RankedList } from './ranked-lists.ts';
import { isRetraction, rowOperator, type RowFunction, type RowGate, type RowInput } from './row-operator.ts';
import { rowOrder, rowsEqual, type RowOrder, type SortKey } from './row-order.ts';

/** What a row is found by, where that is more than its sort key. State: never changed. */
interface RankHead {
  readonly sortKey: SortKey;
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
 * Append-only and monotonic input needs the first ones only. Rows expire by sort key, as in Flink. Rows are packed, and what they are sorted
 * by stands side by side: a search looks at no row.
 * Source: Flink's AppendOnlyTopNFunction, UpdatableTopNFunction, FastTop1Function and RetractableTopNFunction.
 */
class TopN implements RowFunction, RowGate {
  readonly functions: readonly UserFunction[];
  readonly #spec: TopNOperator;
  readonly #order: RowOrder;
  readonly #states: KeyStates;
  readonly #lists: RankedLists;
  readonly #output: RankOutput;
  readonly #idOf: ((row: unknown) => unknown) | undefined;
  readonly #keepsAll: boolean;
  /** Heads are sort keys, and no more. */
  readonly #isPlain: boolean;
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
    this.#isPlain = this.#idOf === undefined && spec.stateTtlMs === Infinity;
    this.#states = new KeyStates({
      backend,
      clock: setup.environment.clock,
      name: 'ranks',
      columns: ['value', 'f64'],
      hasPackedLists: true,
      ttlMs: spec.stateTtlMs,
      prune: (row, expiredMs) => this.#prune(row, expiredMs),
    });
    this.#lists = new RankedLists(this.#states.table, ROWS);
  }

  /** False: as many rows are there as are kept, and none of them comes behind. */
  admits(key: unknown, hash: number, values: unknown): boolean {
    const { table } = this.#states;
    const found = this.#states.find(key, hash);
    const sortKey = this.#order.sortKeyFrom(values);
    if (found >= 0) {
      const limit = (table.columns[LIMIT] as Float64Array)[found] as number;
      if (this.#isBehind(this.#lists.at(found), limit, sortKey)) return false;
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
    this.#output.at(limit as number, input.timestampMs);
    if (!isAdmitted && !this.#keepsAll && id === null && found >= 0) {
      if (this.#isBehind(this.#lists.at(found), limit as number, sortKey)) return;
    }
    const head = this.#headOf(sortKey, id);
    const list = found < 0 ? this.#lists.fresh(head) : this.#lists.changeableAt(found, head);
    const sorted = { sortKey, id, head };
    const isChanged = takesBack ? this.#takeBack(list, input, sorted) : this.#put(list, input, sorted);
    if (!isChanged && found >= 0) return;
    if (found >= 0) (states.table.columns[ROWS] as unknown[])[found] = list.cell;
    list.settle();
    if (list.length === 0) {
      if (found >= 0) states.remove(input.key, input.hash);
      return;
    }
    const row = found < 0 ? states.write(input.key, input.hash) : found;
    (states.table.columns[ROWS] as unknown[])[row] = list.cell;
    (states.table.columns[LIMIT] as Float64Array)[row] = limit as number;
    states.touch(row, input.key, input.hash);
  }

  #headOf(sortKey: SortKey, id: unknown): unknown {
    const key = cutLoose(sortKey);
    return this.#isPlain ? key : { sortKey: key, id, writtenMs: this.#states.nowMs() };
  }

  #sortKeyAt(list: RankedList, index: number): SortKey {
    const head = list.headAt(index);
    return this.#isPlain ? head : (head as RankHead).sortKey;
  }

  /** Where the row with this identity is, or -1. */
  #indexOfId(list: RankedList, id: unknown): number {
    return (list.cell as PackedList).heads.findIndex((head) => (head as RankHead).id === id);
  }

  /** There are as many rows as are kept, and none of them comes behind. */
  #isBehind(list: RankedList, limit: number, sortKey: SortKey): boolean {
    const { length } = list;
    if (length < limit || length === 0) return false;
    return this.#order.compare(this.#sortKeyAt(list, length - 1), sortKey) <= 0;
  }

  /** False: nothing changed. */
  #put(list: RankedList, input: RowInput, of: Sorted): boolean {
    const oldIndex = of.id === null ? -1 : this.#indexOfId(list, of.id);
    if (oldIndex >= 0) {
      this.#move(list, oldIndex, input, of);
      return true;
    }
    const index = this.#placeBehind(list, of.sortKey);
    const { limit } = this.#output;
    if (index >= limit && !this.#keepsAll) return false;
    list.insert(index, of.head, input);
    this.#output.added(list, index);
    if (!this.#keepsAll && list.length > limit) list.removeAt(list.length - 1);
    this.#writeGroup(list, of.sortKey, this.#states.nowMs());
    return true;
  }

  // oxlint-disable-next-line max-params -- the row at hand, and where it was
  #move(list: RankedList, oldIndex: number, input: RowInput, of: Sorted): void {
    const isInPlace = this.#order.compare(this.#sortKeyAt(list, oldIndex), of.sortKey) === 0;
    const old = list.rowAt(oldIndex);
    list.removeAt(oldIndex);
    const index = isInPlace ? oldIndex : this.#placeBehind(list, of.sortKey);
    list.insert(index, of.head, input);
    this.#output.moved(list, { oldIndex, index, old });
    this.#writeGroup(list, of.sortKey, this.#states.nowMs());
  }

  #takeBack(list: RankedList, input: RowInput, of: Sorted): boolean {
    const index = of.id === null ? this.#indexOf(list, input.row, of.sortKey) : this.#indexOfId(list, of.id);
    if (index < 0) return false;
    const sortKey = this.#sortKeyAt(list, index);
    const removed = list.rowAt(index);
    list.removeAt(index);
    this.#output.removed(list, index, removed);
    this.#writeGroup(list, sortKey, this.#states.nowMs());
    return true;
  }

  /** Index behind the last row that does not come after `sortKey`. */
  #placeBehind(list: RankedList, sortKey: SortKey): number {
    const { compare } = this.#order;
    let from = 0;
    let to = list.length;
    while (from < to) {
      const middle = (from + to) >> 1;
      if (compare(this.#sortKeyAt(list, middle), sortKey) <= 0) from = middle + 1;
      else to = middle;
    }
    return from;
  }

  /** Index of the first row that equals `row`, or -1. */
  #indexOf(list: RankedList, row: unknown, sortKey: SortKey): number {
    let found = -1;
    for (let index = this.#placeBehind(list, sortKey) - 1; index >= 0; index--) {
      if (this.#order.compare(this.#sortKeyAt(list, index), sortKey) !== 0) break;
      if (rowsEqual(list.rowAt(index), row)) found = index;
    }
    return found;
  }

  /** Rows of one sort key were written together. */
  #writeGroup(list: RankedList, sortKey: SortKey, writtenMs: number): void {
    if (!this.#states.expires) return;
    const { heads } = list.cell as PackedList;
    for (let index = this.#placeBehind(list, sortKey) - 1; index >= 0; index--) {
      const head = heads[index] as RankHead;
      if (this.#order.compare(head.sortKey, sortKey) !== 0) break;
      heads[index] = { ...head, writtenMs };
    }
  }

  #prune(row: number, expiredMs: number): number {
    const cells = this.#states.table.columns[ROWS] as unknown[];
    const list = cells[row];
    // Without times: a snapshot has it from when rows did not expire.
    if (!(list instanceof PackedList)) return NaN;
    const left = new PackedList([], []);
    let oldestMs = Infinity;
    for (let index = 0; index < list.length; index++) {
      const head = list.heads[index] as RankHead;
      if (head.writtenMs <= expiredMs) continue;
      left.heads.push(head);
      left.ids.push(list.ids[index] as number);
      oldestMs = Math.min(oldestMs, head.writtenMs);
    }
    if (left.length === 0) return NaN;
    if (left.length < list.length) {
      cells[row] = left;
      const rows = this.#states.table.packedRows();
      for (const number of list.ids) if (!left.ids.includes(number)) rows.remove(number);
    }
    return oldestMs;
  }

  advanceProcessingTime(nowMs: number): boolean {
    return this.#states.advanceProcessingTime(nowMs);
  }

  nextProcessingTimeMs(): number {
    return this.#states.nextProcessingTimeMs();
  }
}

/** What the row at hand is sorted by, and which it is; null: nobody asks. */
interface Sorted {
  readonly sortKey: SortKey;
  readonly id: unknown;
  /** What the row is kept behind: sort keys, or `RankHead`. */
  readonly head: unknown;
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
