// A file of a checkpoint whose rows are read one by one, when they are asked for.
import { MillraceError, type BlobReader } from '@millrace/common';

/** Rows of one file that nothing newer has replaced. */
export class RestoredFile {
  readonly name: string;
  readonly reader: BlobReader;
  /** Rows of it that are still current. */
  liveCount = 0;
  /** Stamp at which the last one ceased to be. */
  lastGone = 0;

  constructor(name: string, reader: BlobReader) {
    this.name = name;
    this.reader = reader;
  }

  /** Fills `target`. @throws {MillraceError} MR_STATE_BACKEND */
  readSync(target: Uint8Array, position: number): void {
    let count: number;
    try {
      count = this.reader.readSync(target, position);
    } catch (error) {
      throw this.#unreadable(error);
    }
    if (count !== target.length) throw this.#unreadable(undefined);
  }

  /** As `readSync`, behind the task's back. @throws {MillraceError} MR_STATE_BACKEND */
  async read(target: Uint8Array, position: number): Promise<void> {
    let count: number;
    try {
      count = await this.reader.read(target, position);
    } catch (error) {
      throw this.#unreadable(error);
    }
    if (count !== target.length) throw this.#unreadable(undefined);
  }

  #unreadable(cause: unknown): MillraceError {
    return new MillraceError(
      'MR_STATE_BACKEND',
      `Cannot read restored state from "${this.name}"${cause === undefined ? ': it is shorter than it was' : ''}`,
      { details: { file: this.name }, ...(cause === undefined ? {} : { cause }) },
    );
  }
}
