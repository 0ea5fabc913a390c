// Which changes tell of a change among sorted rows: with ranks, each row whose rank is another one's now; without, what entered
// and what left.
import type { ChangeKind, TopNOperator } from '@millrace/api';
import type { OperatorSetup } from '../operator-setup.ts';
import { rowsEqual } from './row-order.ts';
import { compileWithField } from './with-field.ts';
import { RowOutput } from './row-operator.ts';

/** The sorted rows of a key, each made when it is asked for. */
export interface RankedRows {
  readonly length: number;
  /** Contract: below `length`. */
  rowAt(index: number): unknown;
}

/** Emits changes of the rows of ranks firstRank to limit. Ranks count from 1. */
export class RankOutput {
  limit = 0;
  readonly #output: RowOutput;
  readonly #firstRank: number;
  readonly #withRank: ((row: unknown, rank: number) => unknown) | undefined;
  readonly #generateUpdateBefore: boolean;
  /** Changes are told by rank. Without ranks it is needed where the first ones are left out. */
  readonly #isByRank: boolean;
  /** A first row that replaces another one updates it: with rows taken back it is deleted and inserted, as in Flink. */
  readonly #updatesOnlyRow: boolean;
  #timestampMs = NaN;

  constructor(setup: OperatorSetup, spec: TopNOperator) {
    this.#output = new RowOutput(setup);
    this.#firstRank = spec.firstRank;
    this.#withRank = spec.rankField === undefined ? undefined : compileWithField(setup, spec.rankField);
    this.#generateUpdateBefore = spec.generateUpdateBefore;
    this.#isByRank = spec.rankField !== undefined || spec.firstRank > 1;
    this.#updatesOnlyRow = spec.limit === 1 && spec.input !== 'retract';
  }

  /** Of the key and record at hand. */
  at(limit: number, timestampMs: number): void {
    this.limit = limit;
    this.#timestampMs = timestampMs;
  }

  /** `rows[index]` is new; the others behind it moved down. */
  added(rows: RankedRows, index: number): void {
    const { limit } = this;
    if (index >= limit) return;
    const hasFallen = rows.length > limit;
    if (this.#isByRank) this.#shiftedDown(rows, index, Math.min(rows.length, limit));
    else if (hasFallen && this.#updatesOnlyRow) this.#replaced(rows.rowAt(limit), rows.rowAt(index));
    else {
      if (hasFallen) this.#emit('delete', rows.rowAt(limit));
      this.#emit('insert', rows.rowAt(index));
    }
  }

  /** `removed` was at `index`; the others behind it moved up. */
  removed(rows: RankedRows, index: number, removed: unknown): void {
    const { limit } = this;
    if (index >= limit) return;
    const hasRisen = rows.length >= limit;
    if (this.#isByRank) {
      this.#shiftedUp(rows, index, removed);
      return;
    }
    if (hasRisen && this.#updatesOnlyRow) {
      this.#replaced(removed, rows.rowAt(limit - 1));
      return;
    }
    this.#emit('delete', removed);
    if (hasRisen) this.#emit('insert', rows.rowAt(limit - 1));
  }

  /** A row that was `old` at `oldIndex` is at `index` now; those between moved by one. */
  moved(
    rows: RankedRows,
    of: { readonly oldIndex: number; readonly index: number; readonly old: unknown },
  ): void {
    const { limit } = this;
    const { oldIndex, index, old } = of;
    // The one row that counts came again as it is: Flink's FastTop1Function tells of nothing either.
    if (this.#updatesOnlyRow && index === oldIndex && rowsEqual(old, rows.rowAt(index))) return;
    if (oldIndex >= limit) this.#cameIn(rows, index);
    else if (index >= limit) this.removed(rows, oldIndex, old);
    else if (!this.#isByRank) this.#replaced(old, rows.rowAt(index));
    else if (index === oldIndex) this.#updated(old, rows.rowAt(index), index + 1);
    else if (index < oldIndex) this.#movedUp(rows, of);
    else this.#movedDown(rows, of);
  }

  /** A row that came first. */
  entered(row: unknown, rank: number): void {
    this.#emitAt('insert', row, rank);
  }

  /** One that was behind the last rank is like a new one, since as many rows are there as before. */
  #cameIn(rows: RankedRows, index: number): void {
    if (index < this.limit) this.added(rows, index);
  }

  /** Each row from `index` on is where another one was; one more is there if there is room. */
  #shiftedDown(rows: RankedRows, index: number, end: number): void {
    for (let at = index; at < end; at++) {
      if (at + 1 >= rows.length) this.#emitAt('insert', rows.rowAt(at), at + 1);
      else {
        if (this.#generateUpdateBefore) this.#emitAt('updateBefore', rows.rowAt(at + 1), at + 1);
        this.#emitAt('updateAfter', rows.rowAt(at), at + 1);
      }
    }
  }

  /** Each row from `index` on is where the one before it was. A row's old place is taken back before its new one is given, so that it is never there twice. */
  #shiftedUp(rows: RankedRows, index: number, removed: unknown): void {
    const { length } = rows;
    const end = Math.min(length, this.limit);
    // Of as many ranks as there were rows, the last one is empty now.
    const emptyRank = length < this.limit ? length + 1 : Infinity;
    this.#leftRank(removed, index + 1, emptyRank);
    for (let at = index; at < end; at++) {
      const row = rows.rowAt(at);
      this.#leftRank(row, at + 2, emptyRank);
      this.#emitAt('updateAfter', row, at + 1);
    }
  }

  #leftRank(row: unknown, rank: number, emptyRank: number): void {
    if (rank === emptyRank) this.#emitAt('delete', row, rank);
    else this.#before(row, rank);
  }

  /** As above. */
  #movedUp(
    rows: RankedRows,
    { oldIndex, index, old }: { readonly oldIndex: number; readonly index: number; readonly old: unknown },
  ): void {
    for (let at = index; at < oldIndex; at++) {
      this.#before(rows.rowAt(at + 1), at + 1);
      if (at === index) this.#before(old, oldIndex + 1);
      this.#emitAt('updateAfter', rows.rowAt(at), at + 1);
    }
    this.#emitAt('updateAfter', rows.rowAt(oldIndex), oldIndex + 1);
  }

  #movedDown(
    rows: RankedRows,
    { oldIndex, index, old }: { readonly oldIndex: number; readonly index: number; readonly old: unknown },
  ): void {
    this.#before(old, oldIndex + 1);
    for (let at = oldIndex; at < index; at++) {
      const row = rows.rowAt(at);
      this.#before(row, at + 2);
      this.#emitAt('updateAfter', row, at + 1);
    }
    this.#emitAt('updateAfter', rows.rowAt(index), index + 1);
  }

  #updated(before: unknown, after: unknown, rank: number): void {
    this.#before(before, rank);
    this.#emitAt('updateAfter', after, rank);
  }

  #replaced(before: unknown, after: unknown): void {
    if (this.#generateUpdateBefore) this.#emit('updateBefore', before);
    this.#emit('updateAfter', after);
  }

  #before(row: unknown, rank: number): void {
    if (this.#generateUpdateBefore) this.#emitAt('updateBefore', row, rank);
  }

  #emitAt(kind: ChangeKind, row: unknown, rank: number): void {
    if (rank < this.#firstRank || rank > this.limit) return;
    this.#emit(kind, this.#withRank === undefined ? row : this.#withRank(row, rank));
  }

  #emit(kind: ChangeKind, row: unknown): void {
    this.#output.change(kind, row, this.#timestampMs);
  }
}
