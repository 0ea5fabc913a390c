// [HOT] Windows that keep their records, for a function that wants them all.
import type { SidedRecords, StreamNode } from '@millrace/api';
import type { KeyedStateBackend, ListStateHandle, RowTable } from '@millrace/state';
import { cutLoose } from '../aggregate/cut-loose.ts';
import type { StageBody } from '../chain-stage.ts';
import { inOrderOfArrival, type Arrivals, type Arrived } from './arrivals.ts';
import type { CallWindowFunction } from './window-function.ts';
import { isOfRight } from './sided-record.ts';
import type { WindowBounds, WindowContents, WindowLocals } from './window-contents.ts';

/** Records of a (key, slice) and side in its row: more go to a list, so that a change never costs more than so many. */
const ROW_RECORDS_MAX = 1_024;
/** Columns of a side: how many records there are, the first, and an array of those after it. */
const COUNT = 0;
const FIRST = 1;
const REST = 2;
const COLUMNS_OF_SIDE = 3;

/**
 * Records are in the row of their (key, slice), by side where two streams join. A function gets them in the order in which they
 * came: where windows have several slices they are numbered for that.
 */
export class RecordContents implements WindowContents {
  readonly running = undefined;
  readonly table: RowTable;
  readonly #node: StreamNode;
  readonly #backend: KeyedStateBackend;
  readonly #lists: readonly ListStateHandle[];
  readonly #call: CallWindowFunction;
  readonly #arrivals: Arrivals | undefined;

  constructor(node: StreamNode, backend: KeyedStateBackend, call: CallWindowFunction, arrivals?: Arrivals) {
    this.#arrivals = arrivals;
    this.#node = node;
    this.#backend = backend;
    this.#call = call;
    const sideCount = node.inputs.length;
    const columns = ['f64', 'value', 'value'] as const;
    this.table = backend.table({
      name: 'slices',
      columns: sideCount === 1 ? columns : [...columns, ...columns],
      hasNamespaces: true,
    });
    const names = sideCount === 1 ? ['records'] : ['left records', 'right records'];
    this.#lists = names.map((name) => backend.listState(name));
  }

  emitAdd(body: StageBody, locals: WindowLocals, then: string): string {
    const { unit, record } = body;
    const side = isOfRight(body, this.#node) ? 1 : 0;
    const { key, hash, slice } = locals;
    return `${unit.bind(this, 'contents')}.add(${key}, ${hash}, ${slice}, ${record.whole()}, ${side});\n${then}`;
  }

  /** Called by generated code. */
  add(key: unknown, keyHash: number, slice: number, record: unknown, side: number): void {
    const { table } = this;
    const row = table.upsert(key, keyHash, slice);
    const { columns } = table;
    const from = side * COLUMNS_OF_SIDE;
    const counts = columns[from + COUNT] as Float64Array;
    const count = counts[row] as number;
    this.#touch(row);
    counts[row] = count + 1;
    const arrivals = this.#arrivals;
    const loose = count < ROW_RECORDS_MAX ? cutLoose(record) : record;
    const kept = arrivals === undefined ? loose : ([arrivals.next++, loose] satisfies Arrived);
    if (count === 0) (columns[from + FIRST] as unknown[])[row] = kept;
    else if (count < ROW_RECORDS_MAX) this.#restOf(row, from).push(kept);
    else {
      this.#backend.setCurrentKey([key, slice], keyHash);
      this.#listOf(side).add(kept);
    }
  }

  fireRow(row: number, slice: number, bounds: WindowBounds): void {
    const records = this.#noRecords();
    const key = this.table.keyOf(row);
    this.#take(row, slice, records);
    this.#call(key, this.#contentsOf(records), bounds);
  }

  fireSlices(key: unknown, keyHash: number, slices: readonly number[], bounds: WindowBounds): void {
    const records = this.#noRecords();
    let isAny = false;
    for (const slice of slices) {
      const row = this.table.find(key, keyHash, slice);
      if (row < 0) continue;
      isAny = true;
      this.#take(row, slice, records);
    }
    if (isAny) this.#call(key, this.#contentsOf(records), bounds);
  }

  dropSlice(slice: number): void {
    const { table } = this;
    const cursor = table.openCursor(slice);
    for (let row = cursor.next(); row !== -1; row = cursor.next()) {
      for (let side = 0; side < this.#lists.length; side++) {
        if (this.#countOf(row, side) <= ROW_RECORDS_MAX) continue;
        this.#backend.setCurrentKey([table.keyOf(row), slice], table.keyHashOf(row));
        this.#listOf(side).clear();
      }
    }
    table.removeNamespace(slice);
  }

  #noRecords(): readonly unknown[][] {
    return this.#lists.length === 1 ? [[]] : [[], []];
  }

  #contentsOf(taken: readonly unknown[][]): unknown {
    const records =
      this.#arrivals === undefined ? taken : (taken as readonly Arrived[][]).map(inOrderOfArrival);
    if (this.#lists.length === 1) return records[0];
    const [lefts = [], rights = []] = records;
    return { lefts, rights } satisfies SidedRecords;
  }

  /** Adds the records of a row, in the order in which they came. */
  #take(row: number, slice: number, into: readonly unknown[][]): void {
    const { columns } = this.table;
    for (let side = 0; side < into.length; side++) {
      const count = this.#countOf(row, side);
      if (count === 0) continue;
      const from = side * COLUMNS_OF_SIDE;
      const records = into[side] as unknown[];
      records.push((columns[from + FIRST] as unknown[])[row]);
      if (count === 1) continue;
      const rest = (columns[from + REST] as (readonly unknown[])[])[row] as readonly unknown[];
      for (let index = 0; index < rest.length; index++) records.push(rest[index]);
      if (count <= ROW_RECORDS_MAX) continue;
      this.#backend.setCurrentKey([this.table.keyOf(row), slice], this.table.keyHashOf(row));
      for (const record of this.#listOf(side).get()) records.push(record);
    }
  }

  #countOf(row: number, side: number): number {
    return (this.table.columns[side * COLUMNS_OF_SIDE + COUNT] as Float64Array)[row] as number;
  }

  #listOf(side: number): ListStateHandle {
    return this.#lists[side] as ListStateHandle;
  }

  /** Before a change: the row counts as changed then, so that what a snapshot has of either side is copied first. */
  #touch(row: number): void {
    const { table } = this;
    if (!table.isOwn(row)) {
      for (let rest = REST; rest < table.columns.length; rest += COLUMNS_OF_SIDE) {
        const cells = table.columns[rest] as (unknown[] | undefined)[];
        const kept = cells[row];
        if (kept !== undefined) cells[row] = [...kept];
      }
    }
    table.markDirty(row);
  }

  /** The records of a row after its first, to be changed in place; `#touch` comes before. */
  #restOf(row: number, from: number): unknown[] {
    return ((this.table.columns[from + REST] as (unknown[] | undefined)[])[row] ??= []);
  }
}
