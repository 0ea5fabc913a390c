// From the fields of a CSV row to its record.

/** What a field's text becomes. An empty field of any but a string column is null. `timestamp`: ISO 8601 → ms. */
export type CsvType = 'string' | 'number' | 'boolean' | 'bigint' | 'timestamp';

/** A function of its own for each source: V8 shares what it knows of a function between those of the same text. */
let codegenCount = 0;
/** Beyond this many columns text is not generated. */
const COLUMNS_MAX = 200;

/** Of whole numbers of so many digits each digit can be added to those before it exactly. */
const DIGITS_MAX = 15;
const ZERO = 0x30;
const MINUS = 0x2d;

/** Makes the record of a row's text, whose fields have no quotes; undefined where the row is not as it should be. */
type RecordMaker = (row: string, delimiter: string) => object | undefined;

/**
 * Returns what makes the record of a row whose fields are as they should be, all at once; of any other row it returns undefined, and
 * {@link makeRecord} says what is wrong. Texts keep no more than their row in memory. Undefined: of so many columns, or of none,
 * nothing is made at once.
 */
export function recordMaker(names: readonly string[], types: readonly CsvType[]): RecordMaker | undefined {
  if (names.length === 0 || names.length > COLUMNS_MAX) return undefined;
  const text = [
    `// codegen csv-${codegenCount++}`,
    `return function recordOf(row, delimiter) {`,
    // A blank line is no row.
    names.length === 1 ? `if (row === '') return;` : '',
    'let at = 0, end;',
    ...types.flatMap((type, index) => [
      index < types.length - 1
        ? 'end = row.indexOf(delimiter, at); if (end < 0) return;'
        : 'if (row.indexOf(delimiter, at) >= 0) return; end = row.length;',
      `const v${index} = ${valueText(type)};`,
      type === 'string' ? '' : `if (v${index} === undefined) return;`,
      'at = end + 1;',
    ]),
    `return { ${names.map((name, index) => `[${JSON.stringify(name)}]: v${index}`).join(', ')} };`,
    '};',
  ].join('\n');
  // oxlint-disable-next-line typescript/no-implied-eval -- names and types reach the text as JSON literals only
  const generate = new Function('convert', 'numberAt', text) as (
    convertField: typeof convert,
    numberField: typeof numberAt,
  ) => RecordMaker;
  return generate(convert, numberAt);
}

function valueText(type: CsvType): string {
  if (type === 'string') return 'row.slice(at, end)';
  if (type === 'number') return 'numberAt(row, at, end)';
  return `convert(row.slice(at, end), ${JSON.stringify(type)})`;
}

/** The same as `convert` of that field, without its text where it is a whole number as most are written. */
function numberAt(row: string, from: number, to: number): unknown {
  const isNegative = row.charCodeAt(from) === MINUS;
  const first = isNegative ? from + 1 : from;
  const digits = to - first;
  if (digits < 1 || digits > DIGITS_MAX) return convert(row.slice(from, to), 'number');
  let value = 0;
  for (let at = first; at < to; at++) {
    const digit = row.charCodeAt(at) - ZERO;
    if (!(digit >= 0 && digit <= 9)) return convert(row.slice(from, to), 'number');
    value = value * 10 + digit;
  }
  return isNegative ? -value : value;
}

/** Returns the record, or a text that says what is wrong. */
export function makeRecord(
  fields: readonly string[],
  names: readonly string[],
  types: readonly CsvType[],
): object | string {
  if (fields.length !== names.length) return `the row has ${fields.length} fields, expected ${names.length}`;
  const record: Record<string, unknown> = {};
  for (let index = 0; index < names.length; index++) {
    const value = convert(fields[index] as string, types[index] as CsvType);
    if (value === undefined)
      return `the field "${names[index] as string}" is no ${types[index] as CsvType}: "${fields[index] as string}"`;
    setField(record, names[index] as string, value);
  }
  return record;
}

/** A column may be called `__proto__`; an assignment would set the prototype. */
function setField(record: Record<string, unknown>, name: string, value: unknown): void {
  if (name === '__proto__')
    Object.defineProperty(record, name, { value, enumerable: true, configurable: true, writable: true });
  else record[name] = value;
}

/** Returns undefined when the text is no value of the type. */
function convert(text: string, type: CsvType): unknown {
  if (type === 'string') return text;
  if (text === '') return null;
  switch (type) {
    case 'number': {
      const value = Number(text);
      return Number.isNaN(value) && text !== 'NaN' ? undefined : value;
    }
    case 'boolean':
      return text === 'true' ? true : text === 'false' ? false : undefined;
    case 'bigint':
      return /^[+-]?\d+$/u.test(text) ? BigInt(text) : undefined;
    case 'timestamp': {
      const ms = Date.parse(text);
      return Number.isNaN(ms) ? undefined : ms;
    }
  }
}
