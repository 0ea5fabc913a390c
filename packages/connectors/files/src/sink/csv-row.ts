// [HOT] Generated encoders of CSV rows: numbers and plain ASCII texts go to the target as bytes, all else as text.
import { NUMBER_BYTES_MAX, NumberWriter } from './json-bytes.ts';

/** No room in the target: try again with an empty one. */
const NO_ROOM = -1;
/** UTF-8 needs at most this many bytes a UTF-16 code unit. */
export const BYTES_PER_UNIT_MAX = 3;
const QUOTE = 0x22;
const NEWLINE = 0x0a;
/** Numbers with such a delimiter in their texts need quotes. */
const IN_NUMBERS = /[\d.+\-e]/u;
/** From here on an expression and one copy are faster than a loop over characters. */
const LONG_UNITS_MIN = 32;

type Fields = Readonly<Record<string, unknown>>;

/** The text of a field as it is in a file. */
export type FieldText = (value: unknown) => string;

/** Writes a record's row with its line end at `at`. Returns the offset behind it, or -1 when there is no room. */
export type RowWriter = (fields: Fields, target: Buffer, at: number) => number;

/** Makes each generated text its own: V8 shares type feedback between functions of identical source. */
let codegenCount = 0;

/** Returns a writer of rows with these columns; `textOf` gives what is neither a number nor a plain text. */
export function rowWriter(columns: readonly string[], delimiter: string, textOf: FieldText): RowWriter {
  const fixedBytes = columns.length * (NUMBER_BYTES_MAX + 1) + 1;
  const source = [
    `// codegen csv-row-${codegenCount++}`,
    'return function encodeRow(fields, target, from) {',
    '  let at = from;',
    `  const end = target.length - ${fixedBytes};`,
    `  if (at > end) return ${NO_ROOM};`,
    ...columns.flatMap((column, index) => fieldSource(column, { delimiter, isFirst: index === 0 })),
    `  target[at] = ${NEWLINE};`,
    '  return at + 1;',
    '};',
  ].join('\n');
  // oxlint-disable-next-line typescript/no-implied-eval -- names reach the text as JSON literals only
  const generate = new Function('writeText', 'textOf', 'numbers', source) as (
    writeText: TextWriter,
    textOf: FieldText,
    numbers: NumberWriter,
  ) => RowWriter;
  return generate(textWriter(delimiter, textOf), textOf, new NumberWriter());
}

/** `end` always leaves room for all numbers and delimiters of the row. */
function fieldSource(
  column: string,
  { delimiter, isFirst }: { readonly delimiter: string; readonly isFirst: boolean },
): string[] {
  const isFast = IN_NUMBERS.test(delimiter) ? 'false' : 'typeof value === "number" && value - value === 0';
  return [
    `  { ${isFirst ? '' : `target[at++] = ${delimiter.charCodeAt(0)};`}`,
    `    const value = fields[${JSON.stringify(column)}];`,
    `    if (${isFast}) at = numbers.write(value, target, at);`,
    '    else {',
    '      const text = typeof value === "string" ? value : textOf(value);',
    // Quotes of the text are doubled, and two are put around it: never more than three bytes a unit and two.
    `      if (at + text.length * ${BYTES_PER_UNIT_MAX} + 2 > end) return ${NO_ROOM};`,
    '      at = typeof value === "string" ? writeText(text, target, at) : at + target.write(text, at, "utf8");',
    '    } }',
  ];
}

type TextWriter = (text: string, target: Buffer, at: number) => number;

function textWriter(delimiter: string, textOf: FieldText): TextWriter {
  const delimiterCode = delimiter.charCodeAt(0);
  const special = new RegExp(`[^\\x20-\\x7e]|["\\u{${delimiterCode.toString(16)}}]`, 'u');
  return (text, target, at) => {
    const { length } = text;
    if (length >= LONG_UNITS_MIN)
      return (
        at + (special.test(text) ? target.write(textOf(text), at, 'utf8') : target.write(text, at, 'latin1'))
      );
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i);
      if (code < 0x20 || code > 0x7e || code === QUOTE || code === delimiterCode)
        return at + target.write(textOf(text), at, 'utf8');
      target[at + i] = code;
    }
    return length === 0 ? at + target.write(textOf(text), at, 'utf8') : at + length;
  };
}
