// What a freeze sees of the store: the seam between writing a snapshot and what left memory.
import type { ByteSink } from '@millrace/proto';

/** Contract: key groups are asked for in ascending order, each once. */
export interface FrozenStore {
  /** Appends the blocks of rows that were not in memory; returns how many rows. */
  write(sink: ByteSink, keyGroup: number, isBase: boolean): Promise<number>;
  /** Ends its scans; also when it was never written. */
  close(): void;
}
