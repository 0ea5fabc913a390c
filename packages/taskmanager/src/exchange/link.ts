// One ordered connection from a consuming slot to a producing slot of the same job attempt, shared by all channels between
// the two. Two implementations: a MessagePort (same process) and a gRPC call (other process).
import type { WireError } from '@millrace/common';

/** What arrives at one end. Channel ids are chosen by the consuming end, per link, from 0. */
export interface LinkEvents {
  /** Producing end only: the consumer wants the channel of this key. */
  onSubscribe(channelId: number, key: string): void;
  /** Data at the consuming end; credit and requests at the producing end. The bytes belong to the receiver. */
  onFrame(channelId: number, frame: Uint8Array): void;
  /** The other end has closed this channel. */
  onChannelClosed(channelId: number, error: WireError | undefined): void;
  /** The connection is gone, for whatever reason; nothing follows. */
  onLinkClosed(error: WireError | undefined): void;
}

/**
 * One end of a link.
 * Contract: what is sent arrives in order, once; events come after `open`, never inside a call to the link.
 * `close` sends what was given before; nothing is sent afterwards.
 */
export interface Link {
  /** Both ends are in this process: nothing that it carries can be damaged on its way. Both ends say the same. */
  readonly isWithinProcess: boolean;
  /** Starts the delivery of events; what came before waits. */
  open(events: LinkEvents): void;
  subscribe(channelId: number, key: string): void;
  /** The bytes, and the ArrayBuffer that they have for themselves, belong to the link afterwards. */
  sendFrame(channelId: number, frame: Uint8Array): void;
  closeChannel(channelId: number, error: WireError | undefined): void;
  close(): void;
}
