// All states of a backend that have a TTL, cleaned together.
import { BATCH_ROWS_MAX } from '@millrace/proto';
import type { ExpiringStates } from '../keyed-state-backend.ts';
import type { Expiry } from './expiry.ts';

/** Keys, items and entries that are looked at between two batches, at most: a batch may bring as many new keys. */
const LOOKS_PER_BATCH = BATCH_ROWS_MAX;

/** Threading: the task's thread. Bounds: LOOKS_PER_BATCH. */
export class ExpiringStatesOf implements ExpiringStates {
  readonly #all: Expiry[] = [];
  /** Whose turn it is first, so that none waits for the others for good. */
  #next = 0;

  add(expiry: Expiry): void {
    this.#all.push(expiry);
  }

  get expiredCount(): number {
    let count = 0;
    for (const expiry of this.#all) count += expiry.expiredCount;
    return count;
  }

  get isDue(): boolean {
    for (const expiry of this.#all) if (expiry.isDue) return true;
    return false;
  }

  get wallDueMs(): number {
    let dueMs = Infinity;
    for (const expiry of this.#all) if (expiry.isWallClock) dueMs = Math.min(dueMs, expiry.dueMs);
    return dueMs;
  }

  clean(): void {
    const all = this.#all;
    let left = LOOKS_PER_BATCH;
    for (let step = 0; step < all.length && left > 0; step++) {
      left = (all[this.#next] as Expiry).clean(left);
      this.#next = (this.#next + 1) % all.length;
    }
  }
}
