// List state whose items are over after a while, the oldest first: chunks of pairs (time, value), and a head row with where the
// list begins and ends. Times do not fall along a list, so that what is over is always its beginning.
import { CHUNK_ENTRIES_MAX } from '../cell/chunk.ts';
import { exposeValue, ownValue } from '../cell/own-value.ts';
import type { ListStateHandle } from '../keyed-state-backend.ts';
import type { KeyedTable } from '../table/keyed-table.ts';
import type { PairTable } from '../table/pair-table.ts';
import type { StampClock } from '../table/stamp-clock.ts';
import { chunkForWriting, readChunk } from '../user-state/chunk-access.ts';
import type { CurrentKey } from '../user-state/current-key.ts';
import { Expiry, type ExpiryVisit } from './expiry.ts';
import { isExpired, stampOf, type StateTtl } from './state-ttl.ts';

/** Items of a chunk. */
const CHUNK_ITEMS = CHUNK_ENTRIES_MAX / 2;
const END = 0;
const START = 1;

/** List state with a TTL, over three tables. */
export class TtlListState implements ListStateHandle {
  readonly expiry: Expiry;
  /** Columns: number of the item behind the last one, number of the first one. */
  readonly #heads: KeyedTable;
  readonly #chunks: PairTable;
  readonly #current: CurrentKey;
  readonly #clock: StampClock;
  readonly #ttl: StateTtl;

  constructor(
    tables: { heads: KeyedTable; chunks: PairTable; spans: KeyedTable },
    of: { readonly current: CurrentKey; readonly clock: StampClock },
    ttl: StateTtl,
  ) {
    this.#heads = tables.heads;
    this.#chunks = tables.chunks;
    this.#current = of.current;
    this.#clock = of.clock;
    this.#ttl = ttl;
    this.expiry = new Expiry(tables.spans, ttl, (key, hash, budget, visit) =>
      this.#removeExpired(key, hash, Math.max(budget, CHUNK_ITEMS), visit),
    );
  }

  get(): Iterable<unknown> {
    const { key, hash } = this.#current;
    if (this.#ttl.updatesOnRead) this.#refresh();
    return { [Symbol.iterator]: () => this.#iterate(key, hash) };
  }

  add(value: unknown): void {
    const cell = ownValue(value);
    const { key, hash } = this.#current;
    const stampMs = this.#stampBehind(key, hash);
    const head = this.#heads.upsert(key, hash, 0);
    if (this.#heads.wasAbsent) this.expiry.register(key, hash, stampMs);
    const ends = this.#heads.columns[END] as Float64Array;
    const end = ends[head] as number;
    ends[head] = end + 1;
    this.#heads.markDirty(head);
    const chunkIndex = Math.floor(end / CHUNK_ITEMS);
    chunkForWriting(this.#chunks, { key, hash, chunkIndex }, this.#clock).push(stampMs, cell);
  }

  addAll(values: Iterable<unknown>): void {
    for (const value of values) this.add(value);
  }

  update(values: Iterable<unknown>): void {
    const copied = [...values];
    this.clear();
    this.addAll(copied);
  }

  clear(): void {
    const { key, hash } = this.#current;
    const { start, end } = this.#bounds(key, hash);
    for (let chunk = Math.floor(start / CHUNK_ITEMS); chunk * CHUNK_ITEMS < end; chunk++)
      this.#chunks.remove(key, hash, chunk);
    this.#heads.remove(key, hash, 0);
  }

  /** The time of all that is there begins anew. */
  #refresh(): void {
    const { key, hash } = this.#current;
    const values = [...this.#iterate(key, hash)];
    if (values.length > 0) this.update(values);
  }

  /** Event time may go back from record to record: an item is kept as long as the one before it. */
  #stampBehind(key: unknown, hash: number): number {
    const stampMs = stampOf(this.#ttl);
    const { start, end } = this.#bounds(key, hash);
    return end > start ? Math.max(stampMs, this.#stampAt(key, hash, end - 1)) : stampMs;
  }

  #stampAt(key: unknown, hash: number, number: number): number {
    const items = readChunk(this.#chunks, key, hash, Math.floor(number / CHUNK_ITEMS));
    return items[(number % CHUNK_ITEMS) * 2] as number;
  }

  #bounds(key: unknown, hash: number): { readonly start: number; readonly end: number } {
    const head = this.#heads.find(key, hash, 0);
    if (head < 0) return { start: 0, end: 0 };
    const [ends, starts] = this.#heads.columns as readonly Float64Array[];
    return { start: starts?.[head] ?? 0, end: ends?.[head] ?? 0 };
  }

  *#iterate(key: unknown, hash: number): Generator<unknown> {
    const { start, end } = this.#bounds(key, hash);
    let items: readonly unknown[] = [];
    let chunk = -1;
    for (let number = start; number < end; number++) {
      const wanted = Math.floor(number / CHUNK_ITEMS);
      if (wanted !== chunk) {
        items = readChunk(this.#chunks, key, hash, wanted);
        chunk = wanted;
      }
      const place = (number % CHUNK_ITEMS) * 2;
      if (place >= items.length) continue;
      if (!this.#ttl.returnsExpired && isExpired(this.#ttl, items[place] as number)) continue;
      yield exposeValue(items[place + 1]);
    }
  }

  /** Chunks go when all of their items are over; the items before the first that is not are no longer in the list. */
  #removeExpired(key: unknown, hash: number, budget: number, visit: ExpiryVisit): boolean {
    const { start, end } = this.#bounds(key, hash);
    let first = start;
    while (first < end && first - start < budget && isExpired(this.#ttl, this.#stampAt(key, hash, first)))
      first++;
    visit.removedCount = first - start;
    visit.lookedCount = visit.removedCount;
    if (first === end) {
      for (let chunk = Math.floor(start / CHUNK_ITEMS); chunk * CHUNK_ITEMS < end; chunk++)
        this.#chunks.remove(key, hash, chunk);
      this.#heads.remove(key, hash, 0);
      return true;
    }
    if (first > start) {
      const firstChunk = Math.floor(first / CHUNK_ITEMS);
      for (let chunk = Math.floor(start / CHUNK_ITEMS); chunk < firstChunk; chunk++)
        this.#chunks.remove(key, hash, chunk);
      const head = this.#heads.upsert(key, hash, 0);
      (this.#heads.columns[START] as Float64Array)[head] = first;
      this.#heads.markDirty(head);
    }
    visit.oldestMs = this.#stampAt(key, hash, first);
    return !isExpired(this.#ttl, visit.oldestMs);
  }
}
