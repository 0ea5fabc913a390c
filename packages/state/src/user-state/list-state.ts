// List state of one name: items in chunks, so that appending and iterating touch one chunk at a time.
import { CHUNK_ENTRIES_MAX } from '../cell/chunk.ts';
import { exposeValue, ownValue } from '../cell/own-value.ts';
import type { ListStateHandle } from '../keyed-state-backend.ts';
import type { ChunkedItems } from './chunked-items.ts';
import type { CurrentKey } from './current-key.ts';

/** List state over two tables. */
export class ListState implements ListStateHandle {
  readonly #items: ChunkedItems;
  readonly #current: CurrentKey;

  constructor(items: ChunkedItems, current: CurrentKey) {
    this.#items = items;
    this.#current = current;
  }

  get(): Iterable<unknown> {
    const { key, hash } = this.#current;
    return { [Symbol.iterator]: () => this.#iterate(key, hash) };
  }

  add(value: unknown): void {
    this.#items.push(this.#current.key, this.#current.hash, ownValue(value));
  }

  addAll(values: Iterable<unknown>): void {
    for (const value of values) this.add(value);
  }

  /** `values` may be what `get` returned. */
  update(values: Iterable<unknown>): void {
    const copied = [...values];
    this.clear();
    this.addAll(copied);
  }

  clear(): void {
    this.#items.clear(this.#current.key, this.#current.hash);
  }

  *#iterate(key: unknown, hash: number): Generator<unknown> {
    const length = this.#items.count(key, hash);
    for (let start = 0; start < length; start += CHUNK_ENTRIES_MAX) {
      const items = this.#items.chunk(key, hash, start / CHUNK_ENTRIES_MAX, false);
      const count = Math.min(items.length, length - start);
      for (let index = 0; index < count; index++) yield exposeValue(items[index]);
    }
  }
}
