// Typed arrays and DataViews inside a serialized value: which bytes go with them, and that views of one buffer stay so.
import { Buffer } from 'node:buffer';
import { DefaultDeserializer, DefaultSerializer } from 'node:v8';
import { MillraceError } from '@millrace/common';

/*
 * View => kind place
 *   kind  => UINT32  0 a Node Buffer, which comes back as a Uint8Array; otherwise 1 + the index in KINDS
 *   place => kind 0: UINT32 length, bytes; otherwise UINT32 byteOffset, UINT32 byteLength, the buffer as a value: one that came
 *            before in the serialized value is referred to, as any other object
 */
const KINDS = [
  'DataView',
  'Int8Array',
  'Uint8Array',
  'Uint8ClampedArray',
  'Int16Array',
  'Uint16Array',
  'Int32Array',
  'Uint32Array',
  'Float32Array',
  'Float64Array',
  'BigInt64Array',
  'BigUint64Array',
  'Float16Array',
] as const;
const NODE_BUFFER = 0;

type ViewMaker = new (buffer: ArrayBuffer, byteOffset: number, length: number) => ArrayBufferView;

const { get: kindOfTypedArray } = Object.getOwnPropertyDescriptor(
  Object.getPrototypeOf(Uint8Array.prototype),
  Symbol.toStringTag,
) as { readonly get: (this: unknown) => string | undefined };

/** True for a Uint8Array, and no Buffer, that shows the whole of an ordinary ArrayBuffer. */
export function isPlainView(view: Uint8Array): boolean {
  if (view.constructor !== Uint8Array) return false;
  const { buffer } = view;
  return buffer.byteLength === view.length && isOrdinaryBuffer(buffer);
}

/** Returns the buffer that a view stands for beside its bytes; undefined for a Node Buffer, which is a value of its bytes. */
export function bufferOf(view: ArrayBufferView): ArrayBufferLike | undefined {
  return Buffer.isBuffer(view) ? undefined : view.buffer;
}

/** A shared buffer has no copy, and whether a view follows a resizable one when it grows cannot be asked. */
function isOrdinaryBuffer(buffer: ArrayBufferLike): buffer is ArrayBuffer {
  return buffer instanceof ArrayBuffer && (buffer as { readonly resizable?: boolean }).resizable !== true;
}

/** Writes views as {@link KINDS} says, each with the whole of its buffer, as structured clone does. */
export class CloneSerializer extends DefaultSerializer {
  _writeHostObject(view: ArrayBufferView): void {
    if (!ArrayBuffer.isView(view)) throw refusedView('an object of the host');
    const { byteOffset, byteLength } = view;
    if (Buffer.isBuffer(view)) {
      this.writeUint32(NODE_BUFFER);
      this.writeUint32(byteLength);
      this.writeRawBytes(view);
      return;
    }
    const { buffer } = view;
    if (!isOrdinaryBuffer(buffer)) throw refusedView('a view of a shared or resizable buffer');
    const kind = kindOfTypedArray.call(view) ?? 'DataView';
    this.writeUint32(1 + KINDS.indexOf(kind as (typeof KINDS)[number]));
    this.writeUint32(byteOffset);
    this.writeUint32(byteLength);
    this.writeValue(buffer);
  }
}

/** Reads what {@link CloneSerializer} wrote: views over buffers of their own, never over the bytes that are read. */
export class CloneDeserializer extends DefaultDeserializer {
  _readHostObject(): ArrayBufferView {
    const kind = this.readUint32();
    if (kind === NODE_BUFFER) return new Uint8Array(this.readRawBytes(this.readUint32()));
    const name = KINDS[kind - 1];
    const View = name === undefined ? undefined : (globalThis as Record<string, unknown>)[name];
    if (View === undefined) throw refusedView('a view of an unknown kind');
    const byteOffset = this.readUint32();
    const byteLength = this.readUint32();
    const buffer: unknown = this.readValue();
    if (!(buffer instanceof ArrayBuffer)) throw refusedView('a view without a buffer');
    const elementBytes = (View as { readonly BYTES_PER_ELEMENT?: number }).BYTES_PER_ELEMENT ?? 1;
    if (byteLength % elementBytes !== 0) throw refusedView('a part of an element');
    return new (View as ViewMaker)(buffer, byteOffset, byteLength / elementBytes);
  }
}

function refusedView(what: string): MillraceError {
  return new MillraceError('MR_UNSUPPORTED_VALUE', `Cannot copy ${what}`);
}
