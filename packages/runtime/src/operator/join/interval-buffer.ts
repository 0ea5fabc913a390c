// [HOT] The records of one side of an interval join: by bucket of time and key, so that a record meets only buckets that its
// interval touches, and a bucket that is over goes at once.
import type { KeyedStateBackend, RowTable } from '@millrace/state';
import { cutLoose } from '../aggregate/cut-loose.ts';

const TIMES = 0;
const RECORDS = 1;
const MATCHED = 2;

/**
 * One side's records.
 * Contract: the arrays of a bucket are changed in place until the state is frozen, then copied first: call {@link freeze} when it
 * is. Bounds: a bucket is half as long as the interval, at least 1 ms, so that an interval touches four at most.
 */
export class IntervalBuffer {
  readonly bucketMs: number;
  readonly #table: RowTable;
  readonly #tracksMatches: boolean;
  /** Arrays of times that no snapshot refers to; with each go the other columns of its row. */
  #own = new WeakSet<readonly number[]>();

  constructor(
    backend: KeyedStateBackend,
    options: { readonly name: string; readonly widthMs: number; readonly tracksMatches: boolean },
  ) {
    this.bucketMs = Math.max(1, Math.ceil(options.widthMs / 2));
    this.#tracksMatches = options.tracksMatches;
    this.#table = backend.table({
      name: options.name,
      columns: options.tracksMatches ? ['value', 'value', 'value'] : ['value', 'value'],
      hasNamespaces: true,
    });
  }

  freeze(): void {
    this.#own = new WeakSet();
  }

  /** End of the bucket of a time, which is its name. */
  bucketOf(timestampMs: number): number {
    return Math.floor(timestampMs / this.bucketMs) * this.bucketMs + this.bucketMs;
  }

  add(key: unknown, keyHash: number, record: unknown, timestampMs: number, isMatched: boolean): void {
    const table = this.#table;
    const row = table.upsert(key, keyHash, this.bucketOf(timestampMs));
    this.#takeOwn(row);
    (this.#column(TIMES, row) as number[]).push(timestampMs);
    (this.#column(RECORDS, row) as unknown[]).push(cutLoose(record));
    if (this.#tracksMatches) (this.#column(MATCHED, row) as boolean[]).push(isMatched);
    table.markDirty(row);
  }

  /** Row of a key's records in a bucket, -1: none. Valid until the next call but `recordsOf` and `markMatched`. */
  find(key: unknown, keyHash: number, bucket: number): number {
    return this.#table.find(key, keyHash, bucket);
  }

  timesOf(row: number): readonly number[] {
    return this.#column(TIMES, row) as readonly number[];
  }

  recordsOf(row: number): readonly unknown[] {
    return this.#column(RECORDS, row) as readonly unknown[];
  }

  isMatched(row: number, index: number): boolean {
    return this.#tracksMatches && (this.#column(MATCHED, row) as readonly boolean[])[index] === true;
  }

  markMatched(row: number, index: number): void {
    if (!this.#tracksMatches || this.isMatched(row, index)) return;
    this.#takeOwn(row);
    (this.#column(MATCHED, row) as boolean[])[index] = true;
    this.#table.markDirty(row);
  }

  /** Name of the oldest bucket, or Infinity. */
  oldestBucket(): number {
    return this.#table.namespaces()[0] ?? Infinity;
  }

  drop(bucket: number): void {
    this.#table.removeNamespace(bucket);
  }

  #takeOwn(row: number): void {
    const times = this.#column(TIMES, row) as readonly number[] | undefined;
    if (times !== undefined && this.#own.has(times)) return;
    const copy = times === undefined ? [] : [...times];
    this.#own.add(copy);
    const { columns } = this.#table;
    for (let column = RECORDS; column < columns.length; column++) {
      const cells = columns[column] as unknown[][];
      cells[row] = [...(cells[row] ?? [])];
    }
    (columns[TIMES] as unknown[])[row] = copy;
  }

  #column(column: number, row: number): unknown {
    return (this.#table.columns[column] as unknown[])[row];
  }
}
