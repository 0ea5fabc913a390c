// [HOT] Frame v1: one element of a channel as bytes. Never edited; a change is frame-v2.ts.
import { crc32 } from 'node:zlib';
import { MillraceError } from '@millrace/common';
import type { Json } from '../graph/json.ts';
import { encodeBehind, FRAME_BYTES_MAX } from './batch-codec-v1.ts';
import { ByteReader, ByteWriter, corruptFrame } from './bytes.ts';
import type { RecordBatch } from './record-batch.ts';
import {
  BARRIER_MODES,
  StreamElementKind as Kind,
  type AssignedSplitJson,
  type ControlElement,
  type StreamElement,
} from './stream-element.ts';
import { readValueV1, writeValueV1 } from './value-codec-v1.ts';

/*
 * Frame v1 => header payload
 *   magic            => UINT16  0x464d, "MF"
 *   version          => UINT8   1
 *   kind             => UINT8   StreamElementKind
 *   producerAttempt  => UINT32
 *   consumerAttempt  => UINT32
 *   edgeId           => UINT32
 *   producerSubtask  => UINT32
 *   consumerSubtask  => UINT32
 *   sequence         => UINT32  frames of this direction of the channel, from 0
 *   payloadBytes     => UINT32
 *   payloadCrc       => UINT32  CRC-32 of the payload; 0 for a batch, which begins with its own
 *   headerCrc        => UINT32  CRC-32 of the 36 bytes before
 *   payload by kind:
 *     0 batch         => batch-codec-v1.ts        16 credit        => UINT32 count, 1 or more
 *     1 watermark     => FLOAT64 ms, value: id    17 splitRequest  => nothing
 *     2 barrier       => UINT48 id, FLOAT64 ms, UINT48 id of the newest complete one, 0: none,
 *                        UINT8 0 continue, 1 stop, 2 drain
 *     3 status        => UINT8 0 active, 1 idle   18 splitFinished => UTF-8 JSON
 *     4 endOfInput, 6 noMoreSplits => nothing
 *     5 assignment    => UTF-8 JSON {"ordinal", "split", "position"?}
 * Little endian.
 */
const MAGIC = 0x464d;
const VERSION = 1;
const CRC_AT = 36;
/** Bytes before the payload: a multiple of 8, so that a batch's columns stay aligned. */
export const FRAME_HEADER_BYTES = 40;

/** Who sent a frame, and its place in its direction of the channel. Every field is a u32. */
export interface FrameHeader {
  readonly producerAttempt: number;
  readonly consumerAttempt: number;
  readonly edgeId: number;
  readonly producerSubtask: number;
  readonly consumerSubtask: number;
  readonly sequence: number;
}

/** A decoded frame. A batch stays bytes, a view of the frame's, for `decodeBatchV1`. */
export interface Frame {
  readonly header: FrameHeader;
  readonly element: { readonly kind: 0; readonly batchBytes: Uint8Array } | ControlElement;
}

/**
 * Returns the frame of `element`, with an ArrayBuffer of its own. `isChecked` false: a batch has no checksum, because it stays in
 * this process.
 * @throws {MillraceError} MR_UNSUPPORTED_VALUE when a batch is too large for a frame; MR_INTERNAL for a field out of range
 */
export function encodeFrameV1(
  header: FrameHeader,
  element: StreamElement,
  isChecked = true,
): Uint8Array<ArrayBuffer> {
  if (element.kind === Kind.Batch) return encodeBatchFrameV1(header, element.batch, isChecked);
  const writer = new ByteWriter(128);
  writer.reserve(FRAME_HEADER_BYTES);
  writePayload(writer, element);
  const bytes = writer.copy();
  writeHeader(bytes, header, element.kind);
  return bytes;
}

/** Like {@link encodeFrameV1} for a batch, which is written behind its header without another copy. */
export function encodeBatchFrameV1(
  header: FrameHeader,
  batch: RecordBatch,
  isChecked = true,
): Uint8Array<ArrayBuffer> {
  const bytes = encodeBehind(batch, FRAME_HEADER_BYTES, isChecked);
  writeHeader(bytes, header, Kind.Batch);
  return bytes;
}

function writeHeader(bytes: Uint8Array, header: FrameHeader, kind: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const payload = bytes.subarray(FRAME_HEADER_BYTES);
  view.setUint16(0, MAGIC, true);
  view.setUint8(2, VERSION);
  view.setUint8(3, kind);
  view.setUint32(4, checked(header.producerAttempt), true);
  view.setUint32(8, checked(header.consumerAttempt), true);
  view.setUint32(12, checked(header.edgeId), true);
  view.setUint32(16, checked(header.producerSubtask), true);
  view.setUint32(20, checked(header.consumerSubtask), true);
  view.setUint32(24, checked(header.sequence), true);
  view.setUint32(28, payload.length, true);
  view.setUint32(32, kind === Kind.Batch ? 0 : crc32(payload), true);
  view.setUint32(CRC_AT, crc32(bytes.subarray(0, CRC_AT)), true);
}

