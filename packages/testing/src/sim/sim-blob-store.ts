// A blob store that outlives its users and fails as real ones do: before, after, late.
import { MillraceError, type BlobStore } from '@millrace/common';
import type { SimProcess } from './sim-process.ts';

/** What a store may do with a `put`. */
export type PutFate = 'done' | 'refused' | 'unknown';

export interface BlobObserver {
  /** `isFirst`: nobody has ever written this name. */
  onBlobPut(name: string, isFirst: boolean): void;
  onBlobDelete(name: string): void;
}

export interface SimBlobStoreOptions {
  readonly delayMs: (operation: string) => number;
  /** `unknown`: it is written, and the writer gets an error. */
  readonly fateOf: (name: string) => PutFate;
  readonly observer: BlobObserver;
  /** Where it keeps them. */
  readonly blobs: Map<string, Uint8Array>;
}

/** Contract: as the port says; a blob appears whole or not at all. */
export class SimBlobStore {
  readonly #written = new Set<string>();
  readonly #options: SimBlobStoreOptions;

  constructor(options: SimBlobStoreOptions) {
    this.#options = options;
  }

  /** The store as `process` uses it. */
  portOf(process: SimProcess): BlobStore {
    const call = <T>(operation: string, effect: () => T): Promise<T> =>
      process.call({
        label: `blob ${operation}`,
        delayMs: this.#options.delayMs(operation),
        effect,
        isRemote: true,
      });
    return {
      put: (name, bytes) => {
        const copy = bytes.slice();
        const operation = name.endsWith('_metadata') ? 'put metadata' : 'put';
        return call(operation, () => this.#put(name, copy));
      },
      get: (name) => call('get', () => this.#get(name).slice()),
      has: (name) => call('has', () => this.#options.blobs.has(name)),
      list: (prefix) =>
        call('list', () => [...this.#options.blobs.keys()].filter((name) => name.startsWith(prefix)).sort()),
      delete: (name) =>
        call('delete', () => {
          if (this.#options.blobs.delete(name)) this.#options.observer.onBlobDelete(name);
        }),
    };
  }

  #put(name: string, bytes: Uint8Array): void {
    const fate = this.#options.fateOf(name);
    if (fate === 'refused') throw ioError(name, 'the store does not answer');
    if (this.#options.blobs.has(name)) throw ioError(name, 'it exists');
    this.#options.observer.onBlobPut(name, !this.#written.has(name));
    this.#written.add(name);
    this.#options.blobs.set(name, bytes);
    if (fate === 'unknown') throw ioError(name, 'the connection broke before the answer');
  }

  #get(name: string): Uint8Array {
    const bytes = this.#options.blobs.get(name);
    if (bytes === undefined) throw ioError(name, 'it does not exist');
    return bytes;
  }
}

function ioError(name: string, why: string): MillraceError {
  return new MillraceError('MR_IO', `Cannot use blob "${name}": ${why}`, { details: { name } });
}
