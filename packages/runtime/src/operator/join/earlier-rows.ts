// Rows that were kept in the other form when the state was saved: by a version of the engine, or of the program, that keeps them so.
import type { KeyedStateBackend, RowTable } from '@millrace/state';
import type { KeptRow } from './row-set.ts';

/** The rows of a key and side; those in the map are kept there in either form. */
export type HandedOver = readonly KeptRow[] | 'in the map';

/** From a side as it was to one as it is. */
interface Move {
  readonly from: { handOver(): HandedOver };
  readonly to: { takeOver(rows: HandedOver): void };
}

/** Moves the rows of a key when it is asked for. */
export class EarlierRows {
  readonly #backend: KeyedStateBackend;
  readonly #table: RowTable;
  readonly #moves: readonly Move[];
  #isEmpty: boolean;

  /** `table`: where rows are that have to be moved. */
  constructor(backend: KeyedStateBackend, table: RowTable, moves: readonly Move[]) {
    this.#backend = backend;
    this.#table = table;
    this.#moves = moves;
    this.#isEmpty = table.namespaces().length === 0;
  }

  /** Moves what the current key has; false: nothing. */
  moveCurrent(): boolean {
    if (this.#isEmpty) return false;
    const { currentKey, currentKeyHash } = this.#backend;
    if (this.#table.find(currentKey, currentKeyHash, 0) < 0) return false;
    for (const { from, to } of this.#moves) to.takeOver(from.handOver());
    this.#isEmpty = this.#table.namespaces().length === 0;
    return true;
  }
}
