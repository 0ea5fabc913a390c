// Link between two processes, over the two ends of one gRPC call: messages out by `write`, messages in by `data`.
import {
  MillraceError,
  RingBuffer,
  classify,
  invariant,
  toWireError,
  type WireError,
} from '@millrace/common';
import type { Link, LinkEvents } from './link.ts';
import {
  announcementOf,
  closeEntry,
  entryBytes,
  FOLLOWING_FRAME_BYTES_MIN,
  followingMessageV1,
  frameEntry,
  linkMessageV1,
  LinkMessageReaderV1,
  PING_ENTRY,
  PONG_ENTRY,
  subscribeEntry,
  type LinkEntry,
  type LinkMessageV1,
} from './link-message-v1.ts';

/** Entries that wait together are packed into messages of up to so many bytes. */
const MESSAGE_BYTES_MAX = FOLLOWING_FRAME_BYTES_MIN;
/** Bytes that may wait for the connection. Credits keep it far below; more is a bug of whoever sends. */
const LINK_QUEUE_BYTES_MAX = 512 * 1024 * 1024;
const QUEUE_CAPACITY_LOG2 = 16;

/** Either end of a call, as grpc-js has them. */
export interface MessageStream {
  write(message: LinkMessageV1): boolean;
  end(): void;
  on(event: 'data', listener: (message: Uint8Array) => void): unknown;
  on(event: 'drain' | 'end' | 'close' | 'cancelled', listener: () => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
}

export interface StreamLinkOptions {
  /** For messages: where the other end is. */
  readonly peer: string;
  /** Ends the call at once, both ways. */
  readonly abort: () => void;
  /** Signs of life of the other end. */
  readonly signs?: LinkSignsOfLife | undefined;
}

/** What is seen of a connection besides what it carries. */
export interface LinkSignsOfLife {
  /** Something has come. */
  heard(): void;
  /** A single message of so many bytes is about to come. */
  expect(bytes: number): void;
  /** The connection is over. */
  stop(): void;
}

/**
 * Contract: entries given within one turn leave in as few messages as fit; when `write` says so, the rest waits for `drain`.
 * Bounds: LINK_QUEUE_BYTES_MAX. Threading: one thread.
 */
export class StreamLink implements Link {
  readonly isWithinProcess = false;
  readonly #stream: MessageStream;
  readonly #options: StreamLinkOptions;
  readonly #queue = new RingBuffer<LinkEntry>(QUEUE_CAPACITY_LOG2);
  #queuedBytes = 0;
  /** A frame that was announced and is the next message. */
  #following: Uint8Array | undefined;
  /** Pings and pongs go before what waits. */
  #isPingWanted = false;
  #isPongWanted = false;
  #isFlushScheduled = false;
  #isWaitingForDrain = false;
  #isClosing = false;
  #isOver = false;
  #events: LinkEvents | undefined;
  #overBy: { readonly error: WireError | undefined } | undefined;

