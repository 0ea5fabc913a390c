// [HOT] Pre-aggregation: what a producer folds of the consuming window before records cross the exchange. Nothing of it is in
// a snapshot: it is flushed before any control event is sent on.
import { invariant, MillraceError } from '@millrace/common';
import type { StreamNode, UserFunction, SlicedAssignerSpec } from '@millrace/api';
import { CodeUnit } from '../../chain/codegen/code-unit.ts';
import { appendFieldsText } from '../../chain/codegen/output-code.ts';
import type { RecordText } from '../../chain/codegen/record-text.ts';
import { callKeySelector, emitChannel, emitHash, refusingPromises } from '../../chain/codegen/key-code.ts';
import type { ChainMetrics, ChainOutput } from '../../chain/operator-chain.ts';
import type { ErrorSites } from '../../chain/user-error.ts';
import { PARTIAL_COUNT, type AggregateCell, type AggregateLayout } from '../aggregate/aggregate-layout.ts';
import { KeyIndex } from './key-index.ts';
import { SliceAssigner } from './slice-assigner.ts';

/** Keys that a producer keeps accumulators for at most; then all are flushed. */
const PARTIAL_KEYS_MAX = 65_536;
/** Slices that are open at a time at most; one more flushes all. */
const PARTIAL_SLICES_MAX = 16;
/** Records after which the share of partial rows is looked at. */
const SAMPLE_RECORDS = 16_384;
/** Above this share of partial rows to records pre-aggregation costs more than it saves. */
const BYPASS_SHARE = 0.8;
/** Records that go by themselves before the share is looked at again. */
const BYPASS_RECORDS = 262_144;
/** Slices kept for later, and their room for keys above which none are. */
const SPARE_SLICES_MAX = PARTIAL_SLICES_MAX;
const SPARE_CAPACITY_MAX = 8_192;

/** Accumulators of one slice, by key number. */
class PartialSlice {
  end = 0;
  counts: Float64Array;
  columns: (Float64Array | unknown[])[];
  touched: Int32Array;
  touchedCount = 0;

  constructor(cells: readonly AggregateCell[], capacity: number) {
    this.counts = new Float64Array(capacity);
    this.columns = cells.map((cell) =>
      cell.column === 'f64' ? new Float64Array(capacity) : valuesOf(capacity),
    );
    this.touched = new Int32Array(capacity);
  }

  grow(capacity: number): void {
    this.counts = longer(this.counts, capacity);
    this.columns = this.columns.map((column) => {
      if (column instanceof Float64Array) return longer(column, capacity);
      const values = valuesOf(capacity);
      for (let index = 0; index < column.length; index++) values[index] = column[index];
      return values;
    });
    const touched = new Int32Array(capacity);
    touched.set(this.touched);
    this.touched = touched;
  }
}

function longer(column: Float64Array, capacity: number): Float64Array {
  const grown = new Float64Array(capacity);
  grown.set(column);
  return grown;
}

function valuesOf(capacity: number): unknown[] {
  const values: unknown[] = [];
  for (let index = 0; index < capacity; index++) values.push(undefined);
  return values;
}

export interface PartialAggregatesOptions {
  readonly consumer: StreamNode;
  readonly assigner: SlicedAssignerSpec;
  readonly layout: AggregateLayout;
  readonly keySelector: UserFunction;
  readonly output: ChainOutput;
  readonly keyGroupCount: number;
  readonly sites: ErrorSites;
  readonly metrics: ChainMetrics;
  readonly codegenId: string;
}

/**
 * Folds records by (key, slice) and sends partial rows `{ k, s, n, a0, … }`: key, slice end (0 where the consumer knows
 * better), number of records, accumulators.
 * Bounds: PARTIAL_KEYS_MAX keys in PARTIAL_SLICES_MAX slices. Adaptive: when it does not reduce, records go one by one.
 */
export class PartialAggregates {
  /** Bounds of the current slice, read by generated code. */
  lo = Infinity;
  hi = -Infinity;
  slice: PartialSlice;
  /** Records that still go by themselves. */
  bypassRecords = 0;
  readonly #options: PartialAggregatesOptions;
  /** undefined: one slice for all, since the consumer's clock or the end of input decides. */
  readonly #slices: SliceAssigner | undefined;
  readonly #cells: readonly AggregateCell[];
  readonly #keys = new KeyIndex(PARTIAL_KEYS_MAX);
  readonly #site: number;
  readonly #flushRow: (slice: PartialSlice, id: number) => void;
  #open: PartialSlice[] = [];
  #spare: PartialSlice[] = [];
  #sampleRecords = 0;
  #sampleRows = 0;

