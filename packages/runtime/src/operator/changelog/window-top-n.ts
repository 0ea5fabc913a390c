// The first rows of each key and window, once, when the window is over.
import { hashKey } from '@millrace/common';
import type { WindowTopNOperator } from '@millrace/api';
import type { KeyedStateBackend, RowTable } from '@millrace/state';
import { cutLoose } from '../aggregate/cut-loose.ts';
import type { ChainOperator } from '../chain-stage.ts';
import type { OperatorSetup } from '../operator-setup.ts';
import { changeableArray, insertAt } from './own-cells.ts';
import { LATE, rowOperator, RowOutput, type RowFunction, type RowInput } from './row-operator.ts';
import { rowOrder, type RowOrder } from './row-order.ts';
import { compileWithField } from './with-field.ts';

export async function openWindowTopN(setup: OperatorSetup, spec: WindowTopNOperator): Promise<ChainOperator> {
  const backend = await setup.openBackend();
  const fn = new WindowTopN(setup, backend, spec);
  return rowOperator(setup, backend, { fn, isOfChanges: spec.isOfChanges });
}

interface WindowRow {
  readonly sortKey: unknown;
  readonly row: unknown;
  readonly timestampMs: number;
}

/**
 * State is by (key, window end): the rows that are among the first so far, sorted. A row whose window's last millisecond the
 * watermark has reached is late. Source: Flink's WindowRankOperator and RowTimeWindowDeduplicateOperator.
 */
class WindowTopN implements RowFunction {
  readonly #setup: OperatorSetup;
  readonly #spec: WindowTopNOperator;
  readonly #backend: KeyedStateBackend;
  readonly #table: RowTable;
  readonly #order: RowOrder | undefined;
  readonly #windowEnd: (row: unknown) => number;
  readonly #output: RowOutput;
  readonly #withRank: ((row: unknown, rank: number) => unknown) | undefined;
  #watermarkMs: number;

  constructor(setup: OperatorSetup, backend: KeyedStateBackend, spec: WindowTopNOperator) {
    this.#setup = setup;
    this.#spec = spec;
    this.#backend = backend;
    this.#table = backend.table({ name: 'ranks', columns: ['value'], hasNamespaces: false, hasLists: true });
    this.#order = spec.orderBy.length === 0 ? undefined : rowOrder(setup, spec.orderBy);
    this.#windowEnd = spec.windowEnd as (row: unknown) => number;
    this.#output = new RowOutput(setup);
    this.#withRank = spec.rankField === undefined ? undefined : compileWithField(setup, spec.rankField);
    this.#watermarkMs = setup.environment.restoredWatermarkMs;
  }

  onRow(input: RowInput): void {
    const { row, timestampMs, hash } = input;
    const windowEndMs = this.#windowEnd(row);
    if (!(windowEndMs - 1 > this.#watermarkMs)) {
      if (typeof windowEndMs !== 'number' || Number.isNaN(windowEndMs))
        throw new TypeError(`the end of a window is in milliseconds, but got ${String(windowEndMs)}`);
      this.#setup.tally.countLate(1, row, input.at, LATE);
      return;
    }
    const key = [input.key, windowEndMs];
    const sortKey = this.#order === undefined ? timestampMs : this.#order.sortKeyOf(row);
    const at = this.#table.upsert(key, hash, 0);
    const isNew = this.#table.wasAbsent;
    const cells = this.#table.columns[0] as unknown[];
    const known = (cells[at] ?? []) as readonly WindowRow[];
    const place = this.#placeOf(known, sortKey);
    if (place < this.#spec.limit) {
      const rows = changeableArray<WindowRow>(this.#table, 0, at);
      insertAt(rows, place, { sortKey: cutLoose(sortKey), row: cutLoose(row), timestampMs });
      if (rows.length > this.#spec.limit) rows.pop();
      cells[at] = rows;
      this.#table.markDirty(at);
    }
    if (!isNew) return;
    this.#backend.setCurrentKey(key, hash);
    this.#backend.timers.register('event', windowEndMs - 1);
  }

  #placeOf(rows: readonly WindowRow[], sortKey: unknown): number {
    let place = rows.length;
    while (place > 0 && this.#comesBefore(sortKey, (rows[place - 1] as WindowRow).sortKey)) place--;
    return place;
  }

  #comesBefore(sortKey: unknown, other: unknown): boolean {
    if (this.#order !== undefined) return this.#order.compare(sortKey, other) < 0;
    const [ms, otherMs] = [sortKey as number, other as number];
    return this.#spec.isLatestFirst ? ms >= otherMs : ms < otherMs;
  }

  /** False when it stopped; the timers that are left are state. */
  advanceWatermark(watermarkMs: number): boolean {
    this.#watermarkMs = watermarkMs;
    const { timers } = this.#backend;
    for (;;) {
      const dueMs = timers.pollDue('event', watermarkMs);
      if (dueMs === undefined) return true;
      this.#fire(this.#backend.currentKey as readonly [unknown, number], dueMs);
      if (this.#setup.emission.mustStop()) return false;
    }
  }

  /** Bounds: at most `limit` rows. */
  #fire(key: readonly [unknown, number], dueMs: number): void {
    const hash = hashKey(key[0]);
    const at = this.#table.find(key, hash, 0);
    if (at < 0) return;
    const rows = (this.#table.columns[0] as unknown[])[at] as readonly WindowRow[];
    this.#table.remove(key, hash, 0);
    const { firstRank } = this.#spec;
    for (let index = firstRank - 1; index < rows.length; index++) {
      const { row } = rows[index] as WindowRow;
      const shown = this.#withRank === undefined ? row : this.#withRank(row, index + 1);
      if (this.#spec.isOfChanges) this.#output.change('insert', shown, dueMs);
      else this.#output.row(shown, dueMs);
    }
  }
}
