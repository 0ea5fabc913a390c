// From the fields of a CSV row to its record.

/** What a field's text becomes. An empty field of any but a string column is null. `timestamp`: ISO 8601 → ms. */
export type CsvType = 'string' | 'number' | 'boolean' | 'bigint' | 'timestamp';

/** A function of its own for each source: V8 shares what it knows of a function between those of the same text. */
let codegenCount = 0;
/** Beyond this many columns text is not generated. */
const COLUMNS_MAX = 200;

/**
 * Returns what makes the record of a row whose fields are as they should be, all at once; of any other row it returns undefined, and
 * {@link makeRecord} says what is wrong. Undefined: of so many columns, or of none, nothing is made at once.
 */
export function recordMaker(
  names: readonly string[],
  types: readonly CsvType[],
): ((fields: readonly string[]) => object | undefined) | undefined {
  if (names.length === 0 || names.length > COLUMNS_MAX) return undefined;
  const values = types.map((type, index) =>
    type === 'string' ? `f[${index}]` : `convert(f[${index}], ${JSON.stringify(type)})`,
  );
  const isConverted = types.map((type, index) =>
    type === 'string' ? '' : `if (v${index} === undefined) return;`,
  );
  const text = [
    `// codegen csv-${codegenCount++}`,
    `return function recordOf(f) {`,
    // A blank line is no row.
    `if (f.length !== ${names.length}${names.length === 1 ? " || f[0] === ''" : ''}) return;`,
    ...values.map((value, index) => `const v${index} = ${value}; ${isConverted[index] ?? ''}`),
    `return { ${names.map((name, index) => `[${JSON.stringify(name)}]: v${index}`).join(', ')} };`,
    '};',
  ].join('\n');
  // oxlint-disable-next-line typescript/no-implied-eval -- names and types reach the text as JSON literals only
  const generate = new Function('convert', text) as (
    convertField: typeof convert,
  ) => (fields: readonly string[]) => object | undefined;
  return generate(convert);
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
