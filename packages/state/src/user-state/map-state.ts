// Map state of one name: a row a map key, and a directory of map keys. An entry knows its place in the directory;
// removing one moves the last one into its place, so that nothing costs more with the map's length.
import { CHUNK_ENTRIES_MAX } from '../cell/chunk.ts';
import { exposeValue, ownValue } from '../cell/own-value.ts';
import type { Key, MapStateHandle } from '../keyed-state-backend.ts';
import { ownKey } from '../table/own-key.ts';
import type { KeyedTable } from '../table/keyed-table.ts';
import type { PairTable } from '../table/pair-table.ts';
import { Expiry, type ExpiryVisit } from '../ttl/expiry.ts';
import type { StateTtl } from '../ttl/state-ttl.ts';
import { TtlMapEntries } from '../ttl/ttl-map-entries.ts';
import type { ChunkedItems } from './chunked-items.ts';
import type { CurrentKey } from './current-key.ts';

const VALUE = 0;
const POSITION = 1;

/** Map state over three tables; with a TTL its entries have a time, and a fourth table says when to look at them. */
export class MapState implements MapStateHandle {
  readonly expiry: Expiry | undefined;
  readonly #times: TtlMapEntries | undefined;
  /** Where cleaning goes on in the map at hand: below this place; -1: at its end. */
  #cleanedTo = -1;
  /** Columns: value, position in the directory. */
  readonly #entries: PairTable;
  readonly #directory: ChunkedItems;
  readonly #current: CurrentKey;

  constructor(
    tables: { readonly entries: PairTable; readonly directory: ChunkedItems },
    current: CurrentKey,
    expires?: { readonly ttl: StateTtl; readonly spans: KeyedTable },
  ) {
    this.#entries = tables.entries;
    this.#directory = tables.directory;
    this.#current = current;
    this.#times = expires === undefined ? undefined : new TtlMapEntries(tables.entries, expires.ttl);
    this.expiry =
      expires === undefined
        ? undefined
        : new Expiry(expires.spans, expires.ttl, (key, hash, budget, visit) =>
            this.#removeExpired(key, hash, budget, visit),
          );
  }

