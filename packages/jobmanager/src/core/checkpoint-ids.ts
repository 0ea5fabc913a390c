// Ids of a job's checkpoints: counted from 1, never used twice, reserved durably in blocks before they are used.

/** Ids that are reserved by one synced write. */
export const CHECKPOINT_ID_BLOCK = 100;

interface CheckpointIdsOptions {
  /** Ids up to this one may have been used by earlier leaders or are reserved by us. */
  readonly reserved: number;
  /** The next id; at most `reserved` + 1. */
  readonly next: number;
  /** Makes it durable that ids up to `reserved` may be in use. */
  readonly reserve: (reserved: number, then: () => void) => void;
}

/** Threading: inside `step` only. */
export class CheckpointIds {
  readonly #reserve: CheckpointIdsOptions['reserve'];
  #reserved: number;
  #next: number;

  constructor(of: CheckpointIdsOptions) {
    this.#reserve = of.reserve;
    this.#reserved = of.reserved;
    this.#next = of.next;
  }

  /** Hands out the next id, which is not to be used before `reserve` has answered. */
  next(): number {
    return this.#next++;
  }

  /** Goes on once it is durable that this id may be in use. */
  reserve(checkpointId: number, then: () => void): void {
    if (checkpointId <= this.#reserved) {
      then();
      return;
    }
    const reserved = checkpointId + CHECKPOINT_ID_BLOCK - 1;
    this.#reserve(reserved, () => {
      this.#reserved = Math.max(this.#reserved, reserved);
      then();
    });
  }
}
