// List state of one name: a head row with the length, and chunks, so that appending and iterating touch one chunk at a time.
import { CHUNK_ENTRIES_MAX } from '../cell/chunk.ts';
import { exposeValue, ownValue } from '../cell/own-value.ts';
import type { ListStateHandle } from '../keyed-state-backend.ts';
import type { KeyedTable } from '../table/keyed-table.ts';
import type { PairTable } from '../table/pair-table.ts';
import type { StampClock } from '../table/stamp-clock.ts';
import { chunkForWriting, readChunk } from './chunk-access.ts';
import type { CurrentKey } from './current-key.ts';

/** List state over two tables. */
export class ListState implements ListStateHandle {
  /** Column 0: length. */
  readonly #heads: KeyedTable;
  readonly #chunks: PairTable;
  readonly #current: CurrentKey;
  readonly #clock: StampClock;

  constructor(tables: { heads: KeyedTable; chunks: PairTable }, current: CurrentKey, clock: StampClock) {
    this.#heads = tables.heads;
    this.#chunks = tables.chunks;
    this.#current = current;
    this.#clock = clock;
  }

  get(): Iterable<unknown> {
    const { key, hash } = this.#current;
    return { [Symbol.iterator]: () => this.#iterate(key, hash) };
  }

  add(value: unknown): void {
    const cell = ownValue(value);
    const { key, hash } = this.#current;
    const head = this.#heads.upsert(key, hash, 0);
    const lengths = this.#heads.columns[0] as Float64Array;
    const length = lengths[head] as number;
    lengths[head] = length + 1;
    this.#heads.markDirty(head);
    const chunkIndex = Math.floor(length / CHUNK_ENTRIES_MAX);
    chunkForWriting(this.#chunks, { key, hash, chunkIndex }, this.#clock).push(cell);
  }

  addAll(values: Iterable<unknown>): void {
    for (const value of values) this.add(value);
  }

  /** `values` may be what `get` returned. */
  update(values: Iterable<unknown>): void {
    const copied = [...values];
    this.clear();
    this.addAll(copied);
  }

  clear(): void {
    const { key, hash } = this.#current;
    const chunkCount = Math.ceil(this.#length(key, hash) / CHUNK_ENTRIES_MAX);
    for (let chunkIndex = 0; chunkIndex < chunkCount; chunkIndex++)
      this.#chunks.remove(key, hash, chunkIndex);
    this.#heads.remove(key, hash, 0);
  }

  #length(key: unknown, hash: number): number {
    const head = this.#heads.find(key, hash, 0);
    return head < 0 ? 0 : ((this.#heads.columns[0] as Float64Array)[head] as number);
  }

  *#iterate(key: unknown, hash: number): Generator<unknown> {
    const length = this.#length(key, hash);
    for (let start = 0; start < length; start += CHUNK_ENTRIES_MAX) {
      const items = readChunk(this.#chunks, key, hash, start / CHUNK_ENTRIES_MAX);
      const count = Math.min(items.length, length - start);
      for (let index = 0; index < count; index++) yield exposeValue(items[index]);
    }
  }
}
