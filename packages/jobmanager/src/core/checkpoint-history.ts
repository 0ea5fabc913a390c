// How the newest checkpoints of a job went: what people are shown of them.
import type { CheckpointEntry } from '@millrace/proto';

/** Checkpoints that are remembered; the oldest is forgotten first. They are written with each pointer. */
const HISTORY_MAX = 20;
/** A reason is cut off there. */
const FAILURE_LENGTH_MAX = 500;

/** How long a subtask took for its part. */
export interface SnapshotTimes {
  readonly alignmentMs: number;
  readonly syncMs: number;
  readonly asyncMs: number;
}

type Beginning = Pick<CheckpointEntry, 'checkpointId' | 'epoch' | 'kind' | 'triggeredAtMs' | 'subtaskCount'>;
/** How a checkpoint ended. */
export interface CheckpointEnding extends Pick<CheckpointEntry, 'state'> {
  readonly durationMs: number;
  readonly totalBytes?: number;
  readonly failure?: string;
}

/** Bounds: the newest `HISTORY_MAX` and the pending one. Threading: inside `step` only. */
export class CheckpointHistory {
  #ended: readonly CheckpointEntry[];
  #pending: CheckpointEntry | undefined;

  constructor(stored: readonly CheckpointEntry[]) {
    this.#ended = stored;
  }

  /** Oldest first, the pending one last. */
  get entries(): readonly CheckpointEntry[] {
    return this.#pending === undefined ? this.#ended : [...this.#ended, this.#pending];
  }

  /** Those that have ended, oldest first. */
  get ended(): readonly CheckpointEntry[] {
    return this.#ended;
  }

  begin(beginning: Beginning): void {
    this.#pending = {
      ...beginning,
      state: 'in-progress',
      acknowledgedCount: 0,
      alignmentMsMax: 0,
      syncMsMax: 0,
      asyncMsMax: 0,
      newBytes: 0,
    };
  }

  /** A subtask has acknowledged the pending one. */
  acknowledged(acknowledgedCount: number, times: SnapshotTimes, newBytes: number): void {
    const pending = this.#pending;
    if (pending === undefined) return;
    this.#pending = {
      ...pending,
      acknowledgedCount,
      alignmentMsMax: Math.max(pending.alignmentMsMax, times.alignmentMs),
      syncMsMax: Math.max(pending.syncMsMax, times.syncMs),
      asyncMsMax: Math.max(pending.asyncMsMax, times.asyncMs),
      newBytes: pending.newBytes + newBytes,
    };
  }

  /** What `ended` will be when the pending one ends so. */
  endedWith(ending: CheckpointEnding): readonly CheckpointEntry[] {
    if (this.#pending === undefined) return this.#ended;
    const { failure } = ending;
    const cut = failure === undefined ? {} : { failure: failure.slice(0, FAILURE_LENGTH_MAX) };
    return [...this.#ended, { ...this.#pending, ...ending, ...cut }].slice(-HISTORY_MAX);
  }

  end(ending: CheckpointEnding): void {
    this.#ended = this.endedWith(ending);
    this.#pending = undefined;
  }
}
