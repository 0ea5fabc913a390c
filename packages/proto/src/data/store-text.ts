// [HOT] The text that checks a record against a shape and stores it, column by column.
import type { TypedShape } from './batch-shape.ts';
import type { ColumnType } from './column-type.ts';
import { objectPlaces } from './object-places.ts';

/** Columns that are typed arrays, and of which kind. */
export const COLUMN_ARRAYS: Readonly<Record<string, string>> = {
  i32: 'Int32Array',
  f64: 'Float64Array',
  date: 'Float64Array',
  bool: 'Uint8Array',
  codes: 'Uint8Array',
};

/** Comparisons of two objects that stand in the text at most; beyond, a function is called. */
const PAIRS_IN_LINE_MAX = 12;

/** Bytes of a row besides its columns: timestamp and key hash. */
const ROW_BYTES = 12;

/** How the text of a record's storing is written. */
export interface StoreTextOptions {
  /** Names of the fields' values, where there is no record. */
  readonly values?: readonly string[];
  /** Statement for a record that does not fit the shape. */
  readonly otherwise: string;
}

/** Writes the statements that check a record against a shape and store it into row `row` of `target`, its bytes into `bytes`. */
export class StoreText {
  fixedBytes = ROW_BYTES;
  readonly keys: string[][] = [];
  readonly #shape: TypedShape;
  readonly #values: readonly string[] | undefined;
  readonly #otherwise: string;
  readonly #pairs: readonly (readonly [number, number])[];
  /** Places whose object is remembered. */
  readonly #kept: ReadonlySet<number>;
  /** Columns of values that are parts of the record; none where the record itself is one. */
  readonly #parts: readonly number[];
  #place = 0;
  #column = 0;
  #local = 0;

  constructor(shape: TypedShape, { values, otherwise }: StoreTextOptions) {
    this.#shape = shape;
    this.#values = values;
    this.#otherwise = otherwise;
    const { types, pairs } = objectPlaces(shape.type);
    this.#parts =
      types.length === 0 ? [] : shape.layout.flatMap(({ kind }, index) => (kind === 'val' ? [index] : []));
    this.#pairs = pairs;
    this.#kept = new Set(this.#parts.length > 0 ? types.keys() : pairs.flat());
  }

  body(): string {
    const { type } = this.#shape;
    const stored =
      this.#values !== undefined && type.kind === 'struct'
        ? this.#storeValues(type, this.#values)
        : this.#store(type, 'record');
    const locals = [
      ...[...this.#kept].map((place) => `p${place}`),
      ...this.#parts.map((column) => `w${column}`),
    ];
    return [
      locals.length === 0 ? '' : `let ${locals.join(', ')};`,
      stored,
      this.#checkPlaces(),
      this.#storeParts(),
    ].join('\n');
  }

  /** A record that is its fields' values only: fresh, so that none of them holds it. */
  #storeValues(type: ColumnType & { kind: 'struct' }, values: readonly string[]): string {
    this.#place++;
    return type.fields.map((field, index) => this.#store(field.type, values[index] ?? '')).join('\n');
  }

  /** Remembers the object of the next place, for what follows all columns. */
  #keep(value: string): string {
    const place = this.#place++;
    return this.#kept.has(place) ? `p${place} = ${value};` : '';
  }