  constructor(stream: MessageStream, options: StreamLinkOptions) {
    this.#stream = stream;
    this.#options = options;
    stream.on('drain', () => {
      this.#isWaitingForDrain = false;
      this.#flush();
    });
    stream.on('error', (error) => this.#over(channelLost(options.peer, error.message)));
    stream.on('cancelled', () => this.#over(channelLost(options.peer)));
    stream.on('close', () => this.#over(undefined));
  }

  open(events: LinkEvents): void {
    this.#events = events;
    if (this.#overBy !== undefined) {
      const { error } = this.#overBy;
      queueMicrotask(() => events.onLinkClosed(error));
      return;
    }
    const reader = new LinkMessageReaderV1(events, {
      onPing: () => {
        this.#isPongWanted = true;
        this.#flushSoon();
      },
      onPong: () => undefined, // Whatever comes is a sign of life.
      onFrameAnnounced: (bytes) => this.#options.signs?.expect(bytes),
    });
    this.#stream.on('data', (message) => this.#onData(message, reader));
    this.#stream.on('end', () => {
      this.#over(undefined);
      this.#stream.end();
    });
  }

  subscribe(channelId: number, key: string): void {
    this.#send(subscribeEntry(channelId, key));
  }

  sendFrame(channelId: number, frame: Uint8Array): void {
    this.#send(frameEntry(channelId, frame));
  }

  closeChannel(channelId: number, error: WireError | undefined): void {
    this.#send(closeEntry(channelId, error));
  }

  /** Asks the other end for a sign of life. */
  ping(): void {
    this.#isPingWanted = true;
    this.#flushSoon();
  }

  /** Gives the connection up: its other end is not there any more. */
  abandon(reason: string): void {
    this.#over(channelLost(this.#options.peer, reason));
    this.#options.abort();
  }

  close(): void {
    this.#isClosing = true;
    if (!this.#isFlushScheduled) this.#flush();
  }

  #send(entry: LinkEntry): void {
    if (this.#isOver || this.#isClosing) return; // The other end is gone: its channels were told.
    this.#queuedBytes += entryBytes(entry);
    invariant(
      this.#queuedBytes <= LINK_QUEUE_BYTES_MAX && this.#queue.offer(entry),
      'data exchange queue is full: more was sent than credit allows',
    );
    this.#flushSoon();
  }

  #flushSoon(): void {
    if (this.#isOver || this.#isFlushScheduled || this.#isWaitingForDrain) return;
    this.#isFlushScheduled = true;
    queueMicrotask(() => {
      this.#isFlushScheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    while (!this.#isOver && !this.#isWaitingForDrain && this.#hasMore) {
      this.#isWaitingForDrain = !this.#stream.write(this.#nextMessage());
    }
    if (this.#isClosing && !this.#isOver && !this.#hasMore) {
      this.#isOver = true;
      this.#stream.end();
    }
  }

  get #hasMore(): boolean {
    return this.#queue.count > 0 || this.#following !== undefined || this.#isPingWanted || this.#isPongWanted;
  }

  #nextMessage(): LinkMessageV1 {
    if (this.#following !== undefined) {
      const frame = this.#following;
      this.#following = undefined;
      return followingMessageV1(frame);
    }
    const entries = this.#takeSigns();
    let bytes = entries.reduce((sum, entry) => sum + entryBytes(entry), 0);
    for (let next = this.#queue.peek(); next !== undefined; next = this.#queue.peek()) {
      const announcement = announcementOf(next);
      const entry = announcement ?? next;
      if (entries.length > 0 && bytes + entryBytes(entry) > MESSAGE_BYTES_MAX) break;
      this.#queue.poll();
      this.#queuedBytes -= entryBytes(next);
      entries.push(entry);
      bytes += entryBytes(entry);
      if (announcement === undefined) continue;
      this.#following = next.payload;
      break;
    }
    return linkMessageV1(entries, bytes);
  }

  #takeSigns(): LinkEntry[] {
    const entries: LinkEntry[] = [];
    if (this.#isPingWanted) entries.push(PING_ENTRY);
    if (this.#isPongWanted) entries.push(PONG_ENTRY);
    this.#isPingWanted = this.#isPongWanted = false;
    return entries;
  }

  #onData(message: Uint8Array, reader: LinkMessageReaderV1): void {
    if (this.#isOver) return;
    this.#options.signs?.heard();
    try {
      reader.read(message);
    } catch (error) {
      this.#over(toWireError(classify(error)));
      this.#options.abort();
    }
  }

  #over(error: WireError | undefined): void {
    if (this.#overBy !== undefined) return;
    this.#overBy = { error };
    this.#isOver = true;
    this.#options.signs?.stop();
    this.#events?.onLinkClosed(error);
  }
}

function channelLost(peer: string, reason = 'the other end went away'): WireError {
  return toWireError(
    new MillraceError('MR_CHANNEL_CLOSED', `Lost the data connection to ${peer}: ${reason}`, {
      details: { peer },
    }),
  );
}
