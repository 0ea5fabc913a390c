// A key-value store in memory with the timing of a real one: for the simulator and for tests.
import { invariant, type KeyValueOperation, type KeyValueStore } from '@millrace/common';

const CHUNK_ENTRIES_DEFAULT = 512;

/**
 * Contract: as the port says. Writes become visible after `yieldToWorld` resolves, in the order of their calls; the
 * default is a microtask, and a simulator gives its own.
 */
export class MemoryKeyValueStore implements KeyValueStore {
  readonly #yieldToWorld: () => Promise<void>;
  /** By key, one character a byte: their order is the bytes' order. */
  readonly #entries = new Map<string, Uint8Array>();
  #sortedKeys: readonly string[] | undefined;
  #lastWrite: Promise<void> = Promise.resolve();
  #isOpen = true;

  constructor(options: { readonly yieldToWorld?: () => Promise<void> } = {}) {
    this.#yieldToWorld = options.yieldToWorld ?? (() => Promise.resolve());
  }

  get entryCount(): number {
    return this.#entries.size;
  }

  getSync(key: Uint8Array): Uint8Array | undefined {
    invariant(this.#isOpen, 'a closed store is not read');
    return this.#entries.get(textOf(key))?.slice();
  }

  write(operations: readonly KeyValueOperation[]): Promise<void> {
    invariant(this.#isOpen, 'a closed store is not written');
    const copied = operations.map((operation) => ({
      key: textOf(operation.key),
      // `slice` of a Buffer copies nothing.
      value: operation.type === 'put' ? new Uint8Array(operation.value) : undefined,
    }));
    this.#lastWrite = this.#lastWrite.then(async () => {
      await this.#yieldToWorld();
      for (const { key, value } of copied) {
        if (value === undefined) this.#entries.delete(key);
        else this.#entries.set(key, value);
      }
      this.#sortedKeys = undefined;
    });
    return this.#lastWrite;
  }

  async scan(
    range: { readonly from: Uint8Array; readonly to: Uint8Array; readonly chunkEntries?: number },
    onChunk: (entries: readonly (readonly [key: Uint8Array, value: Uint8Array])[]) => void | Promise<void>,
  ): Promise<void> {
    invariant(this.#isOpen, 'a closed store is not scanned');
    const [from, to] = [textOf(range.from), textOf(range.to)];
    this.#sortedKeys ??= [...this.#entries.keys()].sort(byCodeUnit);
    const found: [Uint8Array, Uint8Array][] = [];
    for (const key of this.#sortedKeys) {
      const value = key >= from && key < to ? this.#entries.get(key) : undefined;
      if (value !== undefined) found.push([Buffer.from(key, 'latin1'), value]);
    }
    const chunkEntries = range.chunkEntries ?? CHUNK_ENTRIES_DEFAULT;
    for (let start = 0; start < found.length; start += chunkEntries) {
      await this.#yieldToWorld();
      await onChunk(
        found.slice(start, start + chunkEntries).map(([key, value]) => [key, value.slice()] as const),
      );
    }
  }

  async close(): Promise<void> {
    await this.#lastWrite;
    this.#isOpen = false;
  }
}

function textOf(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1');
}

function byCodeUnit(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
