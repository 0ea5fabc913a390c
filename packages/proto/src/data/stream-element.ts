// [HOT] What travels on a channel, in one order, and what travels back.
import type { Json } from '../graph/json.ts';
import type { RecordBatch } from './record-batch.ts';

/** Kinds of elements: producer to consumer from 0, consumer to producer from 16. They stand in frames: only add. */
export const StreamElementKind = {
  Batch: 0,
  Watermark: 1,
  Barrier: 2,
  Status: 3,
  EndOfInput: 4,
  Assignment: 5,
  NoMoreSplits: 6,
  Credit: 16,
  SplitRequest: 17,
  SplitFinished: 18,
} as const;

/** A split with its place in the source's order, and where to go on reading it. */
export interface AssignedSplitJson {
  readonly ordinal: number;
  readonly split: { readonly id: string; readonly [field: string]: Json | undefined };
  readonly position?: Json;
}

/** No record with an earlier event time follows, late ones apart. */
export interface WatermarkElement {
  readonly kind: 1;
  /** Ms since the epoch, UTC; ±Infinity too. */
  readonly timestampMs: number;
  /** Split that holds the watermark back; '' when unknown. */
  readonly splitId: string;
}

/**
 * What follows the barrier of a savepoint. `continue`: records. `stop`: nothing, unless the checkpoint is aborted. `drain`: nothing, and
 * event time goes to its end before it, as at the end of input.
 */
export type SavepointMode = 'continue' | 'stop' | 'drain';

/**
 * What follows a barrier. `final`: nothing, because all subtasks are at the end of their input; what a restore from it needs is what is to be
 * committed, and no other state.
 */
export type BarrierMode = SavepointMode | 'final';

/** As small integers, where a barrier becomes bytes: only add. */
export const BARRIER_MODES: readonly BarrierMode[] = ['continue', 'stop', 'drain', 'final'];

/** True for a barrier at which subtasks stop that are not at the end of their input. */
export function stopsInput(mode: BarrierMode): boolean {
  return mode === 'stop' || mode === 'drain';
}

/** Records before it belong to the checkpoint, those behind it do not. */
export interface CheckpointBarrierElement {
  readonly kind: 2;
  /** Below 2^48. */
  readonly checkpointId: number;
  /** When the checkpoint was triggered, ms since the epoch. */
  readonly timestampMs: number;
  /** The newest checkpoint that was complete then, below 2^48; 0: none. What it replaced may be gone: build on it. */
  readonly completedCheckpointId: number;
  readonly mode: BarrierMode;
}

/** ACTIVE or IDLE; FINISHED is {@link EndOfInputElement}. */
export interface StatusElement {
  readonly kind: 3;
  readonly isIdle: boolean;
}

/** No record follows; barriers do. */
export interface EndOfInputElement {
  readonly kind: 4;
}

/** Enumerator to reader. */
export interface AssignmentElement {
  readonly kind: 5;
  readonly split: AssignedSplitJson;
}

/** Enumerator to reader: all splits are assigned. */
export interface NoMoreSplitsElement {
  readonly kind: 6;
}

/** Consumer to producer: `count` batches more may be sent. */
export interface CreditElement {
  readonly kind: 16;
  readonly count: number;
}

/** Reader to enumerator. */
export interface SplitRequestElement {
  readonly kind: 17;
}

/** Reader to enumerator: the split is read to its end. */
export interface SplitFinishedElement {
  readonly kind: 18;
  readonly split: Json;
}

/** Everything but batches. */
export type ControlElement =
  | WatermarkElement
  | CheckpointBarrierElement
  | StatusElement
  | EndOfInputElement
  | AssignmentElement
  | NoMoreSplitsElement
  | CreditElement
  | SplitRequestElement
  | SplitFinishedElement;

/** What travels on a channel downstream, in one order with the records. */
export type StreamElement = { readonly kind: 0; readonly batch: RecordBatch } | ControlElement;
