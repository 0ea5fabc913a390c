// [HOT] What travels on a channel inside a slot: batches and control events, in one order. The bytes of a frame are proto's.
import type { Split } from '@millrace/api';
import type { Json, RecordBatch } from '@millrace/proto';

/** Small integers, so that a switch over them is a jump. */
export const ElementKind = {
  Batch: 0,
  Watermark: 1,
  Barrier: 2,
  Status: 3,
  EndOfInput: 4,
  Assignment: 5,
  NoMoreSplits: 6,
} as const;

export interface BatchElement {
  readonly kind: 0;
  readonly batch: RecordBatch;
}

export interface WatermarkElement {
  readonly kind: 1;
  readonly timestampMs: number;
  /** Split that holds the watermark back; '' when unknown. */
  readonly splitId: string;
}

export interface BarrierElement {
  readonly kind: 2;
  readonly checkpointId: number;
  /** When the checkpoint was triggered, ms since the epoch. */
  readonly timestampMs: number;
}

/** ACTIVE or IDLE; FINISHED is `EndOfInput`. */
export interface StatusElement {
  readonly kind: 3;
  readonly isIdle: boolean;
}

/** No record comes behind it; barriers still do. */
export interface EndOfInputElement {
  readonly kind: 4;
}

/** Enumerator → reader. */
export interface AssignmentElement {
  readonly kind: 5;
  readonly split: AssignedSplit;
}

/** Enumerator → reader: all splits are assigned. */
export interface NoMoreSplitsElement {
  readonly kind: 6;
}

export type ChannelElement =
  | BatchElement
  | WatermarkElement
  | BarrierElement
  | StatusElement
  | EndOfInputElement
  | AssignmentElement
  | NoMoreSplitsElement;

/** All but batches. They need no credit. */
export type ControlElement = Exclude<ChannelElement, BatchElement>;

/** A split with its place in the order of `enumerate`, and where to go on reading it. */
export interface AssignedSplit {
  readonly ordinal: number;
  readonly split: Split;
  readonly position?: Json;
}

export const END_OF_INPUT: EndOfInputElement = { kind: ElementKind.EndOfInput };
export const NO_MORE_SPLITS: NoMoreSplitsElement = { kind: ElementKind.NoMoreSplits };
export const IDLE: StatusElement = { kind: ElementKind.Status, isIdle: true };
export const ACTIVE: StatusElement = { kind: ElementKind.Status, isIdle: false };
