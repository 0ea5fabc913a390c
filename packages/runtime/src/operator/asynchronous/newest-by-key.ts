// [HOT] The newest record in flight of each key, by hash: keys that share one keep their order too.
import type { InFlightEntry } from './in-flight-entry.ts';

const BUCKETS_MAX = 65_536;
const BUCKETS_MIN = 64;

/**
 * Buckets of chains through the entries themselves: no key is kept that is not in flight, and nothing is allocated a record.
 * Bounds: one place an entry. (bench: test/bench/state-kinds.bench.ts)
 */
export class NewestByKey<C> {
  readonly #heads: (InFlightEntry<C> | undefined)[];

  /** `entriesMax`: about so many are in flight. */
  constructor(entriesMax: number) {
    let buckets = BUCKETS_MIN;
    while (buckets < entriesMax && buckets < BUCKETS_MAX) buckets *= 2;
    this.#heads = Array.from({ length: buckets }, () => undefined);
  }

  /** Makes `entry` the newest of its key; returns the one that was. */
  replace(entry: InFlightEntry<C>): InFlightEntry<C> | undefined {
    const bucket = this.#bucketOf(entry);
    const before = this.#unlink(bucket, entry.keyHash);
    entry.chained = this.#heads[bucket];
    this.#heads[bucket] = entry;
    return before;
  }

  /** The newest of its key is in flight no more. */
  remove(entry: InFlightEntry<C>): void {
    this.#unlink(this.#bucketOf(entry), entry.keyHash);
  }

  #unlink(bucket: number, hash: number): InFlightEntry<C> | undefined {
    let previous: InFlightEntry<C> | undefined;
    for (let entry = this.#heads[bucket]; entry !== undefined; entry = entry.chained) {
      if (entry.keyHash !== hash) {
        previous = entry;
        continue;
      }
      if (previous === undefined) this.#heads[bucket] = entry.chained;
      else previous.chained = entry.chained;
      entry.chained = undefined;
      return entry;
    }
    return undefined;
  }

  #bucketOf({ keyHash }: InFlightEntry<C>): number {
    return (keyHash ^ (keyHash >>> 16)) & (this.#heads.length - 1);
  }
}
