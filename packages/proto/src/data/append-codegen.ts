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
import { hasTwice } from './object-places.ts';
import { hasOnlyElements, isOrdinary } from './ordinary-object.ts';
import { fieldName } from './object-keys.ts';
import type { BatchBuilder, FieldAppender } from './record-batch.ts';
import { COLUMN_ARRAYS, StoreText } from './store-text.ts';

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
  /** Of a full batch. */
  rowsMax: number;
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

type MakeStore = (kit: object, keys: readonly (readonly string[])[], context: AppendContext) => TargetStore;

let textCount = 0;

/**
 * Returns the code for `shape`. `codegenId` and a counter stand in its text, so that nobody else shares its type feedback:
 * with one `append` for all builders in a process, a row of four numbers took 66 ns, so 20.
 */
export function generateStore(shape: TypedShape, codegenId: string, context: AppendContext): TargetStore {
  const store = new StoreText(shape, { otherwise: `return ${MISMATCH};` });
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

type AppendFields = FieldAppender['append'];
type MakeAppendFields = (
  kit: object,
  keys: readonly (readonly string[])[],
  context: AppendContext,
  otherwise: (target: number, record: object, timestampMs: number, keyHash: number) => void,
) => AppendFields;

/**
 * Returns the function that stores records given as the values of `names`. Where the records of `shape` are others, and for
 * values that do not fit it, the record is made and given to `otherwise`.
 */
export function generateFieldAppend(
  shape: TypedShape | undefined,
  names: readonly string[],
  of: {
    readonly codegenId: string;
    readonly context: AppendContext;
    readonly otherwise: (target: number, record: object, timestampMs: number, keyHash: number) => void;
  },
): AppendFields {
  const values = names.map((_, index) => `f${index}`);
  const fields = names.map((name, index) => `${fieldName(name)}: f${index}`);
  const other = `return otherwise(target, { ${fields.join(', ')} }, timestampMs, keyHash);`;
  const parameters = ['target', 'timestampMs', 'keyHash', ...values].join(', ');
  const store =
    shape !== undefined && hasExactly(shape.type, names)
      ? new StoreText(shape, { values, otherwise: 'break fitting;' })
      : undefined;
  const body = store === undefined ? other : fieldStore(store, other);
  const text = `// ${of.codegenId.replace(/[^\w.:-]/g, '_')} fields ${textCount++}
const { targets } = context;
return function (${parameters}) {
${body}
};`;
  // oxlint-disable-next-line typescript/no-implied-eval -- keys reach the text as JSON literals only
  const make = new Function('kit', 'keys', 'context', 'otherwise', text) as MakeAppendFields;
  return make(KIT, store?.keys ?? [], of.context, of.otherwise);
}

function hasExactly(type: ColumnType, names: readonly string[]): boolean {
  return (
    type.kind === 'struct' &&
    type.variants.length === 1 &&
    type.fields.length === names.length &&
    (type.variants[0] ?? []).every(
      (field, index) => type.fields[field]?.key === names[index] && field === index,
    )
  );
}

function fieldStore(store: StoreText, other: string): string {
  const stored = store.body();
  return `let rows = targets[target];
if (rows === undefined) rows = context.open(target);
if (rows.rowCount === rows.capacity) rows.grow(context.rowsMax);
const row = rows.rowCount;
let bytes = ${store.fixedBytes};
let isFitting = false;
fitting: {
const target = rows;
${stored}
isFitting = true;
}
if (!isFitting) ${other}
if (bytes > context.recordBytesMax) context.refuse(bytes);
rows.timestampsMs[row] = timestampMs;
if (rows.keyHashes !== undefined) rows.keyHashes[row] = keyHash;
rows.rowCount = row + 1;
rows.bytes += bytes;
if (row + 1 >= context.rowsMax || rows.bytes >= context.bytesTarget) context.full(target);`;
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

function initialColumn({ kind, path }: ColumnLayout): string {
  const array = COLUMN_ARRAYS[kind];
  if (array !== undefined) return `new ${array}(capacity)`;
  // With holes, as decoded strings are: a loop that takes both sees one kind of array.
  if (kind === 'str') return 'new Array(capacity)';
  if (kind === 'val') return `new kit.ValueColumnBuilder(${JSON.stringify(path)})`;
  if (kind === 'big') return 'new kit.BigintColumnBuilder()';
  return kind === 'list-nil' ? 'undefined' : `new kit.ListColumnBuilder("${kind.slice('list-'.length)}")`;
}

function finishedColumn(kind: string, column: string): string {
  if (COLUMN_ARRAYS[kind] !== undefined || kind === 'list-nil') return column;
  if (kind === 'str') return `kit.StringColumn.of(this.exactly(${column}))`;
  return `${column}.finish(this.rowCount)`;
}

function targetClass({ layout }: TypedShape): string {
  const values = layout.flatMap(({ kind }, index) => (kind === 'val' ? [`c${index}`] : []));
  const typed = layout.flatMap(({ kind }, index) => (COLUMN_ARRAYS[kind] === undefined ? [] : [`c${index}`]));
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
