// Memory outside of V8's heap that its collector is told of in few large steps, not by every piece.

const MIB = 1024 * 1024;
/**
 * Smaller pieces are ordinary: V8 counts each. It begins to mark the whole heap whenever what it counts has grown by 8 to 40 MB, which is several times
 * a second where state grows (measured, `bench nexmark --queries q19`: 58 times in nine million events, a tenth of all processor time).
 */
const PIECE_BYTES_MIN = MIB;
/** Told at once, at least: what is above 32 MiB comes from the system as it is, and is not there before somebody writes to it; glibc fills less with zeros. */
const TOLD_BYTES_MIN = 40 * MIB;
const NOTHING = new ArrayBuffer(0);

/**
 * Gives the memory of one owner, and has V8 know of half of it at least: an ArrayBuffer stands for all pieces. Nobody writes to it, so that it
 * takes addresses only. It goes with its owner, whoever lets go of that. When there is twice as much, or as much was dropped as is in use, a new one
 * takes its place, for which V8 looks for what is unreachable. Where addresses are short, V8 is told nothing.
 * Bounds: a collection is asked for when dropped pieces are as much as those in use, or TOLD_BYTES_MIN. Threading: one thread.
 */
export class OutsideMemory {
  #bytes = 0;
  #droppedBytes = 0;
  #told = NOTHING;
  #isRefused = false;

  /** What V8 knows of, in bytes. */
  get toldBytes(): number {
    return this.#told.byteLength;
  }

  /** Zeros. @throws {RangeError} when there is no memory */
  allocate(byteLength: number): ArrayBufferLike {
    if (byteLength < PIECE_BYTES_MIN) return new ArrayBuffer(byteLength);
    const piece = this.#piece(byteLength);
    this.#bytes += byteLength;
    if (this.#bytes >= Math.max(TOLD_BYTES_MIN, 2 * this.toldBytes)) this.#tell();
    return piece;
  }

  /** Nobody has a reference to a piece of so many bytes any more. */
  drop(byteLength: number): void {
    if (byteLength < PIECE_BYTES_MIN) return;
    this.#bytes -= byteLength;
    this.#droppedBytes += byteLength;
    if (this.#droppedBytes >= Math.max(TOLD_BYTES_MIN, this.#bytes)) this.#tell();
  }

  /** Of shared memory V8 counts nothing. */
  #piece(byteLength: number): SharedArrayBuffer {
    try {
      return new SharedArrayBuffer(byteLength);
    } catch (error) {
      if (this.toldBytes === 0) throw error;
      this.#stopTelling();
      return new SharedArrayBuffer(byteLength);
    }
  }

  #tell(): void {
    const byteLength = Math.max(this.#bytes, this.#droppedBytes);
    this.#droppedBytes = 0;
    if (this.#isRefused) return;
    try {
      this.#told = new ArrayBuffer(byteLength);
    } catch {
      this.#stopTelling();
    }
  }

  /** Each refusal takes V8 several collections, and the addresses are needed for pieces. */
  #stopTelling(): void {
    this.#told = NOTHING;
    this.#isRefused = true;
  }
}
