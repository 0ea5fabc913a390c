// The durable store as the JobManager sees it, and one in memory for clusters that live in one process.
import { MillraceError } from '@millrace/common';
import type { StoreOperation } from './core/effects.ts';

/**
 * Contract: `write` is atomic and durable when it resolves; a `compare-and-set` whose key does not hold `expected` makes
 * it fail with MR_STALE_EPOCH and change nothing. Writes are made one at a time.
 */
export interface JobStore {
  load(): Promise<ReadonlyMap<string, Uint8Array>>;
  write(operations: readonly StoreOperation[]): Promise<void>;
  close(): Promise<void>;
}

/** A {@link JobStore} that ends with its process. */
export class MemoryJobStore implements JobStore {
  readonly #entries = new Map<string, Uint8Array>();

  load(): Promise<ReadonlyMap<string, Uint8Array>> {
    return Promise.resolve(new Map(this.#entries));
  }

  async write(operations: readonly StoreOperation[]): Promise<void> {
    for (const operation of operations) {
      if (operation.type !== 'compare-and-set') continue;
      const found = this.#entries.get(operation.key);
      if (!isEqual(found, operation.expected))
        throw new MillraceError(
          'MR_STALE_EPOCH',
          `Cannot move "${operation.key}": somebody else has moved it`,
        );
    }
    for (const operation of operations) {
      if (operation.type === 'del') this.#entries.delete(operation.key);
      else this.#entries.set(operation.key, operation.value);
    }
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

function isEqual(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.byteLength === b.byteLength && a.every((byte, index) => byte === b[index]);
}
