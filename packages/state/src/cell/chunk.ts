// A piece of a list or of a map's directory: an array that is changed in place while no snapshot refers to it.

/** Elements of a chunk at most. */
export const CHUNK_ENTRIES_MAX = 128;

/** Contract: `items` may be changed only while `stamp` is above the clock's last freeze; else see `chunkForWriting`. */
export class Chunk {
  readonly items: unknown[];
  readonly stamp: number;

  constructor(items: unknown[], stamp: number) {
    this.items = items;
    this.stamp = stamp;
  }
}
