// What a freeze sees of the store: the seam between writing a snapshot and what left memory.
import type { ByteSink } from '@millrace/proto';
import type { FrozenPartition } from './frozen-partition.ts';

/** Contract: key groups are asked for in ascending order, each once. */
export interface FrozenStore {
  /**
   * Appends the blocks of rows that were not in memory; returns how many rows. `partitions`: what was in memory, one a
   * table, in the order of the tables' numbers.
   */
  write(at: StoreWriteTarget, partitions: readonly FrozenPartition[]): Promise<number>;
  /** Forgets what later snapshots no longer need; called when all key groups are written. */
  finish(): void;
  /** Ends its scans; a write that goes on fails with MR_CANCELLED. Repeatable. */
  close(): void;
}

/** Where rows of the store are written: one key group of one run. */
export interface StoreWriteTarget {
  readonly sink: ByteSink;
  readonly keyGroup: number;
  readonly isBase: boolean;
}
