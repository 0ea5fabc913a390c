// [HOT] Generates the function that checks records against a shape and stores them into the columns of a target.
import {
  BigintColumnBuilder,
  ListColumnBuilder,
  setParts,
  StringColumn,
  ValueColumnBuilder,
} from './batch-columns.ts';
import type { ColumnLayout, TypedShape } from './batch-shape.ts';
import type { ColumnType } from './column-type.ts';
import { hasTwice, objectPlaces } from './object-places.ts';
import { hasOnlyElements, isOrdinary } from './ordinary-object.ts';
import type { BatchBuilder } from './record-batch.ts';

/**
 * Rows of one target that wait. The generated class adds one field `c<index>` a column.
 * Contract: rows [0, n) are complete; what stands at n is void.
 */
export interface TargetRows {
  rowCount: number;
  capacity: number;
  bytes: number;
  timestampsMs: Float64Array;
  keyHashes: Int32Array | undefined;
  grow(rowsMax: number): void;
  /** The columns, handed over. */
  finish(): unknown[];
}

/** What the generated `append` needs of its builder. */
export interface AppendContext {
  readonly targets: (TargetRows | undefined)[];
  readonly rowsMax: number;
  readonly bytesTarget: number;
  readonly recordBytesMax: number;
  /** Makes and keeps the rows of a target that has none. */
  open(target: number): TargetRows;
  /** The target is full. */
  full(target: number): void;
  /** The record does not fit the shape; nothing of it is stored. */
  mismatch: BatchBuilder['append'];
  /** @throws {MillraceError} always */
  refuse(bytes: number): never;
}

/** Code for one shape and one builder. */
export interface TargetStore {
  readonly makeTarget: (capacity: number, isKeyed: boolean) => TargetRows;
  readonly append: BatchBuilder['append'];
}

const MISMATCH = -1;
/** Comparisons of two objects that stand in the text at most; beyond, a function is called. */
const PAIRS_IN_LINE_MAX = 12;

type MakeStore = (kit: object, keys: readonly (readonly string[])[], context: AppendContext) => TargetStore;

let textCount = 0;

/**
 * Returns the code for `shape`. `codegenId` and a counter stand in its text, so that nobody else shares its type feedback:
 * with one `append` for all builders in a process, a row of four numbers took 66 ns, so 20.
 */
export function generateStore(shape: TypedShape, codegenId: string, context: AppendContext): TargetStore {
  const store = new StoreText(shape);
  const body = store.body();
  const text = `// ${codegenId.replace(/[^\w.:-]/g, '_')} ${textCount++}
${targetClass(shape)}
function store(target, record) {
  const row = target.rowCount;
  let bytes = ${store.fixedBytes};
${body}
  return bytes;
}
const { targets } = context;
function append(target, record, timestampMs, keyHash) {
  let rows = targets[target];
  if (rows === undefined) rows = context.open(target);
  if (rows.rowCount === rows.capacity) rows.grow(context.rowsMax);
  const bytes = store(rows, record);
  if (bytes === ${MISMATCH}) return context.mismatch(target, record, timestampMs, keyHash);
  if (bytes > context.recordBytesMax) context.refuse(bytes);
  const row = rows.rowCount;
  rows.timestampsMs[row] = timestampMs;
  if (rows.keyHashes !== undefined) rows.keyHashes[row] = keyHash;
  rows.rowCount = row + 1;
  rows.bytes += bytes;
  if (row + 1 >= context.rowsMax || rows.bytes >= context.bytesTarget) context.full(target);
}
return { makeTarget: (capacity, isKeyed) => new Target(capacity, isKeyed), append };`;
  // oxlint-disable-next-line typescript/no-implied-eval -- keys reach the text as JSON literals only
  const make = new Function('kit', 'keys', 'context', text) as MakeStore;
  return make(KIT, store.keys, context);
}

