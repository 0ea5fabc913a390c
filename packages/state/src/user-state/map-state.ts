// Map state of one name: a row a map key, and a directory of map keys in chunks. An entry knows its place in the directory;
// removing one moves the last one into its place, so that nothing costs more with the map's length.
import { CHUNK_ENTRIES_MAX } from '../cell/chunk.ts';
import { exposeValue, ownValue } from '../cell/own-value.ts';
import type { Key, MapStateHandle } from '../keyed-state-backend.ts';
import { ownKey } from '../table/own-key.ts';
import type { KeyedTable } from '../table/keyed-table.ts';
import { Expiry, type ExpiryVisit } from '../ttl/expiry.ts';
import type { StateTtl } from '../ttl/state-ttl.ts';
import { TtlMapEntries } from '../ttl/ttl-map-entries.ts';
import type { PairTable } from '../table/pair-table.ts';
import type { StampClock } from '../table/stamp-clock.ts';
import { chunkForWriting, loadChunk, readChunk } from './chunk-access.ts';
import type { CurrentKey } from './current-key.ts';

const VALUE = 0;
const POSITION = 1;

/** Map state over three tables; with a TTL its entries have a time, and a fourth table says when to look at them. */
export class MapState implements MapStateHandle {
  readonly expiry: Expiry | undefined;
  readonly #times: TtlMapEntries | undefined;
  /** Where cleaning goes on in the map at hand: below this place; -1: at its end. */
  #cleanedTo = -1;
  /** Column 0: number of entries. */
  readonly #heads: KeyedTable;
  /** Columns: value, position in the directory. */
  readonly #entries: PairTable;
  readonly #directory: PairTable;
  readonly #current: CurrentKey;
  readonly #clock: StampClock;

  constructor(
    tables: { heads: KeyedTable; entries: PairTable; directory: PairTable },
    current: CurrentKey,
    clock: StampClock,
    expires?: { readonly ttl: StateTtl; readonly spans: KeyedTable },
  ) {
    this.#heads = tables.heads;
    this.#entries = tables.entries;
    this.#directory = tables.directory;
    this.#current = current;
    this.#clock = clock;
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
    const head = this.#heads.upsert(key, hash, 0);
    const counts = this.#heads.columns[0] as Float64Array;
    const position = counts[head] as number;
    counts[head] = position + 1;
    this.#heads.markDirty(head);
    (entries.columns[POSITION] as Float64Array)[row] = position;
    const chunkIndex = Math.floor(position / CHUNK_ENTRIES_MAX);
    chunkForWriting(this.#directory, { key, hash, chunkIndex }, this.#clock).push(ownKey(mapKey));
  }

  remove(mapKey: Key): void {
    this.#remove(this.#current.key, this.#current.hash, mapKey);
  }

  #remove(key: unknown, hash: number, mapKey: Key): void {
    const row = this.#entries.find(key, hash, mapKey);
    if (row < 0) return;
    const position = (this.#entries.columns[POSITION] as Float64Array)[row] as number;
    this.#entries.removeRow(row);
    const head = this.#heads.upsert(key, hash, 0);
    const counts = this.#heads.columns[0] as Float64Array;
    const last = (counts[head] as number) - 1;
    if (last === 0) {
      this.#heads.remove(key, hash, 0);
    } else {
      counts[head] = last;
      this.#heads.markDirty(head);
    }
    this.#removeFromDirectory(key, hash, position, last);
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
    return this.#heads.find(this.#current.key, this.#current.hash, 0) < 0;
  }

  /** Complexity: one step an entry. */
  clear(): void {
    const { key, hash } = this.#current;
    const count = this.#count(key, hash);
    for (let start = 0; start < count; start += CHUNK_ENTRIES_MAX) {
      const chunkIndex = start / CHUNK_ENTRIES_MAX;
      for (const mapKey of readChunk(this.#directory, key, hash, chunkIndex))
        this.#entries.remove(key, hash, mapKey);
      this.#directory.remove(key, hash, chunkIndex);
    }
    this.#heads.remove(key, hash, 0);
  }

  #removeFromDirectory(key: unknown, hash: number, position: number, last: number): void {
    const lastChunk = Math.floor(last / CHUNK_ENTRIES_MAX);
    const lastItems = chunkForWriting(this.#directory, { key, hash, chunkIndex: lastChunk }, this.#clock);
    const moved = lastItems.pop();
    if (lastItems.length === 0) this.#directory.remove(key, hash, lastChunk);
    if (position === last) return;
    const chunkIndex = Math.floor(position / CHUNK_ENTRIES_MAX);
    const items = chunkForWriting(this.#directory, { key, hash, chunkIndex }, this.#clock);
    items[position % CHUNK_ENTRIES_MAX] = moved;
    const row = this.#entries.upsert(key, hash, moved);
    (this.#entries.columns[POSITION] as Float64Array)[row] = position;
    this.#entries.markDirty(row);
  }

  #count(key: unknown, hash: number): number {
    const head = this.#heads.find(key, hash, 0);
    return head < 0 ? 0 : ((this.#heads.columns[0] as Float64Array)[head] as number);
  }

  /** Backwards, so that removing the entry at hand while iterating is safe. */
  *#iterate<T>(key: unknown, hash: number, show: (mapKey: Key, value: () => unknown) => T): Generator<T> {
    for (let position = this.#count(key, hash) - 1; position >= 0; position--) {
      const items = loadChunk(this.#directory, key, hash, Math.floor(position / CHUNK_ENTRIES_MAX));
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
    const count = this.#count(key, hash);
    let position = this.#cleanedTo < 0 ? count - 1 : Math.min(this.#cleanedTo, count) - 1;
    for (; position >= 0; position--) {
      if (visit.lookedCount++ > budget) {
        this.#cleanedTo = position + 1;
        return false;
      }
      const items = loadChunk(this.#directory, key, hash, Math.floor(position / CHUNK_ENTRIES_MAX));
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
