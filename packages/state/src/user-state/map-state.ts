// Map state of one name: a row a map key, and a directory of map keys in chunks. An entry knows its place in the directory;
// removing one moves the last one into its place, so that nothing costs more with the map's length.
import { CHUNK_ENTRIES_MAX } from '../cell/chunk.ts';
import { exposeValue, ownValue } from '../cell/own-value.ts';
import type { Key, MapStateHandle } from '../keyed-state-backend.ts';
import { ownKey } from '../table/own-key.ts';
import type { KeyedTable } from '../table/keyed-table.ts';
import type { PairTable } from '../table/pair-table.ts';
import type { StampClock } from '../table/stamp-clock.ts';
import { chunkForWriting, loadChunk, readChunk } from './chunk-access.ts';
import type { CurrentKey } from './current-key.ts';

const VALUE = 0;
const POSITION = 1;

/** Map state over three tables. */
export class MapState implements MapStateHandle {
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
  ) {
    this.#heads = tables.heads;
    this.#entries = tables.entries;
    this.#directory = tables.directory;
    this.#current = current;
    this.#clock = clock;
  }

  get(mapKey: Key): unknown {
    const row = this.#entries.find(this.#current.key, this.#current.hash, mapKey);
    return row < 0 ? undefined : exposeValue((this.#entries.columns[VALUE] as unknown[])[row]);
  }

  has(mapKey: Key): boolean {
    return this.#entries.find(this.#current.key, this.#current.hash, mapKey) >= 0;
  }

  put(mapKey: Key, value: unknown): void {
    const { key, hash } = this.#current;
    const entries = this.#entries;
    const cell = ownValue(value);
    const row = entries.upsert(key, hash, mapKey);
    (entries.columns[VALUE] as unknown[])[row] = cell;
    entries.markDirty(row);
    if (!entries.wasAbsent) return;
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
    const { key, hash } = this.#current;
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
      yield show(mapKey, () => exposeValue(this.#entries.peek(key, hash, mapKey, VALUE)));
    }
  }
}