const KIT = {
  BigintColumnBuilder,
  ListColumnBuilder,
  StringColumn,
  ValueColumnBuilder,
  hasOnlyElements,
  hasTwice,
  isOrdinary,
  setParts,
};

const ARRAYS: Readonly<Record<string, string>> = {
  i32: 'Int32Array',
  f64: 'Float64Array',
  date: 'Float64Array',
  bool: 'Uint8Array',
  codes: 'Uint8Array',
};

function initialColumn({ kind, path }: ColumnLayout): string {
  const array = ARRAYS[kind];
  if (array !== undefined) return `new ${array}(capacity)`;
  if (kind === 'str') return '[]';
  if (kind === 'val') return `new kit.ValueColumnBuilder(${JSON.stringify(path)})`;
  if (kind === 'big') return 'new kit.BigintColumnBuilder()';
  return kind === 'list-nil' ? 'undefined' : `new kit.ListColumnBuilder("${kind.slice('list-'.length)}")`;
}

function finishedColumn(kind: string, column: string): string {
  if (ARRAYS[kind] !== undefined || kind === 'list-nil') return column;
  if (kind === 'str') return `kit.StringColumn.of(this.exactly(${column}))`;
  return `${column}.finish(this.rowCount)`;
}

function targetClass({ layout }: TypedShape): string {
  const values = layout.flatMap(({ kind }, index) => (kind === 'val' ? [`c${index}`] : []));
  const typed = layout.flatMap(({ kind }, index) => (ARRAYS[kind] === undefined ? [] : [`c${index}`]));
  return `
const longer = (array, capacity) => { const grown = new array.constructor(capacity); grown.set(array); return grown; };
class Target {
  constructor(capacity, isKeyed) {
    this.rowCount = 0;
    this.capacity = capacity;
    this.bytes = 0;
    this.timestampsMs = new Float64Array(capacity);
    this.keyHashes = isKeyed ? new Int32Array(capacity) : undefined;
${layout.map((column, index) => `    this.c${index} = ${initialColumn(column)};`).join('\n')}
    this.values = [${values.map((column) => `this.${column}`).join(', ')}];
  }
  grow(rowsMax) {
    const capacity = Math.min(rowsMax, this.capacity * 2);
    this.capacity = capacity;
    this.timestampsMs = longer(this.timestampsMs, capacity);
    if (this.keyHashes !== undefined) this.keyHashes = longer(this.keyHashes, capacity);
${typed.map((column) => `    this.${column} = longer(this.${column}, capacity);`).join('\n')}
  }
  exactly(strings) { strings.length = this.rowCount; return strings; }
  finish() {
    return [${layout.map(({ kind }, index) => finishedColumn(kind, `this.c${index}`)).join(', ')}];
  }
}`;
}

/** Bytes of a row besides its columns: timestamp and key hash. */
const ROW_BYTES = 12;

class StoreText {
  fixedBytes = ROW_BYTES;
  readonly keys: string[][] = [];
  readonly #shape: TypedShape;
  readonly #pairs: readonly (readonly [number, number])[];
  /** Places whose object is remembered. */
  readonly #kept: ReadonlySet<number>;
  /** Columns of values that are parts of the record; none where the record itself is one. */
  readonly #parts: readonly number[];
  #place = 0;
  #column = 0;
  #local = 0;

  constructor(shape: TypedShape) {
    this.#shape = shape;
    const { types, pairs } = objectPlaces(shape.type);
    this.#parts =
      types.length === 0 ? [] : shape.layout.flatMap(({ kind }, index) => (kind === 'val' ? [index] : []));
    this.#pairs = pairs;
    this.#kept = new Set(this.#parts.length > 0 ? types.keys() : pairs.flat());
  }