  /** An object that is in two places does not fit the shape: its columns would make two of it. */
  #checkPlaces(): string {
    if (this.#pairs.length === 0) return '';
    if (this.#pairs.length > PAIRS_IN_LINE_MAX) {
      const places = [...new Set(this.#pairs.flat())].map((place) => `p${place}`);
      return `if (kit.hasTwice([${places.join(', ')}])) ${this.#otherwise}`;
    }
    const checks = this.#pairs.map(
      ([first, second]) => `(p${first} === p${second} && p${first} !== undefined)`,
    );
    return `if (${checks.join(' || ')}) ${this.#otherwise}`;
  }

  /** Values come last, when all other objects of the record are known. */
  #storeParts(): string {
    if (this.#parts.length === 0) return '';
    const parts = this.#parts.map((column) => `w${column}`);
    const objects = [...this.#kept].map((place) => `p${place}`);
    return `if (${parts.map((part) => `(typeof ${part} === 'object' && ${part} !== null)`).join(' || ')}) {
const valueBytes = kit.setParts(target.values, row, [${parts.join(', ')}], [${objects.join(', ')}]);
if (valueBytes < 0) ${this.#otherwise}
bytes += valueBytes;
} else {
${this.#parts.map((column) => `target.c${column}.set(row, w${column});\nbytes += target.c${column}.lastBytes;`).join('\n')}
}`;
  }

  /** Statements that check `value` (an expression without effects) and store it. */
  #store(type: ColumnType, value: string): string {
    switch (type.kind) {
      case 'i32':
        this.fixedBytes += 4;
        return `if (typeof ${value} !== 'number' || ${value} !== (${value} | 0) || (${value} === 0 && 1 / ${value} < 0)) ${this.#otherwise}
${this.#cell()} = ${value};`;
      case 'f64':
        this.fixedBytes += 8;
        return `if (typeof ${value} !== 'number') ${this.#otherwise}\n${this.#cell()} = ${value};`;
      case 'bool':
        this.fixedBytes += 1;
        return `if (typeof ${value} !== 'boolean') ${this.#otherwise}\n${this.#cell()} = ${value} ? 1 : 0;`;
      case 'str':
        this.fixedBytes += 4;
        return `if (typeof ${value} !== 'string') ${this.#otherwise}\nbytes += ${value}.length;\n${this.#cell()} = ${value};`;
      case 'date':
        this.fixedBytes += 8;
        return `if (!(${value} instanceof Date) || Object.getPrototypeOf(${value}) !== Date.prototype) ${this.#otherwise}
${this.#keep(value)}
${this.#cell()} = ${value}.getTime();`;
      case 'big':
        return `if (typeof ${value} !== 'bigint') ${this.#otherwise}\n${this.#set(value)}`;
      case 'val':
        return this.#setValue(value);
      case 'nil':
        this.fixedBytes += 1;
        return `if (${value} === null) ${this.#peek()} = 1; else if (${value} === undefined) ${this.#cell()} = 2; else ${this.#otherwise}`;
      case 'maybe':
        return this.#maybe(type, value);
      case 'list':
        return this.#list(type, value);
      case 'tuple':
        return this.#tuple(type, value);
      case 'struct':
        return this.#struct(type, value);
      default:
        return type satisfies never;
    }
  }

  #maybe(type: ColumnType & { kind: 'maybe' }, value: string): string {
    this.fixedBytes += 1;
    const code = this.#cell();
    const first = this.#column;
    const stored = this.#store(type.inner, value);
    return `if (${value} === null || ${value} === undefined) {
${code} = ${value} === null ? 1 : 2;
${this.#skip(first, this.#column)}
} else {
${code} = 0;
${stored}
}`;
  }

