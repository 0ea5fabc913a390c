// How a sink's records become bytes: the seam between the file writer and the formats.

/** Encodes records one by one. Threading: one thread. */
export interface RecordEncoder<T> {
  /** What a file starts with; called once a file, when its first record is encoded already. */
  fileHeader(): Uint8Array | undefined;
  /** Writes `record` with its line end at `at`. Returns the offset behind it, or -1 when there is no room. */
  encode(record: T, target: Buffer, at: number): number;
  /** The same for a record that is larger than the target. */
  encodeAlone(record: T): Uint8Array;
}
