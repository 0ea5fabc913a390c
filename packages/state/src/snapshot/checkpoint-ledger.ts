// Which freezes wait for their checkpoint's fate, which files the last completed one needs, and what the next one starts over.
import type { KeyGroupRange } from '@millrace/common';
import type { KeyedStateFile } from '@millrace/proto';
import { firstFileByKeyGroup } from './file-chain.ts';
import { NOTHING_CONFIRMED, type StampClock } from '../table/stamp-clock.ts';
import type { FreezeScope } from './frozen-table.ts';

/** Each key group is written whole once in so many checkpoints that write something; bounds the files of a restore. */
export const REBASE_INTERVAL = 32;
/** Unless set otherwise, state with at most so many entries is always written whole. */
const WHOLE_SNAPSHOT_ENTRIES_MAX = 4096;
/** Freezes whose checkpoint is neither completed nor aborted, at most; older ones count as aborted. */
const PENDING_MAX = 64;

interface PendingFreeze {
  readonly checkpointId: number;
  readonly stamp: number;
  readonly hasBase: boolean;
  files: readonly KeyedStateFile[] | undefined;
}

/** Which changes which checkpoint holds. Threading: the task's thread only. */
export class CheckpointLedger {
  /** Files that the last completed checkpoint needs, oldest first. */
  files: readonly KeyedStateFile[] = [];
  readonly #clock: StampClock;
  readonly #range: KeyGroupRange;
  readonly #keyGroupCount: number;
  readonly #wholeEntriesMax: number;
  #pending: PendingFreeze[] = [];
  #completedCheckpointId = -1;
  #rotation = 0;

  constructor(options: {
    clock: StampClock;
    range: KeyGroupRange;
    keyGroupCount: number;
    wholeEntriesMax: number | undefined;
  }) {
    this.#clock = options.clock;
    this.#range = options.range;
    this.#keyGroupCount = options.keyGroupCount;
    this.#wholeEntriesMax = options.wholeEntriesMax ?? WHOLE_SNAPSHOT_ENTRIES_MAX;
  }

  get confirmed(): number {
    return this.#clock.confirmed;
  }

  /** What the next freeze takes. `needsFullBase`: tombstones were lost. */
  scope(of: { changedCount: number; entryCount: number; needsFullBase: boolean }): FreezeScope {
    const { firstKeyGroup, lastKeyGroup } = this.#range;
    const confirmed = this.#clock.confirmed;
    const isFullBase =
      confirmed === NOTHING_CONFIRMED ||
      of.needsFullBase ||
      of.entryCount <= this.#wholeEntriesMax ||
      of.changedCount * 2 >= of.entryCount;
    const shared = { confirmed, keyGroupCount: this.#keyGroupCount, isFullBase };
    if (isFullBase) return { ...shared, baseFrom: firstKeyGroup, baseTo: lastKeyGroup + 1 };
    const share = this.#rotation % REBASE_INTERVAL;
    return { ...shared, baseFrom: this.#startOf(share), baseTo: this.#startOf(share + 1) };
  }

  /** First key group of a share of them. */
  #startOf(share: number): number {
    const { firstKeyGroup, lastKeyGroup } = this.#range;
    return firstKeyGroup + Math.floor((share * (lastKeyGroup - firstKeyGroup + 1)) / REBASE_INTERVAL);
  }

  /**
   * Begins with the state that `files` hold. The turn goes to the key groups whose base is the oldest, so that also attempts which end
   * after a few checkpoints start all of them over one day.
   */
  buildOn(files: readonly KeyedStateFile[]): void {
    const clock = this.#clock;
    clock.lastFrozen = clock.confirmed = clock.current++;
    this.files = files;
    const first = firstFileByKeyGroup(files);
    let oldest = Infinity;
    for (let share = 0; share < REBASE_INTERVAL; share++) {
      for (let keyGroup = this.#startOf(share); keyGroup < this.#startOf(share + 1); keyGroup++) {
        const index = first.get(keyGroup) ?? Infinity;
        if (index >= oldest) continue;
        oldest = index;
        this.#rotation = share;
      }
    }
  }

  /** Records a freeze and moves the clock on; returns what to call when its files are written. */
  freeze(checkpointId: number, hasBase: boolean): (files: readonly KeyedStateFile[]) => void {
    const pending: PendingFreeze = { checkpointId, stamp: this.#clock.current, hasBase, files: undefined };
    this.#pending.push(pending);
    if (this.#pending.length > PENDING_MAX) this.#pending.shift();
    this.#clock.lastFrozen = this.#clock.current;
    this.#clock.advance();
    return (files) => {
      pending.files = files;
    };
  }

  /** True when the checkpoint is the newest one completed, and its files are what later ones build on. */
  complete(checkpointId: number): boolean {
    const pending = this.#pending.find((freeze) => freeze.checkpointId === checkpointId);
    if (pending?.files === undefined || checkpointId <= this.#completedCheckpointId) return false;
    this.#pending = this.#pending.filter((freeze) => freeze.checkpointId > checkpointId);
    this.#completedCheckpointId = checkpointId;
    this.#clock.confirmed = pending.stamp;
    this.files = pending.files;
    if (pending.hasBase) this.#rotation++;
    return true;
  }

  abort(checkpointId: number): void {
    this.#pending = this.#pending.filter((freeze) => freeze.checkpointId !== checkpointId);
  }
}
