// Link messages as bytes of one gRPC message. Several small entries share a message: gRPC costs per message, not per byte.
import { MillraceError, toWireError, type WireError } from '@millrace/common';
import type { LinkEvents } from './link.ts';

/*
 * LinkMessage v1 => zeros UINT8[3] (entry+ | the frame that the message before has announced)
 *   entry   => kind UINT8, zero UINT8[3], channelId UINT32, bytes UINT32, following UINT32, payload UINT8[bytes], zeros to a multiple of 8
 *   kind    => 1 subscribe (payload: key, UTF-8), 2 frame, 3 close (payload: WireError as JSON, or nothing),
 *              4 frame whose payload is the whole next message, of `following` bytes; the last entry of its own message,
 *              5 ping, 6 pong: the answer to it. `following` is 0 in all but 4, `channelId` in 5 and 6
 * Little endian. gRPC has 5 bytes before each message. With three more, payloads start at multiples of 8 of what is
 * received, so that a frame is read as typed arrays in place.
 */
const PREFIX_BYTES = 3;
const KIND_SUBSCRIBE = 1;
const KIND_FRAME = 2;
const KIND_CLOSE = 3;
const KIND_FRAME_FOLLOWS = 4;
const KIND_PING = 5;
const KIND_PONG = 6;
const HEADER_BYTES = 16;

/**
 * Frames from this many bytes on travel as a message of their own, behind one that says how long the silence may be meanwhile.
 * No other message is larger.
 */
export const FOLLOWING_FRAME_BYTES_MIN = 384 * 1024;

/** Bytes of one message at most: one record at its limit, several times over. */
export const LINK_MESSAGE_BYTES_MAX = 64 * 1024 * 1024;

/** One entry that waits to be sent. */
export interface LinkEntry {
  readonly kind: number;
  readonly channelId: number;
  readonly payload: Uint8Array;
  /** Bytes of the next message, which is this frame. */
  readonly following?: number;
}

/** What the reader of a direction is told besides the events of the link. */
export interface LinkSigns {
  /** The other end asks for a pong. */
  onPing(): void;
  onPong(): void;
  /** The next message has so many bytes, and nothing comes before it. */
  onFrameAnnounced(bytes: number): void;
}

const NOTHING = new Uint8Array(0);

export function subscribeEntry(channelId: number, key: string): LinkEntry {
  return { kind: KIND_SUBSCRIBE, channelId, payload: Buffer.from(key, 'utf8') };
}

export function frameEntry(channelId: number, frame: Uint8Array): LinkEntry {
  return { kind: KIND_FRAME, channelId, payload: frame };
}

/** The entry that announces `entry` in case its payload is to be the next message, else undefined. */
export function announcementOf(entry: LinkEntry): LinkEntry | undefined {
  if (entry.kind !== KIND_FRAME || entry.payload.byteLength < FOLLOWING_FRAME_BYTES_MIN) return undefined;
  const following = entry.payload.byteLength;
  return { kind: KIND_FRAME_FOLLOWS, channelId: entry.channelId, payload: NOTHING, following };
}

/** Asks the other end for a pong. */
export const PING_ENTRY: LinkEntry = { kind: KIND_PING, channelId: 0, payload: NOTHING };
export const PONG_ENTRY: LinkEntry = { kind: KIND_PONG, channelId: 0, payload: NOTHING };

export function closeEntry(channelId: number, error: WireError | undefined): LinkEntry {
  return {
    kind: KIND_CLOSE,
    channelId,
    payload: error === undefined ? NOTHING : Buffer.from(JSON.stringify(error), 'utf8'),
  };
}

/** Bytes that an entry takes in a message. */
export function entryBytes(entry: LinkEntry): number {
  return HEADER_BYTES + padded(entry.payload.byteLength);
}

/**
 * A message that writes itself into the buffer that gRPC makes for it, so that frames are copied once on their way out. Has what grpc-js
 * uses of a Buffer that a serialiser returns.
 */
export interface LinkMessageV1 {
  readonly byteLength: number;
  readonly length: number;
  /** Writes all of it to `target` from `at` on. */
  copy(target: Buffer, at: number): number;
}

/** Returns the message of `entries`, which take `bytes` in all (the sum of their `entryBytes`). */
export function linkMessageV1(entries: readonly LinkEntry[], bytes: number): LinkMessageV1 {
  const length = PREFIX_BYTES + bytes;
  return {
    byteLength: length,
    length,
    copy: (target, at) => {
      let offset = writePrefix(target, at);
      for (const entry of entries) offset = writeEntry(target, offset, entry);
      return length;
    },
  };
}

