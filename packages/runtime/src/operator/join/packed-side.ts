// [HOT] The rows of one side of an inner join, of the current key, as bytes outside of the heap: one a key, or any number of which none goes.
import type { RecordBatch } from '@millrace/proto';
import type {
  ColumnKind,
  KeyedStateBackend,
  MapStateHandle,
  PackedListsHandle,
  RowTable,
} from '@millrace/state';
import { cutLoose } from '../aggregate/cut-loose.ts';
import type { HandedOver } from './earlier-rows.ts';
import type { KeptRow } from './row-set.ts';
import { rowText } from './row-text.ts';

/** Rows of a key that lie in one list; more go to a map, so that no change copies more than so many. */
const ROWS_MAX = 1_024;
/** As the number of rows: they are in the map. */
const IN_MAP = -1;
/** There is the one row of the key, which meets nobody: nothing more is kept of it. */
export const MEETS_NOBODY = -2;

/**
 * What the table has of a side: undefined for no rows, a list, or one of these values. One column a side, because each look at a column
 * waits for memory.
 */
const MAP_CELL = true;
const NOBODY_CELL = null;
type Cell = number | typeof MAP_CELL | typeof NOBODY_CELL | undefined;
const COLUMNS: readonly ColumnKind[] = ['value', 'value'];
/** What rows are behind in their lists: nothing is told by it. */
const HEAD = 1;

/** The table of both sides: a row that comes finds those that it meets where it will be itself. */
export function openPackedTable(backend: KeyedStateBackend): RowTable {
  return backend.table({
    name: 'packed-rows',
    columns: COLUMNS,
    hasNamespaces: false,
    hasPackedLists: true,
  });
}

/** Contract: `at` is where the table has the current key, -1: nowhere; it is valid until rows are added or taken away. */
export class PackedSide {
  readonly #backend: KeyedStateBackend;
  readonly #table: RowTable;
  readonly #lists: PackedListsHandle;
  readonly #map: MapStateHandle;
  /** Columns of this side and of the other one. */
  readonly #column: number;
  readonly #otherColumn: number;
  /** There is one row a key: another one takes its place. */
  readonly #isOnlyRow: boolean;

  constructor(
    backend: KeyedStateBackend,
    options: { readonly table: RowTable; readonly side: 'left' | 'right'; readonly isOnlyRow: boolean },
  ) {
    this.#backend = backend;
    this.#table = options.table;
    this.#lists = options.table.packedLists();
    this.#map = backend.mapState(options.side);
    this.#column = options.side === 'left' ? 0 : 1;
    this.#otherColumn = 1 - this.#column;
    this.#isOnlyRow = options.isOnlyRow;
  }

  isEmptyAt(at: number): boolean {
    return at < 0 || this.#cellAt(at) === undefined;
  }

  /** Number of rows that meet others, or MEETS_NOBODY; of other negative ones {@link rowsAt} tells. */
  countAt(at: number): number {
    const cell = at < 0 ? undefined : this.#cellAt(at);
    if (cell === undefined) return 0;
    if (typeof cell === 'number') return this.#isOnlyRow ? 1 : this.#lists.lengthOf(cell);
    return cell === MAP_CELL ? IN_MAP : MEETS_NOBODY;
  }

  /** The first row. Contract: there is one, and `countAt` tells how many. */
  rowAt(at: number): unknown {
    return this.#lists.rowAt(this.#cellAt(at) as number, 0);
  }

