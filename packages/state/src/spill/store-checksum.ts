// The store protects no value: each begins with a checksum of its own.
import { crc32 } from 'node:zlib';
import { MillraceError } from '@millrace/common';

/** At the start of a value. */
export const CHECKSUM_BYTES = 4;

/** Fills in the checksum, for which there is room. */
export function seal(value: Buffer): void {
  value.writeUInt32LE(crc32(value.subarray(CHECKSUM_BYTES)), 0);
}

/** `what`: a plural. @throws {MillraceError} MR_STATE_BACKEND when the checksum does not match */
export function checkSealed(value: Uint8Array, what: string): void {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  // No value is empty: zeros would be one.
  if (bytes.length > CHECKSUM_BYTES && bytes.readUInt32LE(0) === crc32(bytes.subarray(CHECKSUM_BYTES)))
    return;
  throw new MillraceError(
    'MR_STATE_BACKEND',
    `Cannot read ${what} from the state store: their checksum does not match`,
  );
}
