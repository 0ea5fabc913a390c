// Memory outside of V8's heap that its collector is told of in few large steps, not by every piece.

const MIB = 1024 * 1024;
/**
 * Smaller pieces are ordinary: V8 counts each. It begins to mark the whole heap whenever what it counts has grown by 8 to 40 MB, which is several times
 * a second where state grows (measured, `bench nexmark --queries q19`: 58 times in nine million events, a tenth of all processor time).
 */
const PIECE_BYTES_MIN = MIB;
/** Told at once: less would be no reason for a collection. */
const TOLD_BYTES_MIN = 16 * MIB;

/**
 * Gives the memory of one owner, and has V8 know of half of it at least: an ArrayBuffer stands for all pieces. Nobody writes to it, so that it
 * takes addresses only. It goes with its owner, whoever lets go of that. When there is twice as much, or as much was dropped as is in use, a new one
 * takes its place, which makes V8 look for what is unreachable.
 * Bounds: dropped pieces that wait for the collector are as much as those in use, or TOLD_BYTES_MIN. Threading: one thread.
 */
export class OutsideMemory {
  #bytes = 0;
  #droppedBytes = 0;
  #told = new ArrayBuffer(0);

  /** What V8 knows of, in bytes. */
  get toldBytes(): number {
    return this.#told.byteLength;
  }

  /** Zeros. */
  allocate(byteLength: number): ArrayBufferLike {
    if (byteLength < PIECE_BYTES_MIN) return new ArrayBuffer(byteLength);
    // Of shared memory V8 counts nothing.
    const piece = new SharedArrayBuffer(byteLength);
    this.#bytes += byteLength;
    if (this.#bytes >= Math.max(TOLD_BYTES_MIN, 2 * this.toldBytes)) this.#tell();
    return piece;
  }

  /** The owner has no reference to a piece of so many bytes any more. */
  drop(byteLength: number): void {
    if (byteLength < PIECE_BYTES_MIN) return;
    this.#bytes -= byteLength;
    this.#droppedBytes += byteLength;
    if (this.#droppedBytes >= Math.max(TOLD_BYTES_MIN, this.#bytes)) this.#tell();
  }

  #tell(): void {
    const byteLength = Math.max(this.#bytes, this.#droppedBytes);
    this.#droppedBytes = 0;
    try {
      this.#told = new ArrayBuffer(byteLength);
    } catch {
      // So many addresses are not to be had: what is unreachable waits for V8's next collection.
      this.#told = new ArrayBuffer(0);
    }
  }
}
