// Link messages as bytes of one gRPC message. Several small entries share a message: gRPC costs per message, not per byte.
import { MillraceError, toWireError, type WireError } from '@millrace/common';
import type { LinkEvents } from './link.ts';

/*
 * LinkMessage v1 => entry+
 *   entry   => kind UINT8, zero UINT8[3], channelId UINT32, bytes UINT32, zero UINT32, payload UINT8[bytes], zeros to a multiple of 8
 *   kind    => 1 subscribe (payload: key, UTF-8), 2 frame, 3 close (payload: WireError as JSON, or nothing)
 * Little endian. Payloads start at multiples of 8, so that a frame may be read as typed arrays in place.
 */
const KIND_SUBSCRIBE = 1;
const KIND_FRAME = 2;
const KIND_CLOSE = 3;
const HEADER_BYTES = 16;

/** Bytes of one message at most: one record at its limit, several times over. */
export const LINK_MESSAGE_BYTES_MAX = 64 * 1024 * 1024;

/** One entry that waits to be sent. */
export interface LinkEntry {
  readonly kind: number;
  readonly channelId: number;
  readonly payload: Uint8Array;
}

const NOTHING = new Uint8Array(0);

export function subscribeEntry(channelId: number, key: string): LinkEntry {
  return { kind: KIND_SUBSCRIBE, channelId, payload: Buffer.from(key, 'utf8') };
}

export function frameEntry(channelId: number, frame: Uint8Array): LinkEntry {
  return { kind: KIND_FRAME, channelId, payload: frame };
}

export function closeEntry(channelId: number, error: WireError | undefined): LinkEntry {
  return { kind: KIND_CLOSE, channelId, payload: error === undefined ? NOTHING : Buffer.from(JSON.stringify(error), 'utf8') };
}

/** Bytes that an entry takes in a message. */
export function entryBytes(entry: LinkEntry): number {
  return HEADER_BYTES + padded(entry.payload.byteLength);
}

/** Returns a message of `entries`, which take `bytes` in all (the sum of their `entryBytes`). */
export function encodeLinkMessageV1(entries: readonly LinkEntry[], bytes: number): Buffer {
  const message = Buffer.allocUnsafeSlow(bytes);
  let offset = 0;
  for (const entry of entries) {
    const { byteLength } = entry.payload;
    message.writeUInt32LE(entry.kind, offset);
    message.writeUInt32LE(entry.channelId, offset + 4);
    message.writeUInt32LE(byteLength, offset + 8);
    message.writeUInt32LE(0, offset + 12);
    message.set(entry.payload, offset + HEADER_BYTES);
    const end = offset + HEADER_BYTES + byteLength;
    offset += entryBytes(entry);
    message.fill(0, end, offset);
  }
  return message;
}

/**
 * Gives the entries of a message to `events`, in order. Frames are views into `message`.
 * @throws {MillraceError} MR_PROTOCOL when it is cut off or of an unknown kind
 */
export function decodeLinkMessageV1(bytesOfMessage: Uint8Array, events: LinkEvents): void {
  const message = Buffer.from(bytesOfMessage.buffer, bytesOfMessage.byteOffset, bytesOfMessage.byteLength);
  let offset = 0;
  while (offset < message.byteLength) {
    if (offset + HEADER_BYTES > message.byteLength) throw malformed('its header is cut off', offset);
    const kind = message.readUInt32LE(offset);
    const channelId = message.readUInt32LE(offset + 4);
    const bytes = message.readUInt32LE(offset + 8);
    const from = offset + HEADER_BYTES;
    if (bytes > message.byteLength - from) throw malformed('its payload is cut off', offset);
    const payload = new Uint8Array(message.buffer, message.byteOffset + from, bytes);
    if (kind === KIND_FRAME) events.onFrame(channelId, payload);
    else if (kind === KIND_SUBSCRIBE) events.onSubscribe(channelId, Buffer.from(payload).toString('utf8'));
    else if (kind === KIND_CLOSE) events.onChannelClosed(channelId, decodeError(payload));
    else throw malformed(`its kind ${kind} is unknown`, offset);
    offset = from + padded(bytes);
  }
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
  return new MillraceError('MR_PROTOCOL', `Cannot read a data exchange message at byte ${offset}: ${reason}`, { details: { offset } });
}
