// [HOT] The sorted rows of a key, as a running top-N changes them: in a block of memory where they are sorted by a number and nothing more is
// kept of each, else behind objects.
import { PackedList, type PackedListsHandle, type PackedRowsHandle, type RowTable } from '@millrace/state';
import { insertAt } from './own-cells.ts';
import type { RankedRows } from './rank-output.ts';
import type { RowInput } from './row-operator.ts';

/** Threading: of one key at a time, until the next one is asked for. */
export interface RankedList extends RankedRows {
  /** What the table has of it from now on, when it has changed. */
  readonly cell: unknown;
  /** What the row was inserted with. */
  headAt(index: number): unknown;
  insert(index: number, head: unknown, input: RowInput): void;
  /** Forgets a row: who wants it has read it before. */
  removeAt(index: number): void;
  /** The list is in its cell: what it no longer has is given back. */
  settle(): void;
}

/** The lists in a column of a table. */
export class RankedLists {
  readonly #table: RowTable;
  readonly #column: number;
  readonly #blocks: BlockList;
  readonly #objects: ObjectList;

  constructor(table: RowTable, column: number) {
    this.#table = table;
    this.#column = column;
    this.#blocks = new BlockList(table.packedLists());
    this.#objects = new ObjectList(table.packedRows());
  }

  /** An empty one for rows with such heads. */
  fresh(head: unknown): RankedList {
    if (typeof head === 'number') return this.#blocks.of(0);
    return this.#objects.of(new PackedList([], []));
  }

  /** The list of a row, to be looked at. */
  at(row: number): RankedList {
    const cell = (this.#table.columns[this.#column] as unknown[])[row];
    return typeof cell === 'number' ? this.#blocks.of(cell) : this.#objects.of(cell as PackedList);
  }

  /** The list of a row, to be changed and put back: a copy where a snapshot may have it. `head`: a row with it may come. */
  changeableAt(row: number, head: unknown): RankedList {
    const cell = (this.#table.columns[this.#column] as unknown[])[row];
    if (typeof cell !== 'number') {
      const list = cell as PackedList;
      return this.#objects.of(this.#table.isOwn(row) ? list : list.copy());
    }
    return typeof head === 'number' ? this.#blocks.of(cell) : this.#objects.of(this.#withObjects(row, cell));
  }

  /** The heads of a row's list were numbers until now. What a snapshot has to say of it is the same. */
  #withObjects(row: number, cell: number): PackedList {
    const lists = this.#table.packedLists();
    const rows = this.#table.packedRows();
    const list = new PackedList([], []);
    for (let index = 0; index < lists.lengthOf(cell); index++) {
      list.heads.push(lists.headAt(cell, index));
      list.ids.push(rows.addBytes(lists.bytesAt(cell, index)));
    }
    (this.#table.columns[this.#column] as unknown[])[row] = list;
    lists.free(cell);
    return list;
  }
}

class BlockList implements RankedList {
  cell = 0;
  readonly #lists: PackedListsHandle;

  constructor(lists: PackedListsHandle) {
    this.#lists = lists;
  }

  of(cell: number): this {
    this.cell = cell;
    return this;
  }

  get length(): number {
    return this.#lists.lengthOf(this.cell);
  }

  headAt(index: number): number {
    return this.#lists.headAt(this.cell, index);
  }

  rowAt(index: number): unknown {
    return this.#lists.rowAt(this.cell, index);
  }

  insert(index: number, head: unknown, { row, batch, at }: RowInput): void {
    this.cell = this.#lists.insert(this.cell, index, head as number, row, batch, at);
  }

  removeAt(index: number): void {
    this.cell = this.#lists.removeAt(this.cell, index);
  }

  settle(): void {
    // A list is changed where it is, or copied by itself.
  }
}

class ObjectList implements RankedList {
  cell = new PackedList([], []);
  readonly #rows: PackedRowsHandle;
  readonly #removed: number[] = [];

  constructor(rows: PackedRowsHandle) {
    this.#rows = rows;
  }

  of(cell: PackedList): this {
    this.cell = cell;
    return this;
  }

  get length(): number {
    return this.cell.length;
  }

  headAt(index: number): unknown {
    return this.cell.heads[index];
  }

  rowAt(index: number): unknown {
    return this.#rows.get(this.cell.ids[index] as number);
  }

  insert(index: number, head: unknown, { row, batch, at }: RowInput): void {
    const id = this.#rows.add(row, batch, at);
    insertAt(this.cell.heads, index, head);
    insertAt(this.cell.ids, index, id);
  }

  removeAt(index: number): void {
    const { heads, ids } = this.cell;
    this.#removed.push(ids[index] as number);
    if (index === ids.length - 1) {
      heads.pop();
      ids.pop();
      return;
    }
    heads.splice(index, 1);
    ids.splice(index, 1);
  }

  settle(): void {
    const removed = this.#removed;
    while (removed.length > 0) this.#rows.remove(removed.pop() as number);
  }
}
