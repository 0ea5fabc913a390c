// Counts by key on the state backend, as the generated code of a running aggregate does.
import { DEFAULT_KEY_GROUP_COUNT, hashNumber, keyGroupRange, silentLogger } from '@millrace/common';
import { openKeyedStateBackend, PREFETCH_ROWS, type KeyedStateBackend } from '@millrace/state';
import { openLevelDbStore } from '@millrace/state/leveldb';

const BATCH_ROWS = 1024;

export interface BackendCountOptions {
  readonly directory: string;
  /** Keys 0 to keyCount − 1 are there from the start, with a count of 1. */
  readonly keyCount: number;
  readonly cacheEntriesMax: number;
  readonly spillLogBytesMax?: number;
  /** Rows of the next records are looked up together, as in a loop over a keyed batch. Default false. */
  readonly looksAhead?: boolean;
}

/** Threading: one call at a time. */
export class BackendCount {
  readonly #backend: KeyedStateBackend;
  readonly #table;
  readonly #looksAhead: boolean;
  readonly #hashes = new Int32Array(PREFETCH_ROWS);

  private constructor(backend: KeyedStateBackend, looksAhead: boolean) {
    this.#backend = backend;
    this.#table = backend.table({ name: 'count', columns: ['f64'], hasNamespaces: false });
    this.#looksAhead = looksAhead;
  }

  static async open(options: BackendCountOptions): Promise<BackendCount> {
    const { directory, keyCount, cacheEntriesMax, spillLogBytesMax } = options;
    const backend = await openKeyedStateBackend({
      keyGroupCount: DEFAULT_KEY_GROUP_COUNT,
      keyGroupRange: keyGroupRange({
        keyGroupCount: DEFAULT_KEY_GROUP_COUNT,
        parallelism: 1,
        subtaskIndex: 0,
      }),
      cacheEntriesMax,
      spillLogBytesMax,
      openStore: () => openLevelDbStore({ directory }),
      codegenId: `bench state ${keyCount} ${cacheEntriesMax}`,
      log: silentLogger,
    });
    const opened = new BackendCount(backend, options.looksAhead ?? false);
    const keys = new Int32Array(BATCH_ROWS);
    for (let next = 0; next < keyCount; next += BATCH_ROWS) {
      for (let index = 0; index < BATCH_ROWS; index++) keys[index] = next + index;
      await opened.count(keys.subarray(0, Math.min(BATCH_ROWS, keyCount - next)));
    }
    return opened;
  }

  /** Counts each key; resolves to the sum of the new counts. */
  async count(keys: Int32Array): Promise<number> {
    let sum = 0;
    for (let from = 0; from < keys.length; from += BATCH_ROWS) {
      sum += this.#countBatch(keys, from, Math.min(keys.length, from + BATCH_ROWS));
      const relief = this.#backend.relieve();
      if (this.#backend.isWriteBehindFull) await relief;
    }
    return sum;
  }

  #countBatch(keys: Int32Array, from: number, to: number): number {
    const table = this.#table;
    const hashes = this.#hashes;
    let sum = 0;
    for (let first = from; first < to; first += PREFETCH_ROWS) {
      const rows = Math.min(PREFETCH_ROWS, to - first);
      for (let index = 0; index < rows; index++) hashes[index] = hashNumber(keys[first + index] as number);
      if (this.#looksAhead) this.#backend.prefetch(hashes, 0, rows);
      for (let index = 0; index < rows; index++) {
        const row = table.upsert(keys[first + index] as number, hashes[index] as number, 0);
        const counts = table.columns[0] as Float64Array;
        const count = (counts[row] ?? 0) + 1;
        counts[row] = count;
        sum += count;
        table.markDirty(row);
      }
    }
    return sum;
  }

  close(): Promise<void> {
    return this.#backend.close();
  }
}