  rowsAt(at: number): readonly unknown[] {
    const cell = at < 0 ? undefined : this.#cellAt(at);
    const rows: unknown[] = [];
    if (cell === MAP_CELL) {
      for (const kept of this.#map.values() as Iterable<KeptRow>)
        for (let copy = 0; copy < kept.count; copy++) rows.push(kept.row);
    } else if (typeof cell === 'number') {
      const count = this.#lists.lengthOf(cell);
      for (let index = 0; index < count; index++) rows.push(this.#lists.rowAt(cell, index));
    }
    return rows;
  }

  /** Puts in a row, which is row `batchRow` of `batch` where there is one. Where there is one row a key it takes the place of the one before. */
  // oxlint-disable-next-line max-params -- for each row
  add(at: number, row: unknown, batch: RecordBatch | undefined, batchRow: number): void {
    const { currentKey, currentKeyHash } = this.#backend;
    const place = at >= 0 ? at : this.#table.upsert(currentKey, currentKeyHash, 0);
    const cell = this.#cellAt(place);
    if (cell === MAP_CELL) return this.#addToMap(row);
    const list = typeof cell === 'number' ? cell : 0;
    try {
      this.#set(
        place,
        this.#isOnlyRow ? this.#only(list, row, batch, batchRow) : this.#more(list, row, batch, batchRow),
      );
    } catch (error) {
      // What cannot be encoded leaves no key without a row.
      if (cell === undefined) this.clear(place);
      throw error;
    }
    if (this.#cellAt(place) === MAP_CELL) this.#addToMap(row);
  }

  /** A row comes that meets nobody; returns where the table has the key. Where rows are not the only ones of their keys nothing is kept of it. */
  addUseless(at: number): number {
    if (!this.#isOnlyRow) return at;
    const { currentKey, currentKeyHash } = this.#backend;
    const place = at >= 0 ? at : this.#table.upsert(currentKey, currentKeyHash, 0);
    if (this.#cellAt(place) === MAP_CELL) this.#map.clear();
    this.#freeAt(place);
    this.#set(place, NOBODY_CELL);
    return place;
  }

  /** Takes all rows away. Contract: there are some. */
  clear(at: number): void {
    if (this.#cellAt(at) === MAP_CELL) this.#map.clear();
    this.#forget(at);
  }

  /** Takes the rows of the current key out of the table, for the other form of them. */
  handOver(): HandedOver {
    const at = this.#find();
    if (this.isEmptyAt(at)) return [];
    const isInMap = this.#cellAt(at) === MAP_CELL;
    const rows = isInMap ? 'in the map' : this.rowsAt(at).map(keptOnce);
    this.#forget(at);
    return rows;
  }

  takeOver(handedOver: HandedOver): void {
    if (handedOver === 'in the map') {
      const { currentKey, currentKeyHash } = this.#backend;
      this.#set(this.#table.upsert(currentKey, currentKeyHash, 0), MAP_CELL);
      return;
    }
    for (const { row, count } of handedOver)
      for (let copy = 0; copy < count; copy++) this.add(this.#find(), row, undefined, -1);
  }

  #find(): number {
    return this.#table.find(this.#backend.currentKey, this.#backend.currentKeyHash, 0);
  }

  #cellAt(at: number): Cell {
    return (this.#table.columns[this.#column] as Cell[])[at];
  }

  #set(at: number, cell: Cell): void {
    (this.#table.columns[this.#column] as Cell[])[at] = cell;
    this.#table.markDirty(at);
  }

  // oxlint-disable-next-line max-params -- for each row
  #only(list: number, row: unknown, batch: RecordBatch | undefined, batchRow: number): Cell {
    const set = this.#lists.setOnly(list, HEAD, row, batch, batchRow);
    this.#lists.letGo(set, 0);
    return set;
  }

  /** With one row more; rows are in the map from now on, without it, when there is no room. */
  // oxlint-disable-next-line max-params -- for each row
  #more(list: number, row: unknown, batch: RecordBatch | undefined, batchRow: number): Cell {
    const count = this.#lists.lengthOf(list);
    if (count === ROWS_MAX) {
      for (let index = 0; index < count; index++) this.#addToMap(this.#lists.rowAt(list, index));
      this.#lists.free(list);
      return MAP_CELL;
    }
    const longer = this.#lists.insert(list, count, HEAD, row, batch, batchRow);
    this.#lists.letGo(longer, count);
    return longer;
  }

  /** This side has no rows any more; when the other has none either the row of the table goes, and its list with it. */
  #forget(at: number): void {
    const { currentKey, currentKeyHash } = this.#backend;
    if ((this.#table.columns[this.#otherColumn] as Cell[])[at] === undefined)
      return this.#table.remove(currentKey, currentKeyHash, 0);
    this.#freeAt(at);
    this.#set(at, undefined);
  }

  #freeAt(at: number): void {
    const cell = this.#cellAt(at);
    if (typeof cell === 'number') this.#lists.free(cell);
  }

  #addToMap(given: unknown): void {
    const row = cutLoose(given);
    const id = rowText(row);
    const before = this.#map.get(id) as KeptRow | undefined;
    const kept: KeptRow = { row, count: (before?.count ?? 0) + 1, associations: 0, writtenMs: 0 };
    this.#map.put(id, kept);
  }
}

function keptOnce(row: unknown): KeptRow {
  return { row, count: 1, associations: 0, writtenMs: 0 };
}
