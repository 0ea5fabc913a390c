// The key-value store port over LevelDB. The one file of this package that does I/O.
import { mkdir, rm } from 'node:fs/promises';
import { classify, MillraceError, type KeyValueOperation, type KeyValueStore } from '@millrace/common';
import { ClassicLevel } from 'classic-level';

const CHUNK_ENTRIES_DEFAULT = 1024;

/** Where a store is, and how much memory it takes. */
export interface LevelDbStoreOptions {
  /** Wiped when it exists: what is in it protects no value, and is never read after a crash. */
  readonly directory: string;
  /** Bytes of uncompressed blocks kept in memory. Default: 8 MiB. */
  readonly cacheBytes?: number;
  /** Bytes gathered in memory before a table is written. Default: 8 MiB. */
  readonly writeBufferBytes?: number;
}

/**
 * Opens an empty LevelDB in `directory`, which is created.
 * Contract: the directory belongs to one store at a time. Several threads may each open one.
 * @throws {MillraceError} MR_STATE_BACKEND when it cannot be opened
 */
export async function openLevelDbStore(options: LevelDbStoreOptions): Promise<KeyValueStore> {
  const { directory } = options;
  try {
    await rm(directory, { recursive: true, force: true });
    await mkdir(directory, { recursive: true });
    const level = new ClassicLevel<Uint8Array, Uint8Array>(directory, {
      keyEncoding: 'view',
      valueEncoding: 'view',
      multithreading: true,
      compression: false,
      cacheSize: options.cacheBytes ?? 8 * 1024 * 1024,
      writeBufferSize: options.writeBufferBytes ?? 8 * 1024 * 1024,
    });
    await level.open();
    return new LevelDbStore(level, directory);
  } catch (error) {
    throw failure('open', directory, error);
  }
}

class LevelDbStore implements KeyValueStore {
  readonly #level: ClassicLevel<Uint8Array, Uint8Array>;
  readonly #directory: string;

  constructor(level: ClassicLevel<Uint8Array, Uint8Array>, directory: string) {
    this.#level = level;
    this.#directory = directory;
  }

  getSync(key: Uint8Array): Uint8Array | undefined {
    try {
      return this.#level.getSync(key);
    } catch (error) {
      throw failure('read', this.#directory, error);
    }
  }

  async write(
    operations: readonly KeyValueOperation[],
    options: { readonly sync?: boolean } = {},
  ): Promise<void> {
    try {
      const batch = this.#level.batch();
      for (const operation of operations) {
        if (operation.type === 'put') batch.put(operation.key, operation.value);
        else batch.del(operation.key);
      }
      await batch.write({ sync: options.sync ?? false });
    } catch (error) {
      throw failure('write', this.#directory, error);
    }
  }

  async scan(
    range: { readonly from: Uint8Array; readonly to: Uint8Array; readonly chunkEntries?: number },
    onChunk: (entries: readonly (readonly [key: Uint8Array, value: Uint8Array])[]) => void | Promise<void>,
  ): Promise<void> {
    // Made before the first await: an iterator reads a snapshot of the moment in which it is made.
    const iterator = this.#level.iterator({ gte: range.from, lt: range.to, fillCache: false });
    try {
      const chunkEntries = range.chunkEntries ?? CHUNK_ENTRIES_DEFAULT;
      for (;;) {
        const entries = await this.#next(iterator, chunkEntries);
        if (entries.length === 0) return;
        await onChunk(entries);
      }
    } finally {
      await iterator.close();
    }
  }

  async close(): Promise<void> {
    try {
      await this.#level.close();
    } catch (error) {
      throw failure('close', this.#directory, error);
    }
  }

  async #next(
    iterator: { nextv(count: number): Promise<[Uint8Array, Uint8Array][]> },
    count: number,
  ): Promise<[Uint8Array, Uint8Array][]> {
    try {
      return await iterator.nextv(count);
    } catch (error) {
      throw failure('scan', this.#directory, error);
    }
  }
}

function failure(action: string, directory: string, error: unknown): MillraceError {
  const { message } = classify(error);
  return new MillraceError(
    'MR_STATE_BACKEND',
    `Cannot ${action} the state store in "${directory}": ${message}`,
    {
      details: { directory, action },
      cause: error,
    },
  );
}