function checked(value: number): number {
  if (value >>> 0 !== value)
    throw new MillraceError('MR_INTERNAL', `Cannot encode a frame: ${value} is no unsigned 32-bit integer`);
  return value;
}

function writePayload(writer: ByteWriter, element: ControlElement): void {
  switch (element.kind) {
    case Kind.Watermark:
      writer.f64(element.timestampMs);
      writeValueV1(writer, element.splitId);
      return;
    case Kind.Barrier:
      writer.u48(element.checkpointId).f64(element.timestampMs).u48(element.completedCheckpointId);
      writer.u8(BARRIER_MODES.indexOf(element.mode));
      return;
    case Kind.Status:
      writer.u8(element.isIdle ? 1 : 0);
      return;
    case Kind.Assignment:
    case Kind.SplitFinished:
      writer.bytes(new TextEncoder().encode(JSON.stringify(element.split)));
      return;
    case Kind.Credit:
      writer.u32(checked(element.count));
      return;
    case Kind.EndOfInput:
    case Kind.NoMoreSplits:
    case Kind.SplitRequest:
      return;
    default:
      element satisfies never;
  }
}

/**
 * Returns header and element of a whole frame.
 * @throws {MillraceError} MR_FRAME_CORRUPT unless {@link encodeFrameV1} wrote exactly these bytes
 */
export function decodeFrameV1(bytes: Uint8Array): Frame {
  if (bytes.length < FRAME_HEADER_BYTES || bytes.length > FRAME_BYTES_MAX)
    throw corruptFrame(`frame of ${bytes.length} bytes`);
  const reader = new ByteReader(bytes);
  if (reader.u16() !== MAGIC) throw corruptFrame('not a frame');
  const version = reader.u8();
  if (version !== VERSION)
    throw corruptFrame(
      `frame of version ${version}, this one reads ${VERSION}: run the same release everywhere`,
    );
  const kind = reader.u8();
  const header: FrameHeader = {
    producerAttempt: reader.u32(),
    consumerAttempt: reader.u32(),
    edgeId: reader.u32(),
    producerSubtask: reader.u32(),
    consumerSubtask: reader.u32(),
    sequence: reader.u32(),
  };
  const payloadBytes = reader.u32();
  const payloadCrc = reader.u32();
  if (reader.u32() !== crc32(bytes.subarray(0, CRC_AT))) throw corruptFrame('checksum of the header differs');
  if (payloadBytes !== reader.remaining)
    throw corruptFrame(`payload of ${payloadBytes} bytes, ${reader.remaining} are there`);
  if (kind === Kind.Batch)
    return { header, element: { kind, batchBytes: bytes.subarray(FRAME_HEADER_BYTES) } };
  if (payloadCrc !== crc32(bytes.subarray(FRAME_HEADER_BYTES)))
    throw corruptFrame('checksum of the payload differs');
  const element = readPayload(reader, kind);
  reader.expectEnd();
  return { header, element };
}

function readPayload(reader: ByteReader, kind: number): ControlElement {
  switch (kind) {
    case Kind.Watermark: {
      const timestampMs = reader.f64();
      const splitId = readValueV1(reader);
      if (typeof splitId !== 'string' || Number.isNaN(timestampMs)) throw corruptFrame('malformed watermark');
      return { kind, timestampMs, splitId };
    }
    case Kind.Barrier: {
      const checkpointId = reader.u48();
      const timestampMs = reader.f64();
      const completedCheckpointId = reader.u48();
      const mode = BARRIER_MODES[reader.u8()];
      if (mode === undefined) throw corruptFrame('unknown mode of a barrier');
      return { kind, checkpointId, timestampMs, completedCheckpointId, mode };
    }
    case Kind.Status: {
      const status = reader.u8();
      if (status > 1) throw corruptFrame(`unknown status ${status}`);
      return { kind, isIdle: status === 1 };
    }
    case Kind.Assignment:
      return { kind, split: assignedSplit(readJson(reader)) };
    case Kind.SplitFinished:
      return { kind, split: readJson(reader) };
    case Kind.Credit: {
      const count = reader.u32();
      if (count === 0) throw corruptFrame('credit of 0');
      return { kind, count };
    }
    case Kind.EndOfInput:
      return { kind };
    case Kind.NoMoreSplits:
      return { kind };
    case Kind.SplitRequest:
      return { kind };
    default:
      throw corruptFrame(`unknown kind ${kind}`);
  }
}

function readJson(reader: ByteReader): Json {
  const bytes = reader.bytes(reader.remaining);
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)) as Json;
  } catch (cause) {
    const error = corruptFrame('payload is no JSON');
    error.cause = cause;
    throw error;
  }
}

function assignedSplit(json: Json): AssignedSplitJson {
  const assigned = json as {
    readonly ordinal?: unknown;
    readonly split?: { readonly id?: unknown } | null;
  } | null;
  if (
    typeof assigned !== 'object' ||
    !Number.isInteger(assigned?.ordinal) ||
    typeof assigned?.split?.id !== 'string'
  ) {
    throw corruptFrame('malformed split assignment');
  }
  return json as unknown as AssignedSplitJson;
}
