// [HOT] What travels on a channel inside a slot: proto's stream elements, by direction.
import { StreamElementKind, type AssignedSplitJson, type StreamElement } from '@millrace/proto';

/** Small integers, so that a switch over them is a jump. */
export const ElementKind = StreamElementKind;

/** Consumer → producer. */
export type UpstreamElement = Extract<StreamElement, { readonly kind: 16 | 17 | 18 }>;
/** Producer → consumer. */
export type ChannelElement = Exclude<StreamElement, UpstreamElement>;
/** All but batches. They need no credit. */
export type ControlElement = Exclude<ChannelElement, { readonly kind: 0 }>;
/** How far event time has come. */
export type WatermarkElement = Extract<ChannelElement, { readonly kind: 1 }>;
/** The start of a checkpoint's part of a channel. */
export type BarrierElement = Extract<ChannelElement, { readonly kind: 2 }>;
/** A split with its place in the order of `enumerate`, and where to go on reading it. */
export type AssignedSplit = AssignedSplitJson;

export const END_OF_INPUT: ControlElement = { kind: ElementKind.EndOfInput };
export const NO_MORE_SPLITS: ControlElement = { kind: ElementKind.NoMoreSplits };
export const IDLE: ControlElement = { kind: ElementKind.Status, isIdle: true };
export const ACTIVE: ControlElement = { kind: ElementKind.Status, isIdle: false };
