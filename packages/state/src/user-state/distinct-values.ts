// [HOT] Values of a key that were seen, each with bits that say by whom. The first of a key lie in its head row; when they are
// many all lie in buckets by their hashes, of which one more is split as the values grow (linear hashing: Litwin, VLDB 1980).
// So a snapshot writes the buckets that got something new, and state that is many small sets has few rows.
import { hashKey, hashNumber } from '@millrace/common';
import { ValueBucket } from '../cell/value-bucket.ts';
import type { DistinctValuesHandle, Key } from '../keyed-state-backend.ts';
import { ownKey } from '../table/own-key.ts';
import type { KeyedTable } from '../table/keyed-table.ts';
import type { PairTable } from '../table/pair-table.ts';
import type { StampClock } from '../table/stamp-clock.ts';

/** Values of a key that are one bucket. */
const FIRST_BUCKET_VALUES = 64;
/** Values of a bucket when they are more, on average; while its turn to be split has not come it may have twice as many. */
const BUCKET_VALUES = 32;

/** Columns of a head row. */
const BUCKET = 0;
const COUNT = 1;

/** Distinct values over two tables. */
export class DistinctValues implements DistinctValuesHandle {
  /** Columns: bucket 0, number of values. A key has a row if, and only if, it has values. */
  readonly #heads: KeyedTable;
  /** Buckets from 1 on. */
  readonly #buckets: PairTable;
  readonly #clock: StampClock;
  #key: Key = undefined;
  #keyHash = 0;
  #head = -1;

  constructor(tables: { readonly heads: KeyedTable; readonly buckets: PairTable }, clock: StampClock) {
    this.#heads = tables.heads;
    this.#buckets = tables.buckets;
    this.#clock = clock;
  }

  select(ownedKey: Key, keyHash: number): void {
    this.#key = ownedKey;
    this.#keyHash = keyHash;
    this.#head = this.#heads.find(ownedKey, keyHash, 0);
    if (this.#head >= 0) this.#key = this.#heads.keyOf(this.#head);
  }

  add(value: Key, bits: number): number {
    const isInt = typeof value === 'number' && value === (value | 0);
    const head = this.#head < 0 ? this.#open() : this.#head;
    const count = (this.#heads.columns[COUNT] as Float64Array)[head] as number;
    const bucketCount = bucketsFor(count);
    // A key with few integers needs no hash of them.
    const hash = !isInt ? hashKey(value) : bucketCount === 1 ? 0 : hashNumber(value);
    const index = bucketOf(hash, bucketCount);
    const row = index === 0 ? head : this.#buckets.find(this.#key, this.#keyHash, index);
    const bucket = this.#cells(index)[row] as ValueBucket;
    const place = isInt ? bucket.placeOfInt(value | 0) : bucket.placeOf(value, hash);
    const before = place < 0 ? 0 : bucket.bitsAt(place);
    const added = bits & ~before;
    if (added === 0) return 0;
    const own = this.#own(index, row, bucket);
    if (place >= 0) own.setBits(place, before | bits);
    else {
      if (isInt) own.pushInt(value | 0, bits);
      else own.push(ownKey(value), hash, bits);
      this.#count(head, count + 1);
    }
    return added;
  }

  #cells(index: number): unknown[] {
    return (index === 0 ? this.#heads : this.#buckets).columns[BUCKET] as unknown[];
  }

  /** Makes the head of a key that has none. */
  #open(): number {
    const heads = this.#heads;
    const head = heads.upsert(this.#key, this.#keyHash, 0, true);
    (heads.columns[BUCKET] as unknown[])[head] = new ValueBucket(this.#clock.current);
    heads.markDirty(head);
    this.#head = head;
    return head;
  }

  /** The bucket of a row to change, copied when a snapshot refers to it; the row counts as changed. */
  #own(index: number, row: number, bucket: ValueBucket): ValueBucket {
    (index === 0 ? this.#heads : this.#buckets).markDirty(row);
    if (bucket.stamp > this.#clock.lastFrozen) return bucket;
    const own = bucket.copy(this.#clock.current);
    this.#cells(index)[row] = own;
    return own;
  }

  #count(head: number, count: number): void {
    const heads = this.#heads;
    (heads.columns[COUNT] as Float64Array)[head] = count;
    heads.markDirty(head);
    const wanted = bucketsFor(count);
    for (let index = bucketsFor(count - 1); index < wanted; index++) this.#split(head, index);
  }

  /** Makes the bucket `index`, the next one, of what belongs there now. */
  #split(head: number, index: number): void {
    const from = index - (1 << (31 - Math.clz32(index)));
    const row = from === 0 ? head : this.#buckets.find(this.#key, this.#keyHash, from);
    const whole = this.#cells(from)[row] as ValueBucket;
    const kept = new ValueBucket(this.#clock.current);
    const moved = new ValueBucket(this.#clock.current);
    for (let place = 0; place < whole.count; place++) {
      const hash = whole.hashAt(place);
      const part = bucketOf(hash, index + 1) === index ? moved : kept;
      if (whole.values === undefined) part.pushInt(whole.ints[place] as number, whole.bitsAt(place));
      else part.push(whole.values[place], hash, whole.bitsAt(place));
    }
    this.#cells(from)[row] = kept;
    (from === 0 ? this.#heads : this.#buckets).markDirty(row);
    const movedRow = this.#buckets.upsert(this.#key, this.#keyHash, index, true);
    this.#cells(index)[movedRow] = moved;
    this.#buckets.markDirty(movedRow);
  }
}

/** Buckets of so many values, at least 1. Never less for more of them. */
function bucketsFor(count: number): number {
  return count <= FIRST_BUCKET_VALUES ? 1 : Math.ceil(count / BUCKET_VALUES);
}

/** Bucket of a hash where there are `count`: those from the last power of two on have been split off so far. */
function bucketOf(hash: number, count: number): number {
  const mask = (1 << (32 - Math.clz32(count - 1))) - 1;
  const index = hash & mask;
  return index < count ? index : index & (mask >>> 1);
}
