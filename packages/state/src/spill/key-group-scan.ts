// Turns a store's scan, which pushes chunks, into one that is asked for key groups in ascending order.
import type { KeyValueStore } from '@millrace/common';
import { keyGroupOfStoreKey } from './store-keys.ts';

type Entry = readonly [key: Uint8Array, value: Uint8Array];

class ScanClosed extends Error {}

/** Contract: the scan sees the store of the moment of construction. Bounds: a chunk, and the key group asked for. */
export class KeyGroupScan {
  #entries: readonly Entry[] = [];
  #next = 0;
  #isDone = false;
  #isClosed = false;
  #failure: unknown;
  #wakeReader: (() => void) | undefined;
  #wakeScan: (() => void) | undefined;

  constructor(store: KeyValueStore, bounds: { readonly from: Uint8Array; readonly to: Uint8Array }) {
    store
      .scan(bounds, (entries) => this.#take(entries))
      .catch((error: unknown) => {
        if (!(error instanceof ScanClosed)) this.#failure = error;
      })
      .finally(() => {
        this.#isDone = true;
        this.#wakeReader?.();
      });
  }

  /** Entries of a key group; groups below that were not asked for are passed over. */
  async read(keyGroup: number): Promise<readonly Entry[]> {
    const found: Entry[] = [];
    for (;;) {
      while (this.#next < this.#entries.length) {
        const entry = this.#entries[this.#next] as Entry;
        const entryGroup = keyGroupOfStoreKey(entry[0]);
        if (entryGroup > keyGroup) return found;
        if (entryGroup === keyGroup) found.push(entry);
        this.#next++;
      }
      if (this.#isDone) break;
      await this.#nextChunk();
    }
    if (this.#failure !== undefined) throw this.#failure;
    return found;
  }

  close(): void {
    this.#isClosed = true;
    this.#wakeScan?.();
  }

  async #nextChunk(): Promise<void> {
    const woken = new Promise<void>((resolve) => {
      this.#wakeReader = resolve;
    });
    this.#wakeScan?.();
    this.#wakeScan = undefined;
    await woken;
  }

  /** Holds the scan until the chunk is read. */
  async #take(entries: readonly Entry[]): Promise<void> {
    if (this.#isClosed) throw new ScanClosed();
    this.#entries = entries;
    this.#next = 0;
    const consumed = new Promise<void>((resolve) => {
      this.#wakeScan = resolve;
    });
    this.#wakeReader?.();
    this.#wakeReader = undefined;
    await consumed;
    if (this.#isClosed) throw new ScanClosed();
  }
}
