// [HOT] Shapes of batches: interned by their text, with the layout of their columns and the source text that turns columns
// into records.
import { countColumns, parseType, typeText, type ColumnType, type Field } from './column-type.ts';
import { fieldName } from './object-keys.ts';
import type { BatchShape, EmittedFields, EmittedRecord, RecordBatch } from './record-batch.ts';

/** Shapes that a thread keeps; the oldest is forgotten first. */
const SHAPES_MAX = 1024;

/** How a column is stored: as typed array (i32, f64, date; bool and codes in bytes) or as one of batch-columns.ts. */
export type ColumnKind =
  | 'i32'
  | 'f64'
  | 'date'
  | 'bool'
  | 'codes'
  | 'str'
  | 'val'
  | 'big'
  | 'list-i32'
  | 'list-f64'
  | 'list-str'
  | 'list-nil';

/** One column. `codes` hold codeMin..codeMax: 0 there, 1 null, 2 undefined; or which variant of a struct it is. */
export interface ColumnLayout {
  readonly kind: ColumnKind;
  readonly codeMin: number;
  readonly codeMax: number;
  /** What errors call it, from `record`. */
  readonly path: string;
}

/** A {@link BatchShape} with what the builder and the codec know besides. */
export interface TypedShape extends BatchShape {
  readonly type: ColumnType;
  readonly layout: readonly ColumnLayout[];
}

const shapes = new Map<string, TypedShape>();

/**
 * Returns the thread's one shape with this text.
 * @throws {MillraceError} MR_FRAME_CORRUPT when the text is no shape
 */
export function shapeOfText(text: string): TypedShape {
  return shapes.get(text) ?? keep(new ColumnShape(parseType(text), text));
}

/** Returns the thread's one shape of `type`. */
export function shapeOfType(type: ColumnType): TypedShape {
  const text = typeText(type);
  return shapes.get(text) ?? keep(new ColumnShape(type, text));
}

function keep(shape: TypedShape): TypedShape {
  if (shapes.size >= SHAPES_MAX) {
    const [oldest] = shapes.keys();
    if (oldest !== undefined) shapes.delete(oldest);
  }
  shapes.set(shape.text, shape);
  return shape;
}

class ColumnShape implements TypedShape {
  readonly text: string;
  readonly type: ColumnType;
  readonly layout: readonly ColumnLayout[];

  constructor(type: ColumnType, text: string) {
    this.type = type;
    this.text = text;
    const layout: ColumnLayout[] = [];
    addColumns(type, 'record', layout);
    this.layout = layout;
  }

  get hasFields(): boolean {
    const { type } = this;
    return type.kind === 'struct' || (type.kind === 'maybe' && type.inner.kind === 'struct');
  }

  emitRecord(row: string, fields?: ReadonlySet<string>): EmittedRecord {
    const record = new RecordText(row);
    return { text: record.of(this.type, fields), columns: record.columns };
  }

  emitFields(row: string, fields?: ReadonlySet<string>): EmittedFields | undefined {
    const { type } = this;
    if (type.kind !== 'struct' || type.variants.length !== 1) return undefined;
    const record = new RecordText(row);
    const cells = record.fieldsOf(type, fields);
    return {
      names: cells.map(({ key }) => key),
      values: cells.map(({ text }) => text),
      columns: record.columns,
    };
  }

  emitColumn(batch: string, index: number): string {
    const column = `${batch}.columns[${index}]`;
    return this.isEncoded(index) ? `${column}.strings()` : column;
  }

  isEncoded(index: number): boolean {
    return this.layout[index]?.kind === 'str';
  }
}

/** Name of a column in the text of a record. */
function columnName(index: number): string {
  return `column$${index}`;
}

function addColumns(type: ColumnType, path: string, layout: ColumnLayout[]): void {
  const add = (kind: ColumnKind, codeMin = 0, codeMax = 0): void =>
    void layout.push({ kind, codeMin, codeMax, path });
  switch (type.kind) {
    case 'maybe':
      add('codes', 0, 2);
      addColumns(type.inner, path, layout);
      return;
    case 'struct':
      if (type.variants.length > 1) add('codes', 0, type.variants.length - 1);
      for (const field of type.fields) addColumns(field.type, `${path}${memberText(field.key)}`, layout);
      return;
    case 'tuple':
      type.elements.forEach((element, index) => addColumns(element, `${path}[${index}]`, layout));
      return;
    case 'list':
      add(`list-${type.element}`);
      return;
    case 'nil':
      add('codes', 1, 2);
      return;
    default:
      add(type.kind);
  }
}

