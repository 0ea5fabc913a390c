// The raw form of a dead letter: text where the bytes are UTF-8, else base64.
import { isUtf8 } from 'node:buffer';

/** Bytes of a record that a dead letter keeps; the position says where the rest is. */
const RAW_BYTES_MAX = 1024 * 1024;

export interface RawText {
  readonly raw: string;
  readonly rawEncoding: 'utf8' | 'base64';
  /** Of the whole record. */
  readonly rawBytes: number;
}

/** Bounds: RAW_BYTES_MAX. `wholeBytes` is the length of the record of which `raw` is the beginning. */
export function rawText(raw: string | Uint8Array, wholeBytes?: number): RawText {
  const bytes =
    typeof raw === 'string'
      ? Buffer.from(raw, 'utf8')
      : Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength);
  const kept = bytes.subarray(0, cutAt(bytes));
  const isText = isUtf8(kept);
  return {
    raw: kept.toString(isText ? 'utf8' : 'base64'),
    rawEncoding: isText ? 'utf8' : 'base64',
    rawBytes: wholeBytes ?? bytes.length,
  };
}

/** Not in the middle of a character. */
function cutAt(bytes: Buffer): number {
  if (bytes.length <= RAW_BYTES_MAX) return bytes.length;
  let at = RAW_BYTES_MAX;
  while (at > RAW_BYTES_MAX - 4 && ((bytes[at] as number) & 0xc0) === 0x80) at--;
  return at;
}
