// [HOT] Records that a join keeps for some time, by bucket of time and key, so that a bucket that is over goes at once.
import type { ColumnKind, RowCursor, RowTable } from '@millrace/state';
import { cutLoose } from '../aggregate/cut-loose.ts';

/** Columns of one side: how many records there are; times and records of the first two; the further ones. */
const COUNT = 0;
const TIME = 1;
const RECORD = 3;
const REST = 5;
/** 1: the first, or the second, has met another one. */
const IS_MATCHED = 6;
/** Records in the row itself: mostly there are no more. */
const IN_ROW = 2;

const COLUMNS: readonly ColumnKind[] = ['f64', 'f64', 'f64', 'value', 'value', 'value'];
const MATCH_COLUMNS: readonly ColumnKind[] = ['f64', 'f64'];

/** The columns that one side needs. */
export function timedColumns(tracksMatches: boolean): readonly ColumnKind[] {
  return tracksMatches ? [...COLUMNS, ...MATCH_COLUMNS] : COLUMNS;
}

/** A record with its key and the time that it counts as come. */
export interface TimedRecord {
  readonly key: unknown;
  readonly keyHash: number;
  readonly record: unknown;
  readonly timeMs: number;
}

/** What a key has in a bucket besides the records in its row. */
interface Rest {
  readonly times: number[];
  readonly records: unknown[];
  /** Empty where nobody asks. */
  readonly matched: boolean[];
}

/**
 * Records with their times, in columns of a table whose namespaces are the buckets. Two sides may share a table.
 * Contract: which bucket a time is in is the owner's business. Records of a row are numbered from 0 in the order in which they came.
 */
export class TimedRecords {
  readonly table: RowTable;
  readonly #tracksMatches: boolean;
  readonly #count: number;
  readonly #time: number;
  readonly #record: number;
  readonly #rest: number;
  readonly #isMatched: number;
  /** Columns of further records, of all sides in the table. */
  readonly #rests: readonly number[];

  /** `from`: the first of the side's columns; `otherFrom`: of the other side's, where it shares the table. */
  constructor(
    table: RowTable,
    of: { readonly from: number; readonly otherFrom?: number; readonly tracksMatches: boolean },
  ) {
    this.table = table;
    this.#rests = of.otherFrom === undefined ? [of.from + REST] : [of.from + REST, of.otherFrom + REST];
    this.#tracksMatches = of.tracksMatches;
    this.#count = of.from + COUNT;
    this.#time = of.from + TIME;
    this.#record = of.from + RECORD;
    this.#rest = of.from + REST;
    this.#isMatched = of.from + IS_MATCHED;
  }

  add(bucket: number, { key, keyHash, record, timeMs }: TimedRecord, isMatched: boolean): void {
    const { table } = this;
    const kept = cutLoose(record);
    const row = table.upsert(key, keyHash, bucket);
    const { columns } = table;
    const counts = columns[this.#count] as Float64Array;
    const index = counts[row] as number;
    this.#touch(row);
    counts[row] = index + 1;
    if (index < IN_ROW) {
      (columns[this.#time + index] as Float64Array)[row] = timeMs;
      (columns[this.#record + index] as unknown[])[row] = kept;
      if (isMatched && this.#tracksMatches) (columns[this.#isMatched + index] as Float64Array)[row] = 1;
    } else if (index === IN_ROW) {
      // As literals: the array of a first push has room for many.
      const rest: Rest = {
        times: [timeMs],
        records: [kept],
        matched: this.#tracksMatches ? [isMatched] : [],
      };
      (columns[this.#rest] as unknown[])[row] = rest;
    } else {
      const rest = this.#restOf(row);
      rest.times.push(timeMs);
      rest.records.push(kept);
      if (this.#tracksMatches) rest.matched.push(isMatched);
    }
  }

  /** Row of a key's records in a bucket, -1: none. Valid until the next `add` or `find`. */
  find(key: unknown, keyHash: number, bucket: number): number {
    return this.table.find(key, keyHash, bucket);
  }

  countOf(row: number): number {
    return (this.table.columns[this.#count] as Float64Array)[row] as number;
  }

  timeOf(row: number, index: number): number {
    if (index < IN_ROW) return (this.table.columns[this.#time + index] as Float64Array)[row] as number;
    return this.#restOf(row).times[index - IN_ROW] as number;
  }

  recordOf(row: number, index: number): unknown {
    if (index < IN_ROW) return (this.table.columns[this.#record + index] as unknown[])[row];
    return this.#restOf(row).records[index - IN_ROW];
  }

  isMatched(row: number, index: number): boolean {
    if (!this.#tracksMatches) return false;
    if (index < IN_ROW) return (this.table.columns[this.#isMatched + index] as Float64Array)[row] === 1;
    return this.#restOf(row).matched[index - IN_ROW] === true;
  }

  markMatched(row: number, index: number): void {
    if (!this.#tracksMatches || this.isMatched(row, index)) return;
    this.#touch(row);
    if (index < IN_ROW) (this.table.columns[this.#isMatched + index] as Float64Array)[row] = 1;
    else this.#restOf(row).matched[index - IN_ROW] = true;
  }

  keyOf(row: number): unknown {
    return this.table.keyOf(row);
  }

  keyHashOf(row: number): number {
    return this.table.keyHashOf(row);
  }

  /** Visits the rows of a bucket; survives `find` and `markMatched`. */
  openCursor(bucket: number): RowCursor {
    return this.table.openCursor(bucket);
  }

  remove(key: unknown, keyHash: number, bucket: number): void {
    this.table.remove(key, keyHash, bucket);
  }

  /** All buckets, the oldest first. Live. */
  buckets(): readonly number[] {
    return this.table.namespaces();
  }

  /** The oldest bucket, or Infinity. */
  oldestBucket(): number {
    return this.table.namespaces()[0] ?? Infinity;
  }

  drop(bucket: number): void {
    this.table.removeNamespace(bucket);
  }

  /** Drops the records of a row that are not after a time; the table is this side's alone. */
  dropUntil(
    bucket: number,
    of: { readonly key: unknown; readonly keyHash: number; readonly timeMs: number },
  ): void {
    const { key, keyHash } = of;
    const row = this.find(key, keyHash, bucket);
    if (row < 0) return;
    const left: TimedRecord[] = [];
    const count = this.countOf(row);
    for (let index = 0; index < count; index++) {
      const timeMs = this.timeOf(row, index);
      if (timeMs > of.timeMs) left.push({ key, keyHash, record: this.recordOf(row, index), timeMs });
    }
    if (left.length === count) return;
    this.remove(key, keyHash, bucket);
    for (const each of left) this.add(bucket, each, false);
  }

  #restOf(row: number): Rest {
    return (this.table.columns[this.#rest] as Rest[])[row] as Rest;
  }

  /** Before a change: the row counts as changed then, so that what a snapshot has of any side is copied first. */
  #touch(row: number): void {
    const { table } = this;
    if (!table.isOwn(row))
      for (let index = 0; index < this.#rests.length; index++) this.#copyRest(row, index);
    table.markDirty(row);
  }

  #copyRest(row: number, index: number): void {
    const cells = this.table.columns[this.#rests[index] as number] as (Rest | undefined)[];
    const kept = cells[row];
    if (kept === undefined) return;
    cells[row] = { times: [...kept.times], records: [...kept.records], matched: [...kept.matched] };
  }
}
