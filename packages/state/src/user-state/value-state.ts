// Value state of one name: a row a key. Numbers stay in a Float64Array until another value comes.
import { exposeValue, ownValue } from '../cell/own-value.ts';
import type { ValueStateHandle } from '../keyed-state-backend.ts';
import type { KeyedTable } from '../table/keyed-table.ts';
import type { CurrentKey } from './current-key.ts';

/** Value state over one table. */
export class ValueState implements ValueStateHandle {
  readonly #table: KeyedTable;
  readonly #current: CurrentKey;

  constructor(table: KeyedTable, current: CurrentKey) {
    this.#table = table;
    this.#current = current;
  }

  value(): unknown {
    const row = this.#table.find(this.#current.key, this.#current.hash, 0);
    return row < 0 ? undefined : exposeValue((this.#table.columns[0] as unknown[])[row]);
  }

  update(value: unknown): void {
    if (value === undefined) {
      this.clear();
      return;
    }
    const table = this.#table;
    const cell = ownValue(value);
    if (typeof cell !== 'number' && table.columns[0] instanceof Float64Array) table.rows.widenColumn(0);
    const row = table.upsert(this.#current.key, this.#current.hash, 0);
    (table.columns[0] as unknown[])[row] = cell;
    table.markDirty(row);
  }

  clear(): void {
    this.#table.remove(this.#current.key, this.#current.hash, 0);
  }
}
