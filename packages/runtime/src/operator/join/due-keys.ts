// [HOT] Keys to look at when event time has come to something of theirs: what timers do, a millisecond at a time.
import type { KeyedStateBackend, RowCursor, RowTable } from '@millrace/state';
import type { Emission } from '../../chain/emission.ts';

/** Looks at a key for what is due after `bucket` − 1 and up to `bucket`, ms. */
export type LookAtKey = (key: unknown, keyHash: number, bucket: number) => void;

/**
 * Keys by the millisecond that ends with the time at which something is due.
 * Contract: a key is looked at once a bucket, and once more for each watermark that comes to a part of a millisecond; what was
 * done already is the owner's to know.
 */
export class DueKeys {
  readonly #table: RowTable;
  readonly #emission: Emission;
  readonly #look: LookAtKey;
  /** Over the bucket at work when the chain has to stop. */
  #cursor: RowCursor | undefined;

  constructor(
    backend: KeyedStateBackend,
    of: { readonly name: string; readonly emission: Emission; readonly look: LookAtKey },
  ) {
    this.#table = backend.table({ name: of.name, columns: ['f64'], hasNamespaces: true });
    this.#emission = of.emission;
    this.#look = of.look;
  }

  add(key: unknown, keyHash: number, dueMs: number): void {
    this.#table.upsert(key, keyHash, Math.ceil(dueMs));
  }

  /** The earliest bucket, or Infinity. */
  earliest(): number {
    return this.#table.namespaces()[0] ?? Infinity;
  }

  /** Looks at the keys of the earliest bucket; false: the chain has to stop, and it goes on when called again. */
  release(watermarkMs: number): boolean {
    const table = this.#table;
    const bucket = this.earliest();
    this.#cursor ??= table.openCursor(bucket);
    for (let row = this.#cursor.next(); row !== -1; row = this.#cursor.next()) {
      this.#look(table.keyOf(row), table.keyHashOf(row), bucket);
      if (this.#emission.mustStop()) return false;
    }
    this.#cursor = undefined;
    if (bucket <= watermarkMs) table.removeNamespace(bucket);
    return true;
  }
}
