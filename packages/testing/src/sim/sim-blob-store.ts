// A blob store that outlives its users and fails as real ones do: before, after, late, with old lists and changed bits.
import { MillraceError, type BlobStore } from '@millrace/common';
import { readerOf } from '../memory-blob-store.ts';
import type { OperationFate } from './sim-disk.ts';
import type { SimProcess } from './sim-process.ts';

/** `late`: it is refused, and written all the same some time later. */
export type PutFate = OperationFate | 'late';

export interface BlobObserver {
  /** `isFirst`: nobody has ever written this name. */
  onBlobPut(name: string, isFirst: boolean): void;
  onBlobDelete(name: string): void;
}

export interface SimBlobStoreOptions {
  readonly delayMs: (operation: string) => number;
  readonly fateOf: (name: string) => PutFate;
  /** True: the list is that of a while ago. */
  readonly isListStale: () => boolean;
  /** Where in its bytes a blob is read wrongly, as a share of its length; undefined: nowhere. */
  readonly flipAt: () => number | undefined;
  /** Something that the world does later. */
  readonly later: (label: string, action: () => void) => void;
  readonly nowMs: () => number;
  readonly observer: BlobObserver;
  /** Where it keeps them. */
  readonly blobs: Map<string, Uint8Array>;
}

interface Change {
  readonly atMs: number;
  readonly name: string;
  readonly isPut: boolean;
}

/** A list may be so old. */
const STALE_MS = 2_000;

/** Contract: as the port says; a blob appears whole or not at all. */
export class SimBlobStore {
  readonly #written = new Set<string>();
  readonly #options: SimBlobStoreOptions;
  #recent: Change[] = [];
  /** Nothing can be added. */
  isFull = false;

  constructor(options: SimBlobStoreOptions) {
    this.#options = options;
  }

  /** The files of a job, as `process` uses them. */
  portOf(process: SimProcess, jobId: string): BlobStore {
    const own = `${jobId}/`;
    const call = <T>(operation: string, effect: () => T): Promise<T> =>
      process.call({
        label: `blob ${operation}`,
        delayMs: this.#options.delayMs(operation),
        effect,
        isRemote: true,
      });
    return {
      put: (name, bytes) => {
        // A buffer's own `slice` copies nothing.
        const copy = new Uint8Array(bytes);
        const operation = name.endsWith('_metadata') ? 'put metadata' : 'put';
        return call(operation, () => this.#put(own + name, copy));
      },
      get: (name) => call('get', () => this.#get(own + name)),
      open: (name) => call('get', () => readerOf(this.#get(own + name))),
      has: (name) => call('has', () => this.#options.blobs.has(own + name)),
      list: (prefix) => call('list', () => this.#list(own + prefix).map((name) => name.slice(own.length))),
      delete: (name) => call('delete', () => this.#delete(own + name)),
    };
  }

  #put(name: string, bytes: Uint8Array): void {
    const fate = this.isFull ? 'refused' : this.#options.fateOf(name);
    if (fate === 'refused') throw ioError(name, this.isFull ? 'it is full' : 'the store does not answer');
    if (fate === 'late') {
      this.#options.later('late blob', () => {
        if (!this.#options.blobs.has(name)) this.#write(name, bytes);
      });
      throw ioError(name, 'the store does not answer');
    }
    if (this.#options.blobs.has(name)) throw ioError(name, 'it exists');
    this.#write(name, bytes);
    if (fate === 'unknown') throw ioError(name, 'the connection broke before the answer');
  }

  #write(name: string, bytes: Uint8Array): void {
    this.#options.observer.onBlobPut(name, !this.#written.has(name));
    this.#written.add(name);
    this.#options.blobs.set(name, bytes);
    this.#note(name, true);
  }

  #get(name: string): Uint8Array {
    const bytes = this.#options.blobs.get(name);
    if (bytes === undefined) throw ioError(name, 'it does not exist');
    const copy = bytes.slice();
    const share = this.#options.flipAt();
    if (share !== undefined) flipBit(copy, share);
    return copy;
  }

  #list(prefix: string): readonly string[] {
    const names = new Set(this.#options.blobs.keys());
    if (this.#options.isListStale()) {
      for (const { name, isPut } of this.#recent.toReversed()) {
        if (isPut) names.delete(name);
        else names.add(name);
      }
    }
    return [...names].filter((name) => name.startsWith(prefix)).sort();
  }

  #delete(name: string): void {
    if (!this.#options.blobs.delete(name)) return;
    this.#options.observer.onBlobDelete(name);
    this.#note(name, false);
  }

  #note(name: string, isPut: boolean): void {
    const atMs = this.#options.nowMs();
    this.#recent = this.#recent.filter((change) => change.atMs > atMs - STALE_MS);
    this.#recent.push({ atMs, name, isPut });
  }
}

/** Changes one bit of `bytes`; `share` says which. */
export function flipBit(bytes: Uint8Array, share: number): void {
  const bit = Math.floor(share * bytes.length * 8);
  const at = bit >> 3;
  if (at < bytes.length) bytes[at] = (bytes[at] ?? 0) ^ (1 << (bit & 7));
}

function ioError(name: string, why: string): MillraceError {
  return new MillraceError('MR_IO', `Cannot use blob "${name}": ${why}`, { details: { name } });
}