  #list(type: ColumnType & { kind: 'list' }, value: string): string {
    const keep = this.#keep(value);
    const check = `if (!Array.isArray(${value})`;
    if (type.element === 'nil') {
      this.#column++;
      return `${check} || ${value}.length !== 0 || !kit.hasOnlyElements(${value})) ${this.#otherwise}\n${keep}`;
    }
    const column = `target.c${this.#column++}`;
    return `${check} || !${column}.set(row, ${value}) || !kit.hasOnlyElements(${value})) ${this.#otherwise}
${keep}
bytes += ${column}.lastBytes;`;
  }

  #tuple(type: ColumnType & { kind: 'tuple' }, value: string): string {
    const count = type.elements.length;
    const lines = [
      `if (!Array.isArray(${value}) || ${value}.length !== ${count} || !kit.hasOnlyElements(${value})) ${this.#otherwise}`,
      this.#keep(value),
    ];
    type.elements.forEach((element, index) => {
      const local = this.#name();
      lines.push(`const ${local} = ${value}[${index}];`);
      if (['maybe', 'nil', 'val'].includes(element.kind))
        lines.push(`if (${local} === undefined && !(${index} in ${value})) ${this.#otherwise}`);
      lines.push(this.#store(element, local));
    });
    return lines.join('\n');
  }

  #struct(type: ColumnType & { kind: 'struct' }, value: string): string {
    const lines = [
      `if (typeof ${value} !== 'object' || ${value} === null || (${value}.constructor !== Object && !kit.isOrdinary(${value}))) ${this.#otherwise}`,
      this.#keep(value),
    ];
    if (type.variants.length === 1) {
      lines.push(
        this.#checkKeys(
          type.fields.map(({ key }) => key),
          value,
          this.#otherwise,
        ),
      );
      for (const field of type.fields) lines.push(this.#field(field.key, field.type, value));
      return lines.join('\n');
    }
    const code = this.#cell();
    const variant = this.#name();
    lines.push(`let ${variant} = -1;`);
    type.variants.forEach((order, index) => {
      const names = order.map((field) => type.fields[field]?.key ?? '');
      const label = `${variant}_${index}`;
      lines.push(
        `if (${variant} < 0) ${label}: {\n${this.#checkKeys(names, value, `break ${label};`)}\n${variant} = ${index};\n}`,
      );
    });
    lines.push(`if (${variant} < 0) ${this.#otherwise}`, `${code} = ${variant};`);
    type.fields.forEach((_field, index) => lines.push(this.#optionalField(type, index, { value, variant })));
    return lines.join('\n');
  }

  #field(key: string, type: ColumnType, value: string): string {
    const local = this.#name();
    return `const ${local} = ${value}[${JSON.stringify(key)}];\n${this.#store(type, local)}`;
  }

  /** A field that some variants lack. */
  #optionalField(
    type: ColumnType & { kind: 'struct' },
    index: number,
    of: { readonly value: string; readonly variant: string },
  ): string {
    const field = type.fields[index];
    if (field === undefined) return '';
    const holders = type.variants.flatMap((order, variant) => (order.includes(index) ? [variant] : []));
    const first = this.#column;
    const stored = this.#field(field.key, field.type, of.value);
    if (holders.length === type.variants.length) return stored;
    const isThere = holders.map((holder) => `${of.variant} === ${holder}`).join(' || ');
    return `if (${isThere}) {\n${stored}\n} else {\n${this.#skip(first, this.#column)}\n}`;
  }

  /** Own enumerable keys, in order: V8 walks the map's enum cache, so that each costs a comparison of pointers. */
  #checkKeys(names: string[], value: string, otherwise: string): string {
    const index = this.keys.push(names) - 1;
    const count = this.#name();
    const key = this.#name();
    const list = this.#name();
    return `const ${list} = keys[${index}];
let ${count} = 0;
for (const ${key} in ${value}) {
  if (${count} >= ${names.length} || ${key} !== ${list}[${count}]) ${otherwise}
  ${count}++;
}
if (${count} !== ${names.length}) ${otherwise}`;
  }

  /** Keeps the columns [from, to) dense where a row has no value. */
  #skip(from: number, to: number): string {
    const lines: string[] = [];
    for (let column = from; column < to; column++) {
      const { kind, codeMin } = this.#shape.layout[column] ?? { kind: 'list-nil', codeMin: 0 };
      if (COLUMN_ARRAYS[kind] !== undefined) lines.push(`target.c${column}[row] = ${codeMin};`);
      else if (kind === 'str') lines.push(`target.c${column}[row] = '';`);
      else if (kind !== 'list-nil' && kind !== 'val') lines.push(`target.c${column}.skip(row);`);
    }
    return lines.join('\n');
  }

  #set(value: string): string {
    const column = `target.c${this.#column++}`;
    return `${column}.set(row, ${value});\nbytes += ${column}.lastBytes;`;
  }

  #setValue(value: string): string {
    this.fixedBytes += 4;
    const index = this.#column++;
    if (this.#parts.length > 0) return `w${index} = ${value};`;
    return `target.c${index}.set(row, ${value});\nbytes += target.c${index}.lastBytes;`;
  }

  #peek(): string {
    return `target.c${this.#column}[row]`;
  }

  #cell(): string {
    return `target.c${this.#column++}[row]`;
  }

  #name(): string {
    return `v${this.#local++}`;
  }
}
