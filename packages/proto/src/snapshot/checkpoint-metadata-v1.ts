// Bytes of checkpoint metadata and pointers, version 1. Never edited: a change is a version 2 beside it.
import { crc32 } from 'node:zlib';
import { MillraceError } from '@millrace/common';
import type { CheckpointMetadata, CheckpointPointer } from './checkpoint-metadata.ts';

/*
 * Envelope v1 =>  magic version payloadBytes payload checksum
 *   magic        => 4 BYTES  'MRCM' metadata, 'MRCP' pointer
 *   version      => UINT16   little endian, 1
 *   payloadBytes => UINT32   little endian
 *   payload      => BYTES    UTF-8 JSON: CheckpointMetadata or CheckpointPointer
 *   checksum     => UINT32   little endian, CRC-32 (IEEE) over everything before it
 * Nothing follows the checksum.
 */
const HEADER_BYTES = 10;
const CHECKSUM_BYTES = 4;
const VERSION = 1;
/** Bytes of a metadata file at most. */
export const CHECKPOINT_METADATA_BYTES_MAX = 256 * 1024 * 1024;

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

/** Bytes of a `_metadata` file, sealed with length and checksum. */
export function encodeCheckpointMetadataV1(metadata: CheckpointMetadata): Uint8Array {
  return seal('MRCM', metadata);
}

/** @throws {MillraceError} MR_CHECKPOINT_CORRUPT for anything but the bytes of the encoder */
export function decodeCheckpointMetadataV1(bytes: Uint8Array): CheckpointMetadata {
  const value = open('MRCM', bytes) as Partial<CheckpointMetadata>;
  const isWhole =
    value.version === VERSION &&
    isId(value.checkpointId) &&
    isId(value.epoch) &&
    typeof value.jobId === 'string' &&
    typeof value.keyGroupCount === 'number' &&
    typeof value.isFinal === 'boolean' &&
    Array.isArray(value.vertices) &&
    Array.isArray(value.output);
  if (!isWhole) throw corrupt('it lacks fields');
  return value as CheckpointMetadata;
}

/** Bytes of a pointer in the JobManager's store, sealed with length and checksum. */
export function encodeCheckpointPointerV1(pointer: CheckpointPointer): Uint8Array {
  return seal('MRCP', pointer);
}

/** @throws {MillraceError} MR_CHECKPOINT_CORRUPT for anything but the bytes of the encoder */
export function decodeCheckpointPointerV1(bytes: Uint8Array): CheckpointPointer {
  const value = open('MRCP', bytes) as Partial<CheckpointPointer>;
  const isWhole =
    value.version === VERSION &&
    typeof value.jobId === 'string' &&
    Array.isArray(value.retained) &&
    value.retained.length > 0 &&
    value.retained.every((reference) => isId(reference.epoch) && isId(reference.checkpointId));
  if (!isWhole) throw corrupt('it lacks fields');
  return value as CheckpointPointer;
}

function isId(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 1;
}

function seal(magic: string, value: unknown): Uint8Array {
  const payload = encoder.encode(JSON.stringify(value));
  const bytes = new Uint8Array(HEADER_BYTES + payload.byteLength + CHECKSUM_BYTES);
  const view = new DataView(bytes.buffer);
  encoder.encodeInto(magic, bytes);
  view.setUint16(4, VERSION, true);
  view.setUint32(6, payload.byteLength, true);
  bytes.set(payload, HEADER_BYTES);
  view.setUint32(
    HEADER_BYTES + payload.byteLength,
    crc32(bytes.subarray(0, HEADER_BYTES + payload.byteLength)),
    true,
  );
  return bytes;
}

function open(magic: string, bytes: Uint8Array): object {
  if (bytes.byteLength > CHECKPOINT_METADATA_BYTES_MAX) throw corrupt('it is larger than its limit');
  if (bytes.byteLength < HEADER_BYTES + CHECKSUM_BYTES) throw corrupt('it is cut off');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let index = 0; index < magic.length; index++)
    if (bytes[index] !== magic.charCodeAt(index)) throw corrupt('it does not begin as it should');
  const version = view.getUint16(4, true);
  const end = bytes.byteLength - CHECKSUM_BYTES;
  if (HEADER_BYTES + view.getUint32(6, true) !== end) throw corrupt('its length is not the one it states');
  if (view.getUint32(end, true) !== crc32(bytes.subarray(0, end))) throw corrupt('its checksum is wrong');
  if (version !== VERSION)
    throw corrupt(`it has version ${version}, and this Millrace reads version ${VERSION}`);
  let value: unknown;
  try {
    value = JSON.parse(decoder.decode(bytes.subarray(HEADER_BYTES, end)));
  } catch (cause) {
    throw corrupt('its content is no JSON', cause);
  }
  if (typeof value !== 'object' || value === null) throw corrupt('its content is no object');
  return value;
}

function corrupt(why: string, cause?: unknown): MillraceError {
  return new MillraceError(
    'MR_CHECKPOINT_CORRUPT',
    `Cannot read checkpoint metadata: ${why}`,
    cause === undefined ? {} : { cause },
  );
}
