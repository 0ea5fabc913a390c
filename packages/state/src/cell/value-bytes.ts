// Values as bytes, in the wire's codec.
import {
  ByteReader,
  ByteWriter,
  encodeValueV1,
  readValueV1,
  writeValueV1,
  type ByteSink,
} from '@millrace/proto';

/** A scratch writer that one value made larger than this is dropped. */
const SCRATCH_BYTES_MAX = 1024 * 1024;
let scratch = new ByteWriter(1024);
/** Many cells of a wide row are empty. */
const UNDEFINED = encodeValueV1(undefined, 'state');

/** Appends a value. @throws {MillraceError} MR_UNSUPPORTED_VALUE for what the codec refuses */
export function writeValue(sink: ByteSink, value: unknown): void {
  if (value === undefined) {
    sink.raw(UNDEFINED);
    return;
  }
  scratch.length = 0;
  writeValueV1(scratch, value, 'state');
  sink.reserve(scratch.length);
  scratch.copyTo(sink.bytes, sink.position);
  sink.position += scratch.length;
  if (scratch.length > SCRATCH_BYTES_MAX) scratch = new ByteWriter(1024);
}

/** A value in bytes of its own. */
export function encodeValue(value: unknown): Uint8Array {
  return encodeValueV1(value, 'state');
}

/** The value that `bytes` holds: a fresh one. */
export function readValue(bytes: Uint8Array): unknown {
  return readValueV1(new ByteReader(bytes));
}
