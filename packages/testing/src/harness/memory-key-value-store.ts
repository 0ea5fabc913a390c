// An ordered byte store in memory, for state that outgrows its cache in tests.
import type { KeyValueOperation, KeyValueStore } from '@millrace/common';

const CHUNK_ENTRIES = 1_000;

/** Complexity: a scan sorts all keys. */
export class MemoryKeyValueStore implements KeyValueStore {
  readonly #entries = new Map<string, Uint8Array>();

  getSync(key: Uint8Array): Uint8Array | undefined {
    return this.#entries.get(textOf(key));
  }

  async write(operations: readonly KeyValueOperation[]): Promise<void> {
    for (const operation of operations) {
      if (operation.type === 'put') this.#entries.set(textOf(operation.key), operation.value.slice());
      else this.#entries.delete(textOf(operation.key));
    }
  }

  async scan(
    range: { readonly from: Uint8Array; readonly to: Uint8Array; readonly chunkEntries?: number },
    onChunk: (entries: readonly (readonly [key: Uint8Array, value: Uint8Array])[]) => void | Promise<void>,
  ): Promise<void> {
    const from = textOf(range.from);
    const to = textOf(range.to);
    const keys = [...this.#entries.keys()].filter((key) => key >= from && key < to).sort();
    const step = range.chunkEntries ?? CHUNK_ENTRIES;
    for (let start = 0; start < keys.length; start += step) {
      await onChunk(
        keys
          .slice(start, start + step)
          .map((key) => [bytesOf(key), this.#entries.get(key) ?? new Uint8Array()]),
      );
    }
  }

  async close(): Promise<void> {
    this.#entries.clear();
  }
}

/** One character a byte: orders as bytes do. */
function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