/** Returns the message that a frame is by itself. */
export function followingMessageV1(frame: Uint8Array): LinkMessageV1 {
  const length = PREFIX_BYTES + frame.byteLength;
  return {
    byteLength: length,
    length,
    copy: (target, at) => {
      target.set(frame, writePrefix(target, at));
      return length;
    },
  };
}

function writePrefix(target: Buffer, at: number): number {
  target.fill(0, at, at + PREFIX_BYTES);
  return at + PREFIX_BYTES;
}

/** Returns the offset behind it. */
function writeEntry(target: Buffer, at: number, entry: LinkEntry): number {
  const { kind, channelId, payload, following = 0 } = entry;
  target.writeUInt32LE(kind, at);
  target.writeUInt32LE(channelId, at + 4);
  target.writeUInt32LE(payload.byteLength, at + 8);
  target.writeUInt32LE(following, at + 12);
  target.set(payload, at + HEADER_BYTES);
  const behind = at + entryBytes(entry);
  target.fill(0, at + HEADER_BYTES + payload.byteLength, behind);
  return behind;
}

/** Reads the messages of one direction of a link, in order. Threading: one thread. */
export class LinkMessageReaderV1 {
  readonly #events: LinkEvents;
  readonly #signs: LinkSigns;
  /** Channel of the frame that the next message is. */
  #following: number | undefined;

  constructor(events: LinkEvents, signs: LinkSigns) {
    this.#events = events;
    this.#signs = signs;
  }

  /**
   * Gives the entries of a message to the events, in order. Frames are views into `bytes`.
   * @throws {MillraceError} MR_PROTOCOL when it is cut off or of an unknown kind
   */
  read(bytes: Uint8Array): void {
    const message = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (message.byteLength < PREFIX_BYTES || message.readUIntLE(0, PREFIX_BYTES) !== 0)
      throw malformed('it does not start with zeros', 0);
    if (this.#following !== undefined) {
      const channelId = this.#following;
      this.#following = undefined;
      this.#events.onFrame(channelId, viewOf(message, PREFIX_BYTES, message.byteLength - PREFIX_BYTES));
      return;
    }
    let offset = PREFIX_BYTES;
    while (offset < message.byteLength) offset = this.#readEntry(message, offset);
  }

  #readEntry(message: Buffer, offset: number): number {
    if (offset + HEADER_BYTES > message.byteLength) throw malformed('its header is cut off', offset);
    const kind = message.readUInt32LE(offset);
    const channelId = message.readUInt32LE(offset + 4);
    const bytes = message.readUInt32LE(offset + 8);
    const from = offset + HEADER_BYTES;
    if (bytes > message.byteLength - from) throw malformed('its payload is cut off', offset);
    const payload = viewOf(message, from, bytes);
    if (kind === KIND_FRAME) this.#events.onFrame(channelId, payload);
    else if (kind === KIND_SUBSCRIBE)
      this.#events.onSubscribe(channelId, Buffer.from(payload).toString('utf8'));
    else if (kind === KIND_CLOSE) this.#events.onChannelClosed(channelId, decodeError(payload));
    else if (kind === KIND_FRAME_FOLLOWS) {
      this.#following = channelId;
      this.#signs.onFrameAnnounced(message.readUInt32LE(offset + 12));
    } else if (kind === KIND_PING) this.#signs.onPing();
    else if (kind === KIND_PONG) this.#signs.onPong();
    else throw malformed(`its kind ${kind} is unknown`, offset);
    return from + padded(bytes);
  }
}

function viewOf(message: Buffer, from: number, bytes: number): Uint8Array {
  return new Uint8Array(message.buffer, message.byteOffset + from, bytes);
}

function decodeError(payload: Uint8Array): WireError | undefined {
  if (payload.byteLength === 0) return undefined;
  try {
    return JSON.parse(Buffer.from(payload).toString('utf8')) as WireError;
  } catch {
    return toWireError(malformed('its error is no JSON', 0));
  }
}

function padded(bytes: number): number {
  return (bytes + 7) & ~7;
}

function malformed(reason: string, offset: number): MillraceError {
  return new MillraceError(
    'MR_PROTOCOL',
    `Cannot read a data exchange message at byte ${offset}: ${reason}`,
    { details: { offset } },
  );
}
