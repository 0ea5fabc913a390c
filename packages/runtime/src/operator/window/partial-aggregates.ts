// [HOT] Pre-aggregation: what a producer folds of the consuming window or running aggregate before records cross the exchange.
// Nothing of it is in a snapshot: it is flushed before any control event is sent on.
import { hashKey, invariant, MillraceError, type Clock } from '@millrace/common';
import type { StreamNode, UserFunction, SlicedAssignerSpec } from '@millrace/api';
import { CodeUnit } from '../../chain/codegen/code-unit.ts';
import { appendFieldsText } from '../../chain/codegen/output-code.ts';
import type { RecordText } from '../../chain/codegen/record-text.ts';
import { callKeySelector, emitChannel, emitHash, refusingPromises } from '../../chain/codegen/key-code.ts';
import type { ChainMetrics, ChainOutput } from '../../chain/operator-chain.ts';
import type { ErrorSites } from '../../chain/user-error.ts';
import { cutLoose } from '../aggregate/cut-loose.ts';
import type { DistinctGroup, DistinctLocals } from '../aggregate/distinct-group.ts';
import { withAnswers } from '../aggregate/filtered-cell.ts';
import { SeenValues } from '../aggregate/seen-values.ts';
import { PARTIAL_COUNT, type AggregateCell, type AggregateLayout } from '../aggregate/aggregate-layout.ts';
import { KeyIndex } from './key-index.ts';
import { isTuple, TupleIndex } from './tuple-index.ts';
import { PartialSlice } from './partial-slice.ts';
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
/** Keys below which none are forgotten because new ones come in their place. */
const FORGOTTEN_KEYS_MIN = 4_096;
/** At most this share of a flush's keys were there at the one before: they are not coming back. */
const RETURNING_SHARE = 1 / 8;
/** Slices kept for later, and their room for keys above which none are. */
const SPARE_SLICES_MAX = PARTIAL_SLICES_MAX;
const SPARE_CAPACITY_MAX = 8_192;

/** When a running aggregate wants partial rows, beside before watermarks and barriers. */
export interface PartialBatch {
  /** Records that are folded at most. */
  readonly recordsMax: number;
  /** They wait for so long at most; Infinity: for the next watermark, barrier or end. */
  readonly latencyMs: number;
  readonly clock: Clock;
  /** The consumer keeps all distinct values: what it was told of one it need not be told again. */
  readonly keepsAll: boolean;
}

export interface PartialAggregatesOptions {
  readonly consumer: StreamNode;
  /** Of a window; undefined: of a running aggregate, whose records are all in one. */
  readonly assigner: SlicedAssignerSpec | undefined;
  /** Of a running aggregate. */
  readonly batch?: PartialBatch;
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
  /** Records of the batch of a running aggregate so far, counted by generated code. */
  batchRecords = 0;
  /** When the batch has to be sent, ms since the epoch; Infinity: it is empty, or may wait. */
  deadlineMs = Infinity;
  readonly #options: PartialAggregatesOptions;
  /** undefined: one slice for all, since the consumer's clock or the end of input decides. */
  readonly #slices: SliceAssigner | undefined;
  readonly #cells: readonly AggregateCell[];
  readonly #keys = new KeyIndex(PARTIAL_KEYS_MAX);
  /** Of keys that are arrays of numbers and strings, as the first of them is. */
  #tuples: TupleIndex | undefined = undefined;
  readonly #site: number;
  /** By group of distinct counts. */
  readonly #seen: readonly SeenValues[];
  readonly #flushRow: (slice: PartialSlice, id: number) => void;
  #open: PartialSlice[] = [];
  #spare: PartialSlice[] = [];
  #sampleRecords = 0;
  #sampleRows = 0;
  /** Keys that were there at the last flush. */
  #knownKeys = 0;
  /** Of the flush at hand: rows, and those of keys that were there at the last one. */
  #flushedRows = 0;
  #returningRows = 0;

