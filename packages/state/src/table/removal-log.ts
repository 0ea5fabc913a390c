// What a table lost since the last completed checkpoint: the tombstones of the next delta.
import type { StampClock } from './stamp-clock.ts';

/** Tombstones of one table at most; beyond, the next snapshot is a base and needs none. */
const REMOVALS_MAX = 1_000_000;

/** A row that is gone. */
export interface Removal {
  readonly stamp: number;
  readonly hash: number;
  readonly key: unknown;
  readonly subkey: unknown;
}

/** A namespace whose rows are all gone. */
export interface DroppedNamespace {
  readonly stamp: number;
  readonly namespace: number;
  /** Key groups that had rows; undefined: any may. */
  readonly keyGroups: ReadonlySet<number> | undefined;
}

/**
 * Contract: what came to be after the last freeze is in no snapshot and is not logged. Before the first freeze nothing is.
 * Bounds: REMOVALS_MAX entries; overflowing makes `overflowStamp` the current stamp and starts over.
 */
export class RemovalLog {
  removals: Removal[] = [];
  drops: DroppedNamespace[] = [];
  /** A snapshot that builds on one of at most this stamp misses removals. */
  overflowStamp = -2;
  readonly #clock: StampClock;

  constructor(clock: StampClock) {
    this.#clock = clock;
  }

  /** True when what was created at `created` may be in a snapshot. */
  mayBeSaved(created: number): boolean {
    return created <= this.#clock.lastFrozen && this.#clock.lastFrozen > 0;
  }

  addRemoval(hash: number, key: unknown, subkey: unknown): void {
    this.#makeRoom();
    this.removals.push({ stamp: this.#clock.current, hash, key, subkey });
  }

  addDrop(namespace: number, keyGroups: ReadonlySet<number> | undefined): void {
    this.#makeRoom();
    this.drops.push({ stamp: this.#clock.current, namespace, keyGroups });
  }

  /** Forgets what a completed checkpoint holds. */
  trim(confirmed: number): void {
    this.removals = this.removals.filter((removal) => removal.stamp > confirmed);
    this.drops = this.drops.filter((drop) => drop.stamp > confirmed);
  }

  #makeRoom(): void {
    if (this.removals.length + this.drops.length < REMOVALS_MAX) return;
    this.removals = [];
    this.drops = [];
    this.overflowStamp = this.#clock.current;
  }
}