  body(): string {
    const stored = this.#store(this.#shape.type, 'record');
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
      return `if (kit.hasTwice([${places.join(', ')}])) return ${MISMATCH};`;
    }
    const checks = this.#pairs.map(
      ([first, second]) => `(p${first} === p${second} && p${first} !== undefined)`,
    );
    return `if (${checks.join(' || ')}) return ${MISMATCH};`;
  }

  /** Values come last, when all other objects of the record are known. */
  #storeParts(): string {
    if (this.#parts.length === 0) return '';
    const parts = this.#parts.map((column) => `w${column}`);
    const objects = [...this.#kept].map((place) => `p${place}`);
    return `if (${parts.map((part) => `(typeof ${part} === 'object' && ${part} !== null)`).join(' || ')}) {
const valueBytes = kit.setParts(target.values, row, [${parts.join(', ')}], [${objects.join(', ')}]);
if (valueBytes < 0) return ${MISMATCH};
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
        return `if (typeof ${value} !== 'number' || ${value} !== (${value} | 0) || (${value} === 0 && 1 / ${value} < 0)) return ${MISMATCH};
${this.#cell()} = ${value};`;
      case 'f64':
        this.fixedBytes += 8;
        return `if (typeof ${value} !== 'number') return ${MISMATCH};\n${this.#cell()} = ${value};`;
      case 'bool':
        this.fixedBytes += 1;
        return `if (typeof ${value} !== 'boolean') return ${MISMATCH};\n${this.#cell()} = ${value} ? 1 : 0;`;
      case 'str':
        this.fixedBytes += 4;
        return `if (typeof ${value} !== 'string') return ${MISMATCH};\nbytes += ${value}.length;\n${this.#cell()} = ${value};`;
      case 'date':
        this.fixedBytes += 8;
        return `if (!(${value} instanceof Date) || Object.getPrototypeOf(${value}) !== Date.prototype) return ${MISMATCH};
${this.#keep(value)}
${this.#cell()} = ${value}.getTime();`;
      case 'big':
        return `if (typeof ${value} !== 'bigint') return ${MISMATCH};\n${this.#set(value)}`;
      case 'val':
        return this.#setValue(value);
      case 'nil':
        this.fixedBytes += 1;
        return `if (${value} === null) ${this.#peek()} = 1; else if (${value} === undefined) ${this.#cell()} = 2; else return ${MISMATCH};`;
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
      return `${check} || ${value}.length !== 0 || !kit.hasOnlyElements(${value})) return ${MISMATCH};\n${keep}`;
    }
    const column = `target.c${this.#column++}`;
    return `${check} || !${column}.set(row, ${value}) || !kit.hasOnlyElements(${value})) return ${MISMATCH};
${keep}
bytes += ${column}.lastBytes;`;
  }

  #tuple(type: ColumnType & { kind: 'tuple' }, value: string): string {
    const count = type.elements.length;
    const lines = [
      `if (!Array.isArray(${value}) || ${value}.length !== ${count} || !kit.hasOnlyElements(${value})) return ${MISMATCH};`,
      this.#keep(value),
    ];
    type.elements.forEach((element, index) => {
      const local = this.#name();
      lines.push(`const ${local} = ${value}[${index}];`);
      if (['maybe', 'nil', 'val'].includes(element.kind))
        lines.push(`if (${local} === undefined && !(${index} in ${value})) return ${MISMATCH};`);
      lines.push(this.#store(element, local));
    });
    return lines.join('\n');
  }

  #struct(type: ColumnType & { kind: 'struct' }, value: string): string {
    const lines = [
      `if (typeof ${value} !== 'object' || ${value} === null || (${value}.constructor !== Object && !kit.isOrdinary(${value}))) return ${MISMATCH};`,
      this.#keep(value),
    ];
    if (type.variants.length === 1) {
      lines.push(
        this.#checkKeys(
          type.fields.map(({ key }) => key),
          value,
          `return ${MISMATCH};`,
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
    lines.push(`if (${variant} < 0) return ${MISMATCH};`, `${code} = ${variant};`);
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
      if (ARRAYS[kind] !== undefined) lines.push(`target.c${column}[row] = ${codeMin};`);
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