  constructor(options: PartialAggregatesOptions) {
    this.#options = options;
    const { assigner, layout } = options;
    const isSliced =
      assigner !== undefined && assigner.kind !== 'endOfInput' && assigner.timeDomain === 'event';
    this.#slices = isSliced ? new SliceAssigner(assigner) : undefined;
    this.#cells = layout.cells.filter(
      (cell) => cell.partialName !== PARTIAL_COUNT && cell.isOfGroup === undefined,
    );
    this.#seen = layout.groups.map(() => new SeenValues());
    this.#site = options.sites.register(
      options.consumer,
      assigner === undefined ? 'aggregate function' : 'window aggregate',
    );
    this.#flushRow = this.#generateFlushRow();
    this.slice = this.#takeSlice(0);
    if (isSliced) this.#open = [];
  }

  get output(): ChainOutput {
    return this.#options.output;
  }

  /** Rows wait that a watermark must not overtake, and that it need not send: they are sent in time by themselves. */
  get holdsWatermarks(): boolean {
    return this.#sendsInTime && this.slice.touchedCount > 0;
  }

  get #sendsInTime(): boolean {
    return (this.#options.batch?.latencyMs ?? Infinity) < Infinity;
  }

  /** Rows that wait. */
  get pendingRows(): number {
    return this.#open.reduce((rows, slice) => rows + slice.touchedCount, 0);
  }

  /** After a batch of records: the clock starts when something waits. */
  startClock(): void {
    const { batch } = this.#options;
    if (batch === undefined || batch.latencyMs === Infinity || this.deadlineMs !== Infinity) return;
    if (this.slice.touchedCount > 0) this.deadlineMs = batch.clock.nowMs() + batch.latencyMs;
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
    const { batch } = this.#options;
    const full =
      batch === undefined
        ? ''
        : `if (++${partials}.batchRecords >= ${batch.recordsMax}) ${partials}.flush(Infinity);`;
    const time = batch === undefined ? '' : `${slice}.times[${id}] = ${timestampMs};`;
    const moves =
      this.#slices === undefined
        ? ''
        : `if (!(${timestampMs} >= ${partials}.lo && ${timestampMs} < ${partials}.hi)) ${partials}.moveTo(${timestampMs});`;
    return [
      `at = ${keySite};`,
      moves,
      `const ${key} = ${callKeySelector(unit, this.#options.keySelector, record)};`,
      `at = ${this.#site};`,
      withAnswers(unit, record, this.#options.layout.conditions, () =>
        [
          `const ${id} = ${partials}.bypassRecords > 0 ? ${partials}.bypass() : typeof ${key} === 'number' ? ${partials}.numberId(${key}) : ${partials}.otherId(${key});`,
          `if (${id} < 0) {`,
          this.#emitSingle(unit, String(key), sent, keySite),
          '} else {',
          `const ${slice} = ${partials}.slice, ${isNew} = ${slice}.counts[${id}] === 0;`,
          `if (${isNew}) ${slice}.touched[${slice}.touchedCount++] = ${id};`,
          `${slice}.counts[${id}] += 1;`,
          `at = ${this.#site};`,
          ...columns.map((column, index) => `const ${column} = ${slice}.columns[${index}];`),
          ...this.#cells.map((cell, index) => cell.fold(unit, `${columns[index]}[${id}]`, record, isNew)),
          time,
          ...this.#options.layout.groups.map((_, index) => {
            const { locals, found } = this.#found(unit, index, record);
            return `${found}\nif (${isThere(locals)}) ${partials}.note(${index}, ${id}, ${locals.value}, ${locals.bits});`;
          }),
          full,
          '}',
        ].join('\n'),
      ),
    ].join('\n');
  }

  /** Statements that find what a record brings to a group. */
  #found(unit: CodeUnit, index: number, record: RecordText) {
    const locals = { bits: unit.fresh('bits'), value: unit.fresh('value') };
    const group = this.#options.layout.groups[index] as DistinctGroup;
    return { locals, found: group.find(unit, record, locals, (name) => `const ${name}`) };
  }

  /** A value for a group of distinct counts: what of it is new waits with its key. */
  note(group: number, id: number, value: unknown, bits: number): void {
    const fresh = (this.#seen[group] as SeenValues).fresh(id, value, bits);
    if (fresh === 0) return;
    const pairs = this.slice.pairs[group] as (unknown[] | undefined)[];
    const waiting = pairs[id];
    const kept = cutLoose(value);
    if (waiting === undefined) pairs[id] = [kept, fresh];
    else waiting.push(kept, fresh);
  }

  #emitSingle(
    unit: CodeUnit,
    key: string,
    { record, timestampMs }: { readonly record: RecordText; readonly timestampMs: string },
    keySite: number,
  ): string {
    const { sites, layout, batch } = this.#options;
    const hash = unit.fresh('hash');
    const groups = layout.groups.map((_, index) => this.#found(unit, index, record));
    const values = [
      ...this.#cells.map((cell) => cell.single(unit, record)),
      ...groups.map(({ locals }) => `(${isThere(locals)} ? [${locals.value}, ${locals.bits}] : undefined)`),
    ];
    const slice = this.#slices === undefined ? '0' : `${unit.bind(this, 'partials')}.hi`;
    return [
      `const ${hash} = ${emitHash(unit, key, refusingPromises(sites, keySite))};`,
      `at = ${this.#site}; out++;`,
      ...groups.map(({ found }) => found),
      this.#appendText(unit, [key, slice, '1', ...values], {
        hash,
        timestampMs: batch === undefined ? 'NaN' : timestampMs,
      }),
    ].join('\n');
  }

  /** Statement that sends a partial row. */
  #appendText(
    unit: CodeUnit,
    values: readonly string[],
    { hash, timestampMs }: { readonly hash: string; readonly timestampMs: string },
  ): string {
    const names = [
      'k',
      's',
      PARTIAL_COUNT,
      ...this.#cells.map((cell) => cell.partialName),
      ...this.#options.layout.groups.map((group) => group.name),
    ];
    const channel = this.#channelText(unit, hash);
    return appendFieldsText(unit, this.#options.output, { names, values }, { channel, timestampMs, hash });
  }

  #channelText(unit: CodeUnit, hash: string): string {
    return emitChannel(unit, hash, {
      keyGroupCount: this.#options.keyGroupCount,
      channelCount: this.#options.output.channelCount,
    });
  }

  #generateFlushRow(): (slice: PartialSlice, id: number) => void {
    const unit = new CodeUnit(`${this.#options.codegenId} partials of ${this.#options.consumer.id}`);
    const partials = unit.bind(this, 'partials');
    const keys = unit.bind(this.#keys, 'keys');
    const values = [
      `${partials}.keyAt(id)`,
      this.#slices === undefined ? '0' : 'slice.end',
      'slice.counts[id]',
      ...this.#cells.map((_, index) => `slice.columns[${index}][id]`),
      ...this.#options.layout.groups.map((_, index) => `slice.pairs[${index}][id]`),
    ];
    const body = [
      `const hash = ${keys}.hashes[id];`,
      this.#appendText(unit, values, {
        hash: 'hash',
        timestampMs: this.#options.batch === undefined ? 'NaN' : 'slice.times[id]',
      }),
      'slice.counts[id] = 0;',
      ...this.#options.layout.groups.map((_, index) => `slice.pairs[${index}][id] = undefined;`),
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

  /** -1 for what is no key: it goes by itself, and is refused there. */
  otherId(key: unknown): number {
    if (Array.isArray(key)) return this.#arrayId(key);
    if (typeof key === 'object' && key !== null) return this.#objectId(key);
    const id = this.#keys.findOther(key);
    if (id >= 0) return id;
    if (typeof key === 'function' || typeof key === 'symbol' || key === undefined) return -1;
    return this.#addKey(key);
  }

  /** A composite key. Tuples are as the first one that comes. */
  #arrayId(key: readonly unknown[]): number {
    if (this.#tuples === undefined && isTuple(key)) this.#tuples = new TupleIndex(key, this.#keys.capacity);
    const tuples = this.#tuples;
    if (tuples?.width !== key.length) return this.#objectId(key);
    const id = tuples.find(key);
    if (id >= 0) return id;
    if (id === -2) return this.#objectId(key);
    const hash = hashKey(key);
    const added = this.#added(() => this.#keys.append(undefined, hash));
    this.#tuples ??= new TupleIndex(key, this.#keys.capacity);
    this.#tuples.add(key, added);
    return added;
  }

  /** Of a number that is in use. */
  keyAt(id: number): unknown {
    const key = this.#keys.keys[id];
    return key === undefined && this.#tuples !== undefined ? this.#tuples.at(id) : key;
  }

  #objectId(key: object): number {
    if (!Array.isArray(key) && !(key instanceof Date)) {
      const prototype: unknown = Object.getPrototypeOf(key);
      if (prototype !== Object.prototype && prototype !== null) return -1;
    }
    const hash = hashKey(key);
    const id = this.#keys.findObject(key, hash);
    return id >= 0 ? id : this.#added(() => this.#keys.addObject(key, hash));
  }

  #addKey(key: unknown): number {
    return this.#added(() => this.#keys.add(key));
  }

  #added(add: () => number): number {
    if (this.#keys.isFull) {
      const end = this.slice.end;
      this.flush(Infinity);
      this.#clearKeys();
      this.#tuples = undefined; // the next one may be another kind
      for (const seen of this.#seen) seen.clear();
      this.#select(end);
    }
    const id = add();
    if (this.#keys.capacity > this.slice.counts.length) {
      for (const slice of this.#open) slice.grow(this.#keys.capacity);
      this.#tuples?.grow(this.#keys.capacity);
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
    const slice = this.#spare.pop() ?? new PartialSlice(this.#cells, this.#seen.length, this.#keys.capacity);
    slice.end = end;
    this.#open.push(slice);
    return slice;
  }

  /**
   * Sends the rows of all slices that may be in a window that a watermark of `watermarkMs` fires; Infinity: of all, as
   * before a barrier or the end of input. A running aggregate that may wait sends nothing for a watermark, which is held
   * back behind its rows: watermarks come every few ms, and each would end the batch.
   */
  flush(watermarkMs: number): void {
    if (watermarkMs < Infinity && this.#sendsInTime) return;
    const kept: PartialSlice[] = [];
    for (const slice of this.#open) {
      if (this.#slices !== undefined && slice.end - 1 > watermarkMs) kept.push(slice);
      else this.#flushSlice(slice);
    }
    this.#judge();
    this.#forgetKeys();
    this.batchRecords = 0;
    this.deadlineMs = Infinity;
    this.#options.output.releaseWatermark?.();
    if (this.#options.batch?.keepsAll === false) for (const seen of this.#seen) seen.clear();
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
      if (id < this.#knownKeys) this.#returningRows++;
      this.#flushRow(slice, id);
    }
    slice.touchedCount = 0;
    this.#sampleRows += touchedCount;
    this.#flushedRows += touchedCount;
    this.#options.metrics.recordsOut += touchedCount;
  }

  /** Keys that do not come back, as those of auctions that end, would make the tables larger than the processor's caches. */
  #forgetKeys(): void {
    const rows = this.#flushedRows;
    if (rows === 0) return;
    const returning = this.#returningRows;
    this.#flushedRows = 0;
    this.#returningRows = 0;
    const couldReturn = this.#knownKeys * 2 >= rows;
    this.#knownKeys = this.#keys.count;
    if (!couldReturn || returning > rows * RETURNING_SHARE || this.#keys.count < FORGOTTEN_KEYS_MIN) return;
    // What is known of distinct values is by key number, and so is what waits.
    if (this.#seen.length === 0 && this.pendingRows === 0) this.#clearKeys();
  }

  #clearKeys(): void {
    this.#keys.clear();
    this.#tuples?.clear();
    this.#knownKeys = 0;
  }

  #judge(): void {
    if (this.#sampleRecords < SAMPLE_RECORDS) return;
    if (this.#sampleRows > this.#sampleRecords * BYPASS_SHARE) this.bypassRecords = BYPASS_RECORDS;
    this.#sampleRecords = 0;
    this.#sampleRows = 0;
  }
}

/** Expression: there is a value that counts. */
function isThere({ bits, value }: DistinctLocals): string {
  return `${bits} !== 0 && ${value} !== undefined && ${value} !== null`;
}

/** What to throw when an event-time window meets a record without event time. */
export function noEventTime(node: StreamNode): MillraceError {
  return new MillraceError(
    'MR_GRAPH_INVALID',
    `Cannot assign a record to the event-time window "${node.name}" (uid "${node.uid}"): it has no event time; call .watermarks(boundedOutOfOrderness(…)) on the stream before, or use a window with time: 'processing'`,
    { details: { operator: node.name, uid: node.uid } },
  );
}