function memberText(key: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
}

/** Writes the expression of one record; columns are numbered in the order of the layout. */
class RecordText {
  readonly columns = new Set<number>();
  readonly #row: string;
  #next = 0;

  constructor(row: string) {
    this.#row = row;
  }

  /** `fields` are those of the outermost struct that are wanted; undefined: all. */
  of(type: ColumnType, fields?: ReadonlySet<string>): string {
    switch (type.kind) {
      case 'maybe': {
        const code = this.#cell();
        return `(${code} === 0 ? ${this.of(type.inner, fields)} : ${code} === 1 ? null : undefined)`;
      }
      case 'struct':
        return this.#struct(type, fields);
      case 'tuple':
        return `[${type.elements.map((element) => this.of(element)).join(', ')}]`;
      case 'list':
        return type.element === 'nil' ? this.#constant('[]') : this.#call();
      case 'nil':
        return `(${this.#cell()} === 1 ? null : undefined)`;
      case 'bool':
        return `(${this.#cell()} === 1)`;
      case 'date':
        return `new Date(${this.#cell()})`;
      case 'val':
        return this.#call();
      default:
        return this.#cell();
    }
  }

  #struct(type: ColumnType & { kind: 'struct' }, wanted: ReadonlySet<string> | undefined): string {
    const variantColumn = type.variants.length > 1 ? this.#next++ : -1;
    const texts = type.fields.map((field) => this.#field(field, wanted));
    const literals = type.variants.map((variant) => {
      const present = variant.map((index) => texts[index]).filter((text) => text !== undefined);
      return present.length === 0 ? '{}' : `{ ${present.join(', ')} }`;
    });
    if (new Set(literals).size === 1) return `(${literals[0]})`;
    const variantOf = this.#cellOf(variantColumn);
    const last = literals.length - 1;
    return `(${literals.map((literal, index) => (index === last ? literal : `${variantOf} === ${index} ? ${literal} : `)).join('')})`;
  }

  /** The fields of a struct with one order of keys, in that order. */
  fieldsOf(
    type: ColumnType & { kind: 'struct' },
    wanted: ReadonlySet<string> | undefined,
  ): readonly { readonly key: string; readonly text: string }[] {
    const cells = type.fields.map((field) => {
      if (wanted === undefined || wanted.has(field.key)) return { key: field.key, text: this.of(field.type) };
      this.#next += countColumns(field.type);
      return undefined;
    });
    return (type.variants[0] ?? []).map((index) => cells[index]).filter((cell) => cell !== undefined);
  }

  #field({ key, type }: Field, wanted: ReadonlySet<string> | undefined): string | undefined {
    if (wanted === undefined || wanted.has(key)) return `${fieldName(key)}: ${this.of(type)}`;
    this.#next += countColumns(type);
    return undefined;
  }

  #cell(): string {
    return this.#cellOf(this.#next++);
  }

  #cellOf(column: number): string {
    this.columns.add(column);
    return `${columnName(column)}[${this.#row}]`;
  }

  #call(): string {
    const column = this.#next++;
    this.columns.add(column);
    return `${columnName(column)}.at(${this.#row})`;
  }

  #constant(text: string): string {
    this.#next++;
    return text;
  }
}

type RecordReader = (batch: RecordBatch, from: number, to: number) => unknown[];

const readers = new WeakMap<BatchShape, RecordReader>();
let readerCount = 0;

/** Returns the records of rows [from, to), fresh ones. For what is not hot: the hot path emits its own loop. */
export function recordsOf(batch: RecordBatch, from = 0, to: number = batch.rowCount): unknown[] {
  let reader = readers.get(batch.shape);
  if (reader === undefined) {
    const { text, columns } = batch.shape.emitRecord('row');
    const declared = [...columns].map(
      (column) => `const ${columnName(column)} = ${batch.shape.emitColumn('batch', column)};`,
    );
    // oxlint-disable-next-line typescript/no-implied-eval -- keys reach the text as JSON literals only
    reader = new Function(
      'batch',
      'from',
      'to',
      `// records ${readerCount++}
${declared.join('\n')}
const records = [];
for (let row = from; row < to; row++) records.push(${text});
return records;`,
    ) as RecordReader;
    readers.set(batch.shape, reader);
  }
  return reader(batch, from, to);
}

/** Returns the record of one row, a fresh one. */
export function recordAt(batch: RecordBatch, row: number): unknown {
  return recordsOf(batch, row, row + 1)[0];
}
