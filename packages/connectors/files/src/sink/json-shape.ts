// [HOT] Generated encoders for flat records of one shape. Every assumption is tested on every record.
import { BYTES_PER_UNIT_MAX, NUMBER_BYTES_MAX, NumberWriter, writeString } from './json-bytes.ts';

/** No room in the target: try again with an empty one. */
export const NO_ROOM = -1;
/** The record is of another shape; nothing counts as written. */
export const OTHER_SHAPE = -2;

/** Writes the record's line at `at`. Returns the offset behind it, NO_ROOM or OTHER_SHAPE. */
export type ShapeEncoder = (record: object, target: Buffer, at: number) => number;

/** Beyond this many fields JSON.stringify is as good. */
const FIELDS_MAX = 64;

/** Makes each generated text its own: V8 shares type feedback between functions of identical source. */
let codegenCount = 0;

/**
 * Returns an encoder for records with the fields of `record`, in their order, whose values are numbers, strings, booleans
 * or null; undefined when `record` itself is not of that kind.
 */
export function shapeEncoder(record: object): ShapeEncoder | undefined {
  const names = Object.keys(record);
  // A record with `toJSON` decides for itself what is written.
  if (
    names.length === 0 ||
    names.length > FIELDS_MAX ||
    'toJSON' in record ||
    !Object.values(record).every(isScalar)
  )
    return undefined;
  const segments = names.map((name, index) =>
    Buffer.from(`${index === 0 ? '{' : ','}${JSON.stringify(name)}:`, 'utf8'),
  );
  const fixedBytes = segments.reduce((sum, segment) => sum + segment.length + NUMBER_BYTES_MAX, 4);
  const source = [
    `// codegen json-${codegenCount++}`,
    'return function encodeShape(record, target, from) {',
    '  if (record.toJSON !== undefined) return -2;',
    '  let index = 0;',
    '  for (const name in record) {',
    '    switch (index++) {',
    ...names.map(
      (name, index) => `      case ${index}: if (name !== ${JSON.stringify(name)}) return -2; break;`,
    ),
    '      default: return -2;',
    '    }',
    '  }',
    `  if (index !== ${names.length}) return -2;`,
    '  let at = from;',
    `  let end = target.length - ${fixedBytes};`,
    '  if (at > end) return -1;',
    ...names.flatMap((name, index) => fieldSource(name, segments[index] ?? Buffer.alloc(0))),
    `  target[at] = 125; target[at + 1] = 10;`,
    '  return at + 2;',
    '};',
  ].join('\n');
  // eslint-disable-next-line typescript/no-implied-eval -- names reach the text as JSON literals only
  const generate = new Function('writeString', 'numbers', source) as (
    write: typeof writeString,
    numbers: NumberWriter,
  ) => ShapeEncoder;
  return generate(writeString, new NumberWriter());
}

/** `end` always leaves room for every name and number of the record. */
function fieldSource(name: string, segment: Buffer): string[] {
  return [
    `  { ${[...segment].map((byte, index) => `target[at + ${index}] = ${byte};`).join(' ')} at += ${segment.length};`,
    `    const value = record[${JSON.stringify(name)}];`,
    `    if (typeof value === 'number') at = numbers.write(value, target, at);`,
    `    else if (typeof value === 'string') {`,
    `      if (at + value.length * ${BYTES_PER_UNIT_MAX} > end) return -1;`,
    '      at = writeString(value, target, at);',
    '    }',
    `    else if (value === null) { ${literalSource('null')} }`,
    `    else if (value === true) { ${literalSource('true')} }`,
    `    else if (value === false) { ${literalSource('false')} }`,
    '    else return -2; }',
  ];
}

function literalSource(text: string): string {
  const bytes = [...Buffer.from(text)].map((byte, index) => `target[at + ${index}] = ${byte};`);
  return `${bytes.join(' ')} at += ${text.length};`;
}

function isScalar(value: unknown): boolean {
  return (
    value === null || typeof value === 'number' || typeof value === 'string' || typeof value === 'boolean'
  );
}
