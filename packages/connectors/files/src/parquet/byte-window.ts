// The bytes of a column chunk, fetched a window at a time: never the whole file, and no chunk beyond the window's bound.
import { MillraceError, type FilePort } from '@millrace/api';

/** A chunk up to this is fetched in one go. */
const WINDOW_BYTES = 4 * 1024 * 1024;

/** Where a chunk's bytes are. */
export interface ChunkRange {
  readonly path: string;
  readonly from: number;
  readonly to: number;
}

/** Reads forward through a range of a file. Threading: one caller at a time. */
export class ByteWindow {
  readonly #files: FilePort;
  readonly #range: ChunkRange;
  #start: number;
  #bytes: Uint8Array = new Uint8Array(0);
  #prefetched: Promise<Uint8Array> | undefined;

  constructor(files: FilePort, range: ChunkRange) {
    this.#files = files;
    this.#range = range;
    this.#start = range.from;
  }

  /** Starts to fetch the first window; its failure shows in the next `at`. */
  prefetch(): void {
    if (this.#prefetched !== undefined || this.#bytes.length > 0) return;
    this.#prefetched = this.#fetch(this.#start, WINDOW_BYTES);
    this.#prefetched.catch(() => undefined);
  }

  /** Returns the bytes from `offset`: at least `length` of them, or all up to the end of the range. */
  async at(offset: number, length: number): Promise<Uint8Array> {
    if (this.#prefetched !== undefined) {
      this.#bytes = await this.#prefetched;
      this.#prefetched = undefined;
    }
    const wanted = Math.min(length, this.#range.to - offset);
    if (offset < this.#start || offset + wanted > this.#start + this.#bytes.length) {
      this.#bytes = await this.#fetch(offset, Math.max(wanted, WINDOW_BYTES));
      this.#start = offset;
    }
    return this.#bytes.subarray(offset - this.#start);
  }

  async #fetch(offset: number, length: number): Promise<Uint8Array> {
    const wanted = Math.min(length, this.#range.to - offset);
    const bytes = await this.#files.read(this.#range.path, offset, wanted);
    if (bytes.length === wanted) return bytes;
    throw new MillraceError(
      'MR_SOURCE_READ',
      `Cannot read "${this.#range.path}": it ends at byte ${offset + bytes.length}, expected ${offset + wanted}; was it cut while the job ran?`,
      {
        details: { path: this.#range.path, offset, wantedBytes: wanted, bytes: bytes.length },
      },
    );
  }
}