  constructor(options: PartialAggregatesOptions) {
    this.#options = options;
    const { assigner } = options;
    const isSliced = assigner.kind !== 'endOfInput' && assigner.timeDomain === 'event';
    this.#slices = isSliced ? new SliceAssigner(assigner) : undefined;
    this.#cells = options.layout.cells.filter((cell) => cell.partialName !== PARTIAL_COUNT);
    this.#site = options.sites.register(options.consumer, 'window aggregate');
    this.#flushRow = this.#generateFlushRow();
    this.slice = this.#takeSlice(0);
    if (isSliced) this.#open = [];
  }

  /** Rows that wait. */
  get pendingRows(): number {
    return this.#open.reduce((rows, slice) => rows + slice.touchedCount, 0);
  }

  /** Statements that fold one record, or send it by itself. */
  emitRecord(
    unit: CodeUnit,
    sent: { readonly record: RecordText; readonly timestampMs: string },
    keySite: number,
  ): string {
    const { record, timestampMs } = sent;
    const partials = unit.bind(this, 'partials');
    const [key, id, slice] = ['key', 'id', 'slice'].map((hint) => unit.fresh(hint));
    const isNew = unit.fresh('isNew');
    const columns = this.#cells.map(() => unit.fresh('column'));
    const moves =
      this.#slices === undefined
        ? ''
        : `if (!(${timestampMs} >= ${partials}.lo && ${timestampMs} < ${partials}.hi)) ${partials}.moveTo(${timestampMs});`;
    return [
      `at = ${keySite};`,
      moves,
      `const ${key} = ${callKeySelector(unit, this.#options.keySelector, record)};`,
      `const ${id} = ${partials}.bypassRecords > 0 ? ${partials}.bypass() : typeof ${key} === 'number' ? ${partials}.numberId(${key}) : ${partials}.otherId(${key});`,
      `if (${id} < 0) {`,
      this.#emitSingle(unit, String(key), record, keySite),
      '} else {',
      `const ${slice} = ${partials}.slice, ${isNew} = ${slice}.counts[${id}] === 0;`,
      `if (${isNew}) ${slice}.touched[${slice}.touchedCount++] = ${id};`,
      `${slice}.counts[${id}] += 1;`,
      `at = ${this.#site};`,
      ...columns.map((column, index) => `const ${column} = ${slice}.columns[${index}];`),
      ...this.#cells.map((cell, index) => cell.fold(unit, `${columns[index]}[${id}]`, record, isNew)),
      '}',
    ].join('\n');
  }

