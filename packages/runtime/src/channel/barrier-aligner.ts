// [HOT] Which channels of an input gate wait for the barriers of the others, if any does. Knows checkpoint ids, nothing of
// records.
import { MillraceError } from '@millrace/common';

/** What the gate does after a barrier. */
export const AlignmentStep = {
  /** The barrier is of a checkpoint that is over: nothing happens. */
  Skip: 0,
  /** The others are to bring theirs; until then the channel is blocked, where channels block. */
  Block: 1,
  /** The last barrier came: all channels are free again, and the checkpoint is to be taken. */
  Aligned: 2,
} as const;
export type AlignmentStep = (typeof AlignmentStep)[keyof typeof AlignmentStep];

/**
 * Aligns the barriers of one input gate.
 * Contract: barriers of one channel arrive in checkpoint order. A blocked channel is not polled. A newer barrier aborts
 * the older alignment and starts its own. Channels that have ended count like any other: the task behind them stays
 * alive and passes barriers on. At least once (`isBlocking: false`) no channel is ever blocked: what comes behind a barrier
 * is processed before the checkpoint is taken.
 * Bounds: one alignment at a time. Threading: the task's thread only.
 * Source: Carbone et al., "Lightweight Asynchronous Snapshots for Distributed Dataflows" (2015), alg. 1
 */
export class BarrierAligner {
  readonly #isBlocking: boolean;
  /** Channels that have brought the barrier being aligned. */
  readonly #hasArrived: boolean[];
  #waitingCount = 0;
  #checkpointId = 0;
  /** Checkpoints up to this one are over here: aligned or aborted. */
  #settledId = 0;
  #startedMs = 0;
  #lastAlignmentMs = 0;

  constructor(channelCount: number, isBlocking = true) {
    this.#isBlocking = isBlocking;
    this.#hasArrived = Array.from({ length: channelCount }, () => false);
  }

  isBlocked(channelIndex: number): boolean {
    return this.#isBlocking && this.#hasArrived[channelIndex] === true;
  }

  /** Checkpoint that is being aligned; 0: none. */
  get aligningId(): number {
    return this.#checkpointId;
  }

  /** How long the last alignment took, ms. */
  get lastAlignmentMs(): number {
    return this.#lastAlignmentMs;
  }

  /**
   * Records that a barrier arrived on a channel and says what happens next.
   * @throws {MillraceError} MR_PROTOCOL when the channel is not in this gate, or has brought this barrier already
   */
  onBarrier(channelIndex: number, checkpointId: number, nowMs: number): AlignmentStep {
    const hasArrived = this.#hasArrived[channelIndex];
    const isRepeated = hasArrived === true && (this.#isBlocking || checkpointId === this.#checkpointId);
    if (hasArrived === undefined || isRepeated) {
      throw new MillraceError(
        'MR_PROTOCOL',
        `Cannot take barrier ${checkpointId} from channel ${channelIndex}: it has brought one already, or is unknown`,
        {
          details: { channelIndex, checkpointId },
        },
      );
    }
    if (checkpointId <= this.#settledId || checkpointId < this.#checkpointId) return AlignmentStep.Skip;
    if (checkpointId > this.#checkpointId) this.#start(checkpointId, nowMs);
    this.#hasArrived[channelIndex] = true;
    this.#waitingCount--;
    if (this.#waitingCount > 0) return AlignmentStep.Block;
    this.#lastAlignmentMs = nowMs - this.#startedMs;
    this.#settle(checkpointId);
    return AlignmentStep.Aligned;
  }

  /** Gives up a checkpoint: its channels are free again, and what still comes of its barriers is skipped. */
  abort(checkpointId: number): void {
    if (checkpointId < this.#checkpointId) return;
    this.#settle(checkpointId);
  }

  #start(checkpointId: number, nowMs: number): void {
    if (this.#checkpointId > 0) this.#settle(this.#checkpointId);
    this.#checkpointId = checkpointId;
    this.#waitingCount = this.#hasArrived.length;
    this.#startedMs = nowMs;
  }

  #settle(checkpointId: number): void {
    if (checkpointId > this.#settledId) this.#settledId = checkpointId;
    this.#checkpointId = 0;
    this.#waitingCount = 0;
    this.#hasArrived.fill(false);
  }
}
