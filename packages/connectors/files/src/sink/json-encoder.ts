// [HOT] JSON lines of records: generated code for flat records of the shapes at hand, JSON.stringify for all others.
// Measured, 700,000 rows of nine fields and 205 bytes, Node 20: 0.62 s with JSON.stringify, 0.41 s with generated code.
import { MillraceError, type RecordEncoder } from '@millrace/api';
import { withoutFields } from './partition.ts';
import { NO_ROOM, OTHER_SHAPE, shapeEncoder, type ShapeEncoder } from './json-shape.ts';

/** UTF-8 needs at most this many bytes a UTF-16 code unit. */
const UTF8_BYTES_PER_UNIT_MAX = 3;
const NEWLINE = 0x0a;
/** Shapes of one stream; later ones are left to JSON.stringify. */
const SHAPES_MAX = 8;

/** Returns an encoder whose lines equal `JSON.stringify(record)`, without the `omitted` fields. Threading: one thread. */
export function jsonEncoder<T>(omitted: readonly string[] = []): RecordEncoder<T> {
  const whole = wholeEncoder<T>();
  if (omitted.length === 0) return whole;
  const rest = withoutFields(omitted) as unknown as (record: T) => T;
  return {
    fileHeader: () => undefined,
    encode: (record, target, at) => whole.encode(rest(record), target, at),
    encodeAlone: (record) => whole.encodeAlone(rest(record)),
  };
}

function wholeEncoder<T>(): RecordEncoder<T> {
  const shapes: ShapeEncoder[] = [];
  let newest: ShapeEncoder | undefined;
  let shapesSeen = 0;

  function encodeObject(record: object, target: Buffer, at: number): number {
    for (const shape of shapes) {
      const end = shape(record, target, at);
      if (end === OTHER_SHAPE) continue;
      newest = shape;
      return end;
    }
    if (shapesSeen < SHAPES_MAX) {
      shapesSeen++;
      const shape = shapeEncoder(record);
      if (shape !== undefined) shapes.push(shape);
    }
    return encodeAny(record, target, at);
  }

  return {
    fileHeader: () => undefined,
    encode: (record, target, at) => {
      if (typeof record !== 'object' || record === null || Object.getPrototypeOf(record) !== Object.prototype)
        return encodeAny(record, target, at);
      const end = newest === undefined ? OTHER_SHAPE : newest(record, target, at);
      return end === OTHER_SHAPE ? encodeObject(record, target, at) : end;
    },
    encodeAlone: (record) => Buffer.from(`${jsonText(record)}\n`, 'utf8'),
  };
}

function encodeAny(record: unknown, target: Buffer, at: number): number {
  const text = jsonText(record);
  if (at + text.length * UTF8_BYTES_PER_UNIT_MAX + 1 > target.length) return NO_ROOM;
  const end = at + target.write(text, at, 'utf8');
  target[end] = NEWLINE;
  return end + 1;
}

/** @throws {MillraceError} MR_UNSUPPORTED_VALUE for what JSON cannot say */
function jsonText(record: unknown): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(record);
  } catch (cause) {
    throw unsupported(cause instanceof Error ? cause.message : String(cause), cause);
  }
  if (text === undefined) throw unsupported(`it has no form for ${typeof record}`);
  return text;
}

function unsupported(reason: string, cause?: unknown): MillraceError {
  return new MillraceError(
    'MR_UNSUPPORTED_VALUE',
    `Cannot write a record as JSON: ${reason}; map it to plain values before the sink`,
    { cause },
  );
}
