// What a remote channel needs of the wire: frames with a header that tells stray ones apart. The bytes are proto's.
import type { ChannelElement } from './channel-element.ts';

/** Who sent a frame, and its place in the channel. */
export interface FrameHeader {
  readonly attemptNumber: number;
  readonly edgeId: number;
  readonly producerSubtask: number;
  readonly consumerSubtask: number;
  /** Counts the frames of one direction of a channel from 0. */
  readonly sequence: number;
}

/** Consumer → producer. */
export type UpstreamElement = { readonly kind: 'credit'; readonly count: number } | { readonly kind: 'split-request' };

/** Turns elements into frames and back. Bounds: those of proto's frames. */
export interface FrameCodec {
  encode(header: FrameHeader, element: ChannelElement): Uint8Array;
  encodeUpstream(header: FrameHeader, element: UpstreamElement): Uint8Array;
  /** @throws {MillraceError} MR_FRAME_CORRUPT for anything but a frame of a channel's producer */
  decode(bytes: Uint8Array): { readonly header: FrameHeader; readonly element: ChannelElement };
  /** @throws {MillraceError} MR_FRAME_CORRUPT for anything but a frame of a channel's consumer */
  decodeUpstream(bytes: Uint8Array): { readonly header: FrameHeader; readonly element: UpstreamElement };
}
