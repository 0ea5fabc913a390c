// Value state that is over after a while: a row a key, with the time of its last write beside the value.
import { exposeValue, ownValue } from '../cell/own-value.ts';
import type { ValueStateHandle } from '../keyed-state-backend.ts';
import type { KeyedTable } from '../table/keyed-table.ts';
import type { CurrentKey } from '../user-state/current-key.ts';
import { Expiry } from './expiry.ts';
import { isExpired, stampOf, type StateTtl } from './state-ttl.ts';

const VALUE = 0;
const STAMP = 1;

/** Value state with a TTL, over two tables. */
export class TtlValueState implements ValueStateHandle {
  readonly expiry: Expiry;
  readonly #table: KeyedTable;
  readonly #current: CurrentKey;
  readonly #ttl: StateTtl;

  constructor(tables: { values: KeyedTable; spans: KeyedTable }, current: CurrentKey, ttl: StateTtl) {
    this.#table = tables.values;
    this.#current = current;
    this.#ttl = ttl;
    tables.values.expires = { column: STAMP, ttl };
    this.expiry = new Expiry(tables.spans, ttl, (key, hash, _budget, visit) => {
      const row = this.#table.find(key, hash, 0);
      if (row < 0) return true;
      const stampMs = (this.#table.columns[STAMP] as Float64Array)[row] as number;
      if (isExpired(ttl, stampMs)) {
        this.#table.remove(key, hash, 0);
        visit.removedCount = 1;
      } else visit.oldestMs = stampMs;
      return true;
    });
  }

  value(): unknown {
    const { key, hash } = this.#current;
    const row = this.#table.find(key, hash, 0);
    if (row < 0) return undefined;
    const stamps = this.#table.columns[STAMP] as Float64Array;
    const hasExpired = isExpired(this.#ttl, stamps[row] as number);
    if (hasExpired && !this.#ttl.returnsExpired) {
      this.#table.remove(key, hash, 0);
      this.expiry.expiredCount++;
      return undefined;
    }
    if (this.#ttl.updatesOnRead && !hasExpired) {
      stamps[row] = stampOf(this.#ttl);
      this.#table.markDirty(row);
    }
    return exposeValue((this.#table.columns[VALUE] as unknown[])[row]);
  }

  update(value: unknown): void {
    if (value === undefined) {
      this.clear();
      return;
    }
    const table = this.#table;
    const { key, hash } = this.#current;
    const cell = ownValue(value);
    if (typeof cell !== 'number' && table.columns[VALUE] instanceof Float64Array)
      table.rows.widenColumn(VALUE);
    const stampMs = stampOf(this.#ttl);
    const row = table.upsert(key, hash, 0);
    (table.columns[VALUE] as unknown[])[row] = cell;
    (table.columns[STAMP] as Float64Array)[row] = stampMs;
    table.markDirty(row);
    if (table.wasAbsent) this.expiry.register(key, hash, stampMs);
  }

  clear(): void {
    this.#table.remove(this.#current.key, this.#current.hash, 0);
  }
}