  get(mapKey: Key): unknown {
    const row = this.#find(mapKey);
    return row < 0 ? undefined : exposeValue((this.#entries.columns[VALUE] as unknown[])[row]);
  }

  has(mapKey: Key): boolean {
    return this.#find(mapKey) >= 0;
  }

  /** Row of an entry that is to be seen, or -1. */
  #find(mapKey: Key): number {
    const row = this.#entries.find(this.#current.key, this.#current.hash, mapKey);
    const times = this.#times;
    if (row < 0 || times === undefined) return row;
    if (!times.isOver(row)) {
      times.read(row);
      return row;
    }
    if (times.ttl.returnsExpired) return row;
    this.remove(mapKey);
    if (this.expiry !== undefined) this.expiry.expiredCount++;
    return -1;
  }

  put(mapKey: Key, value: unknown): void {
    const { key, hash } = this.#current;
    const entries = this.#entries;
    const cell = ownValue(value);
    const row = entries.upsert(key, hash, mapKey);
    (entries.columns[VALUE] as unknown[])[row] = cell;
    entries.markDirty(row);
    const { wasAbsent } = entries;
    const stampMs = this.#times?.written(row) ?? NaN;
    if (!wasAbsent) return;
    this.expiry?.register(key, hash, stampMs);
    // The row is still there: adding to the directory touches other tables.
    (entries.columns[POSITION] as Float64Array)[row] = this.#directory.push(key, hash, ownKey(mapKey));
  }

  remove(mapKey: Key): void {
    this.#remove(this.#current.key, this.#current.hash, mapKey);
  }

  #remove(key: unknown, hash: number, mapKey: Key): void {
    const row = this.#entries.find(key, hash, mapKey);
    if (row < 0) return;
    const position = (this.#entries.columns[POSITION] as Float64Array)[row] as number;
    this.#entries.removeRow(row);
    const moved = this.#directory.pop(key, hash);
    if (position === this.#directory.count(key, hash)) return;
    this.#directory.replace(key, hash, position, moved);
    const movedRow = this.#entries.upsert(key, hash, moved);
    (this.#entries.columns[POSITION] as Float64Array)[movedRow] = position;
    this.#entries.markDirty(movedRow);
  }

  entries(): Iterable<[Key, unknown]> {
    const { key, hash } = this.#current;
    return { [Symbol.iterator]: () => this.#iterate(key, hash, (mapKey, value) => [mapKey, value()]) };
  }

  keys(): Iterable<Key> {
    const { key, hash } = this.#current;
    return { [Symbol.iterator]: () => this.#iterate(key, hash, (mapKey) => mapKey) };
  }

  values(): Iterable<unknown> {
    const { key, hash } = this.#current;
    return { [Symbol.iterator]: () => this.#iterate(key, hash, (_, value) => value()) };
  }

  isEmpty(): boolean {
    if (this.#times !== undefined) return this.keys()[Symbol.iterator]().next().done === true;
    return this.#directory.count(this.#current.key, this.#current.hash) === 0;
  }

  /** Complexity: one step an entry. */
  clear(): void {
    const { key, hash } = this.#current;
    const count = this.#directory.count(key, hash);
    for (let start = 0; start < count; start += CHUNK_ENTRIES_MAX) {
      for (const mapKey of this.#directory.chunk(key, hash, start / CHUNK_ENTRIES_MAX, false))
        this.#entries.remove(key, hash, mapKey);
    }
    this.#directory.clear(key, hash);
  }

  /** Backwards, so that removing the entry at hand while iterating is safe. */
  *#iterate<T>(key: unknown, hash: number, show: (mapKey: Key, value: () => unknown) => T): Generator<T> {
    for (let position = this.#directory.count(key, hash) - 1; position >= 0; position--) {
      const items = this.#directory.chunk(key, hash, Math.floor(position / CHUNK_ENTRIES_MAX), true);
      const offset = position % CHUNK_ENTRIES_MAX;
      if (offset >= items.length) continue;
      const mapKey = items[offset];
      if (this.#isHidden(key, hash, mapKey)) continue;
      yield show(mapKey, () => exposeValue(this.#entries.peek(key, hash, mapKey, VALUE)));
    }
  }

  #isHidden(key: unknown, hash: number, mapKey: Key): boolean {
    const times = this.#times;
    if (times === undefined || times.ttl.returnsExpired) return false;
    if (times.ttl.updatesOnRead) {
      const row = this.#entries.find(key, hash, mapKey);
      if (row >= 0 && !times.isOver(row)) times.read(row);
    }
    return times.peekIsOver(key, hash, mapKey);
  }

  /** From the last place to the first: what moves into a place that became free was looked at already. */
  #removeExpired(key: unknown, hash: number, budget: number, visit: ExpiryVisit): boolean {
    const times = this.#times as TtlMapEntries;
    const count = this.#directory.count(key, hash);
    let position = this.#cleanedTo < 0 ? count - 1 : Math.min(this.#cleanedTo, count) - 1;
    for (; position >= 0; position--) {
      if (visit.lookedCount++ > budget) {
        this.#cleanedTo = position + 1;
        return false;
      }
      const items = this.#directory.chunk(key, hash, Math.floor(position / CHUNK_ENTRIES_MAX), true);
      const mapKey = items[position % CHUNK_ENTRIES_MAX];
      const row = this.#entries.find(key, hash, mapKey);
      if (row < 0) continue;
      const stampMs = times.stampOf(row);
      if (times.isOver(row)) {
        this.#remove(key, hash, mapKey);
        visit.removedCount++;
      } else if (!(stampMs >= visit.oldestMs)) visit.oldestMs = stampMs;
    }
    this.#cleanedTo = -1;
    return true;
  }
}
