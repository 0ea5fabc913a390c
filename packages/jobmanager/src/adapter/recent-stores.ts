// Stores of jobs by their ids: made when they are asked for, and only so many of them kept.

/** Those of jobs that run are used all the time; one that was let go is made again, and finds its directory as it is. */
const STORES_MAX = 256;

/** Keeps the stores that were asked for last. Several of one job may be in use at a time. */
export class RecentStores<Store> {
  readonly #make: (jobId: string) => Store;
  readonly #storesMax: number;
  /** The one that was asked for last is the last. */
  readonly #stores = new Map<string, Store>();

  constructor(make: (jobId: string) => Store, storesMax = STORES_MAX) {
    this.#make = make;
    this.#storesMax = storesMax;
  }

  get size(): number {
    return this.#stores.size;
  }

  of(jobId: string): Store {
    const store = this.#stores.get(jobId) ?? this.#make(jobId);
    this.#stores.delete(jobId);
    this.#stores.set(jobId, store);
    for (const oldest of this.#stores.keys()) {
      if (this.#stores.size <= this.#storesMax) break;
      this.#stores.delete(oldest);
    }
    return store;
  }
}