  #emitSingle(unit: CodeUnit, key: string, record: RecordText, keySite: number): string {
    const { sites } = this.#options;
    const hash = unit.fresh('hash');
    const values = this.#cells.map((cell) => cell.single(unit, record));
    const slice = this.#slices === undefined ? '0' : `${unit.bind(this, 'partials')}.hi`;
    return [
      `const ${hash} = ${emitHash(unit, key, refusingPromises(sites, keySite))};`,
      `at = ${this.#site}; out++;`,
      this.#appendText(unit, [key, slice, '1', ...values], hash),
    ].join('\n');
  }

  /** Statement that sends a partial row. */
  #appendText(unit: CodeUnit, values: readonly string[], hash: string): string {
    const names = ['k', 's', PARTIAL_COUNT, ...this.#cells.map((cell) => cell.partialName)];
    const channel = this.#channelText(unit, hash);
    return appendFieldsText(
      unit,
      this.#options.output,
      { names, values },
      { channel, timestampMs: 'NaN', hash },
    );
  }

  #channelText(unit: CodeUnit, hash: string): string {
    return emitChannel(unit, hash, {
      keyGroupCount: this.#options.keyGroupCount,
      channelCount: this.#options.output.channelCount,
    });
  }

  #generateFlushRow(): (slice: PartialSlice, id: number) => void {
    const unit = new CodeUnit(`${this.#options.codegenId} partials of ${this.#options.consumer.id}`);
    const keys = unit.bind(this.#keys, 'keys');
    const values = [
      `${keys}.keys[id]`,
      this.#slices === undefined ? '0' : 'slice.end',
      'slice.counts[id]',
      ...this.#cells.map((_, index) => `slice.columns[${index}][id]`),
    ];
    const body = [
      `const hash = ${keys}.hashes[id];`,
      this.#appendText(unit, values, 'hash'),
      'slice.counts[id] = 0;',
      ...this.#cells.map(
        (cell, index) => `slice.columns[${index}][id] = ${cell.column === 'f64' ? '0' : 'undefined'};`,
      ),
    ].join('\n');
    return unit.compile('slice, id', body) as (slice: PartialSlice, id: number) => void;
  }

  bypass(): number {
    this.bypassRecords--;
    return -1;
  }

  numberId(key: number): number {
    if (key !== key) return this.otherId(key);
    const id = this.#keys.findNumber(key);
    return id >= 0 ? id : this.#addKey(key);
  }

  /** -1 for keys that a Map cannot tell by identity: these go by themselves. */
  otherId(key: unknown): number {
    const id = this.#keys.findOther(key);
    if (id >= 0) return id;
    if (
      (typeof key === 'object' && key !== null) ||
      typeof key === 'function' ||
      typeof key === 'symbol' ||
      key === undefined
    )
      return -1;
    return this.#addKey(key);
  }

  #addKey(key: unknown): number {
    if (this.#keys.isFull) {
      const end = this.slice.end;
      this.flush(Infinity);
      this.#keys.clear();
      this.#select(end);
    }
    const id = this.#keys.add(key);
    if (this.#keys.capacity > this.slice.counts.length) {
      for (const slice of this.#open) slice.grow(this.#keys.capacity);
      this.#spare = [];
    }
    return id;
  }

  /** Makes the slice of an event time the current one. */
  moveTo(timestampMs: number): void {
    if (!(timestampMs > -Infinity && timestampMs < Infinity)) throw noEventTime(this.#options.consumer);
    invariant(this.#slices !== undefined, 'partial aggregates are sliced');
    this.#select(this.#slices.sliceEnd(timestampMs));
  }

  #select(end: number): void {
    let slice = this.#open.find((open) => open.end === end);
    if (slice === undefined) {
      if (this.#open.length >= PARTIAL_SLICES_MAX) this.flush(Infinity);
      slice = this.#takeSlice(end);
    }
    this.slice = slice;
    if (this.#slices === undefined) return;
    this.lo = end - this.#slices.sliceMs;
    this.hi = end;
  }

  #takeSlice(end: number): PartialSlice {
    const slice = this.#spare.pop() ?? new PartialSlice(this.#cells, this.#keys.capacity);
    slice.end = end;
    this.#open.push(slice);
    return slice;
  }

  /**
   * Sends the rows of all slices that may be in a window that a watermark of `watermarkMs` fires; Infinity: of all, as
   * before a barrier or the end of input.
   */
  flush(watermarkMs: number): void {
    const kept: PartialSlice[] = [];
    for (const slice of this.#open) {
      if (this.#slices !== undefined && slice.end - 1 > watermarkMs) kept.push(slice);
      else this.#flushSlice(slice);
    }
    this.#judge();
    if (this.#slices === undefined) return;
    for (const slice of this.#open) {
      const isSpare = this.#spare.length < SPARE_SLICES_MAX && this.#keys.capacity <= SPARE_CAPACITY_MAX;
      if (isSpare && !kept.includes(slice)) this.#spare.push(slice);
    }
    this.#open = kept;
    if (!kept.includes(this.slice)) {
      this.lo = Infinity;
      this.hi = -Infinity;
    }
  }

  #flushSlice(slice: PartialSlice): void {
    const { touched, touchedCount } = slice;
    for (let index = 0; index < touchedCount; index++) {
      const id = touched[index] as number;
      this.#sampleRecords += slice.counts[id] as number;
      this.#flushRow(slice, id);
    }
    slice.touchedCount = 0;
    this.#sampleRows += touchedCount;
    this.#options.metrics.recordsOut += touchedCount;
  }

  #judge(): void {
    if (this.#sampleRecords < SAMPLE_RECORDS) return;
    if (this.#sampleRows > this.#sampleRecords * BYPASS_SHARE) this.bypassRecords = BYPASS_RECORDS;
    this.#sampleRecords = 0;
    this.#sampleRows = 0;
  }
}

/** What to throw when an event-time window meets a record without event time. */
export function noEventTime(node: StreamNode): MillraceError {
  return new MillraceError(
    'MR_GRAPH_INVALID',
    `Cannot assign a record to the event-time window "${node.name}" (uid "${node.uid}"): it has no event time; call .watermarks(boundedOutOfOrderness(…)) on the stream before, or use a window with time: 'processing'`,
    { details: { operator: node.name, uid: node.uid } },
  );
}
