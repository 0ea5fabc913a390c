// What tells a whole store from one that lost writes: LevelDB leaves out log records that are damaged and says nothing.
import { createHash } from 'node:crypto';
import { open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeRecord, encodeRecord, storeCorrupt } from '../core/job-records.ts';

/**
 * The record under the key `head`, part of each batch.
 * `sequence` counts the store's writes from 1; `digest` is that of all other entries after this one.
 */
export interface StoreHead {
  readonly sequence: number;
  readonly digest: string;
}

export const HEAD_KEY = 'head';

/** Beside LevelDB's own files, which have other names; so it goes where the store's directory goes. */
const FILE_NAME = 'millrace-head';

/**
 * A digest of keys and values, whatever their order: 64 bits, each entry's hash combined by exclusive or. Made for
 * damage, not for attackers. Bounds: one hash an entry.
 */
export class StoreDigest {
  readonly #hashes = new Map<string, bigint>();
  #combined = 0n;

  put(key: string, value: Uint8Array): void {
    this.delete(key);
    const lengthPrefix = `${Buffer.byteLength(key)}:`;
    const hash = createHash('sha256')
      .update(lengthPrefix)
      .update(key)
      .update(value)
      .digest()
      .readBigUInt64LE();
    this.#hashes.set(key, hash);
    this.#combined ^= hash;
  }

  delete(key: string): void {
    this.#combined ^= this.#hashes.get(key) ?? 0n;
    this.#hashes.delete(key);
  }

  toString(): string {
    return this.#combined.toString(16).padStart(16, '0');
  }
}

/**
 * The file that says how many writes were acknowledged. It is replaced behind each durable batch and before the write is
 * acknowledged: after a crash it is at most one write behind the store, and never ahead of it.
 */
export class HeadFile {
  readonly #directory: string;
  readonly #path: string;

  constructor(directory: string) {
    this.#directory = directory;
    this.#path = join(directory, FILE_NAME);
  }

  /**
   * How many writes the store must have at least; undefined: there is no file.
   * @throws {MillraceError} MR_STORE_CORRUPT when it is damaged
   */
  async read(): Promise<number | undefined> {
    let bytes: Uint8Array;
    try {
      bytes = await readFile(this.#path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
    return decodeRecord<{ readonly sequence: number }>(FILE_NAME, bytes).sequence;
  }

  /** Makes the next content durable under another name; {@link publish} makes it count. */
  async write(sequence: number): Promise<void> {
    const file = await open(`${this.#path}.new`, 'w', 0o600);
    try {
      await file.writeFile(encodeRecord({ sequence }));
      await file.datasync();
    } finally {
      await file.close();
    }
  }

  /** Resolves when what was written last counts, whatever happens. */
  async publish(): Promise<void> {
    await rename(`${this.#path}.new`, this.#path);
    const directory = await open(this.#directory, 'r');
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  }
}

/**
 * Compares what the store holds with what it must hold. Returns how many writes it has.
 * @throws {MillraceError} MR_STORE_CORRUPT
 */
export function checkHead(
  acknowledged: number | undefined,
  bytes: Uint8Array | undefined,
  digest: string,
): number {
  const head = bytes === undefined ? undefined : decodeRecord<StoreHead>(HEAD_KEY, bytes);
  const sequence = head?.sequence ?? 0;
  const expected = head?.digest ?? new StoreDigest().toString();
  if (acknowledged === undefined && sequence > 0)
    throw storeCorrupt(`its file "${FILE_NAME}" is missing, so that nobody knows whether it is whole`);
  if (sequence < (acknowledged ?? 0))
    throw storeCorrupt(`it has lost writes: ${acknowledged ?? 0} were made and it has ${sequence}`);
  if (digest !== expected) throw storeCorrupt('it has lost writes, or some of its records are damaged');
  return sequence;
}
