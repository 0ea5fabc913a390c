// [HOT] Writes on their way to the store: readable until they are there, written in batches, one after the other.
import type { KeyValueOperation, KeyValueStore } from '@millrace/common';

/** Operations of one batch at most. */
const BATCH_OPERATIONS_MAX = 4096;
/** What an operation costs in memory beside its bytes, about. */
const OPERATION_BYTES = 200;

/**
 * Contract: `get` sees every `put` and `delete` at once, but not what is appended: that is its owner's until it is in the store. Keys that are put and
 * keys that are appended are different ones. Threading: one thread.
 */
export class WriteBehind {
  readonly #openStore: () => Promise<KeyValueStore>;
  #store: KeyValueStore | undefined;
  /** By key, one character a byte. */
  #pending = new Map<string, KeyValueOperation>();
  #inFlight = new Map<string, KeyValueOperation>();
  #appended: KeyValueOperation[] = [];
  #whenWritten: (() => void)[] = [];
  #pendingBytes = 0;
  #inFlightBytes = 0;
  #draining: Promise<void> | undefined;
  #failed: Promise<void> | undefined;

  constructor(openStore: () => Promise<KeyValueStore>) {
    this.#openStore = openStore;
  }

  /** Bytes that are not in the store yet, about. */
  get unwrittenBytes(): number {
    return this.#pendingBytes + this.#inFlightBytes;
  }

  get hasFailed(): boolean {
    return this.#failed !== undefined;
  }

  get store(): KeyValueStore | undefined {
    return this.#store;
  }

  /** Keeps `key` and `value`. */
  put(key: Buffer, value: Uint8Array): void {
    this.#add(key.toString('latin1'), { type: 'put', key, value });
  }

  delete(key: Buffer): void {
    this.#add(key.toString('latin1'), { type: 'del', key });
  }

  /** Keeps the operation. */
  append(operation: KeyValueOperation): void {
    this.#appended.push(operation);
    this.#pendingBytes += bytesOf(operation);
  }

  /** Calls `then` when all that was appended is in the store. */
  whenWritten(then: () => void): void {
    this.#whenWritten.push(then);
  }

  get(key: Buffer): Uint8Array | undefined {
    if (this.#pending.size > 0 || this.#inFlight.size > 0) {
      const name = key.toString('latin1');
      const operation = this.#pending.get(name) ?? this.#inFlight.get(name);
      if (operation !== undefined) return operation.type === 'put' ? operation.value : undefined;
    }
    return this.#store?.getSync(key);
  }

  /** What the store does not show yet, newest last; to be taken together with a scan. */
  overlay(): ReadonlyMap<string, KeyValueOperation> {
    return new Map([...this.#inFlight, ...this.#pending]);
  }

  /** Writes all that is pending; undefined when nothing is. A failure shows in this promise and in each later one. */
  drain(): Promise<void> | undefined {
    if (this.#failed !== undefined) return this.#failed;
    if (this.#draining === undefined) {
      if (!this.#hasPending) {
        for (const then of this.#whenWritten.splice(0)) then();
        return undefined;
      }
      const draining: Promise<void> = this.#drainAll().then(
        () => {
          this.#draining = undefined;
        },
        (error: unknown) => {
          this.#failed = draining;
          throw error;
        },
      );
      this.#draining = draining;
      // Not every caller waits: the next one is told.
      draining.catch(() => undefined);
    }
    return this.#draining;
  }

  get #hasPending(): boolean {
    return this.#pending.size > 0 || this.#appended.length > 0;
  }

  async close(): Promise<void> {
    await this.#draining?.catch(() => undefined);
    await this.#store?.close();
  }

  #add(name: string, operation: KeyValueOperation): void {
    const replaced = this.#pending.get(name);
    if (replaced !== undefined) this.#pendingBytes -= bytesOf(replaced);
    this.#pending.set(name, operation);
    this.#pendingBytes += bytesOf(operation);
  }

  async #drainAll(): Promise<void> {
    const store = (this.#store ??= await this.#openStore());
    while (this.#hasPending) {
      const whenWritten = this.#whenWritten;
      const operations = this.#appended;
      this.#whenWritten = [];
      this.#appended = [];
      this.#inFlight = this.#pending;
      this.#inFlightBytes = this.#pendingBytes;
      this.#pending = new Map();
      this.#pendingBytes = 0;
      for (const operation of this.#inFlight.values()) operations.push(operation);
      for (let start = 0; start < operations.length; start += BATCH_OPERATIONS_MAX) {
        await store.write(operations.slice(start, start + BATCH_OPERATIONS_MAX));
      }
      this.#inFlight = new Map();
      this.#inFlightBytes = 0;
      for (const then of whenWritten) then();
    }
  }
}

function bytesOf(operation: KeyValueOperation): number {
  return OPERATION_BYTES + operation.key.length + (operation.type === 'put' ? operation.value.length : 0);
}
