// The bytes of a range of a text file, forward, a chunk at a time with the next one on its way.
import { isAscii, isUtf8 } from 'node:buffer';
import { MillraceError, type FilePort } from '@millrace/api';

const CHUNK_BYTES = 1024 * 1024;
/** What may be left of a chunk stands before the next one: an unfinished line, as a rule. */
const REST_BYTES = 64 * 1024;
const NEWLINE = 0x0a;

/**
 * Two pieces of memory in turns, since memory that is touched for the first time costs several times what it costs to fill it.
 * Threading: one caller at a time.
 */
export class ForwardBytes {
  readonly #files: FilePort;
  readonly #path: string;
  readonly #to: number;
  #next: Promise<Uint8Array> | undefined;
  #fetched: number;
  /** Where the next chunk goes, behind room for a rest, and where `bytes` are. */
  #free: Buffer | undefined;
  #used: Buffer | undefined;
  /** What was fetched and not yet dropped: good until the next call of `advance`. */
  bytes: Buffer = Buffer.alloc(0);
  /** Offset in the file of `bytes[0]`. */
  offset: number;
  /** True when all of `bytes` are ASCII: characters are bytes then, and cheaper to decode. */
  isAscii = true;
  #hasUtf8Lines: boolean | undefined;

  constructor(files: FilePort, range: { readonly path: string; readonly from: number; readonly to: number }) {
    this.#files = files;
    this.#path = range.path;
    this.#to = range.to;
    this.#fetched = range.from;
    this.offset = range.from;
  }

  /** True when there is nothing behind `bytes`. */
  get isLast(): boolean {
    return this.#fetched >= this.#to && this.#next === undefined;
  }

  /** True when all lines of `bytes` that have an end are UTF-8. Contract: `bytes` begins with a line. */
  readonly hasUtf8Lines = (): boolean =>
    (this.#hasUtf8Lines ??= isUtf8(this.bytes.subarray(0, this.bytes.lastIndexOf(NEWLINE) + 1)));

  /**
   * Drops the first `count` bytes and appends the next chunk. Contract: not when `isLast`.
   * @throws {MillraceError} MR_SOURCE_READ when the file was cut meanwhile
   */
  async advance(count: number): Promise<void> {
    const chunk = await (this.#next ?? this.#fetch());
    this.#next = undefined;
    if (chunk.length === 0) throw this.#wasCut();
    this.#fetched += chunk.length;
    this.bytes = this.#joined(this.bytes.subarray(count), chunk);
    this.isAscii = isAscii(this.bytes);
    this.#hasUtf8Lines = undefined;
    this.offset += count;
    if (this.#fetched < this.#to) {
      this.#next = this.#fetch();
      this.#next.catch(() => undefined); // It shows in the next call.
    }
  }

  #joined(rest: Buffer, chunk: Uint8Array): Buffer {
    const memory = this.#free;
    this.#free = this.#used;
    this.#used = memory;
    // A port may have taken memory of its own.
    if (memory === undefined || chunk.buffer !== memory.buffer || rest.length > REST_BYTES)
      return Buffer.concat([rest, chunk]);
    const from = REST_BYTES - rest.length;
    memory.set(rest, from);
    return memory.subarray(from, REST_BYTES + chunk.length);
  }

  #wasCut(): MillraceError {
    return new MillraceError(
      'MR_SOURCE_READ',
      `Cannot read "${this.#path}": it ends at byte ${this.#fetched}, and had ${this.#to} when the job started; input must not change while a job reads it`,
      { retry: 'never', details: { path: this.#path, bytes: this.#fetched, expectedBytes: this.#to } },
    );
  }

  #fetch(): Promise<Uint8Array> {
    const length = Math.min(CHUNK_BYTES, this.#to - this.#fetched);
    this.#free ??= Buffer.allocUnsafeSlow(REST_BYTES + Math.min(CHUNK_BYTES, this.#to - this.offset));
    const into = this.#free.subarray(REST_BYTES, REST_BYTES + length);
    return this.#files.read(this.#path, this.#fetched, length, into);
  }
}
