// The store protects no value: each ends with a checksum of its own.
import { crc32 } from 'node:zlib';
import { MillraceError } from '@millrace/common';
import type { ByteSink } from '@millrace/proto';

/** At the end of a value. */
export const CHECKSUM_BYTES = 4;

/** Ends the value that starts at `start`. */
export function seal(sink: ByteSink, start = 0): void {
  sink.u32(crc32(sink.bytes.subarray(start, sink.position)));
}

/** `what`: a plural. @throws {MillraceError} MR_STATE_BACKEND when the checksum does not match */
export function checkSealed(value: Uint8Array, what: string): void {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  const end = bytes.length - CHECKSUM_BYTES;
  // No value is empty: zeros would be one.
  if (end > 0 && bytes.readUInt32LE(end) === crc32(bytes.subarray(0, end))) return;
  throw new MillraceError(
    'MR_STATE_BACKEND',
    `Cannot read ${what} from the state store: their checksum does not match`,
  );
}
