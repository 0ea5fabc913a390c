// The times of a map's entries, where the map has a TTL: a column beside value and place.
import type { PairTable } from '../table/pair-table.ts';
import { isExpired, stampOf, type StateTtl } from './state-ttl.ts';

const STAMP = 2;

/** What a map state asks of its entries' times. */
export class TtlMapEntries {
  readonly ttl: StateTtl;
  readonly #entries: PairTable;

  constructor(entries: PairTable, ttl: StateTtl) {
    this.#entries = entries;
    this.ttl = ttl;
  }

  stampOf(row: number): number {
    return (this.#entries.columns[STAMP] as Float64Array)[row] as number;
  }

  isOver(row: number): boolean {
    return isExpired(this.ttl, this.stampOf(row));
  }

  /** Notes a write; returns its time. */
  written(row: number): number {
    const stampMs = stampOf(this.ttl);
    (this.#entries.columns[STAMP] as Float64Array)[row] = stampMs;
    return stampMs;
  }

  /** Notes a read of an entry that is not over. */
  read(row: number): void {
    if (!this.ttl.updatesOnRead) return;
    this.written(row);
    this.#entries.markDirty(row);
  }

  /** Of an entry that may not be in memory, without bringing it there. */
  peekIsOver(key: unknown, hash: number, mapKey: unknown): boolean {
    return isExpired(this.ttl, this.#entries.peek(key, hash, mapKey, STAMP) as number);
  }
}
