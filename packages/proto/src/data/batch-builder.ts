// [HOT] Gathers records into columns, one batch a target, and adapts to the shapes that come.
import { MillraceError } from '@millrace/common';
import {
  generateFieldAppend,
  generateStore,
  type AppendContext,
  type TargetRows,
  type TargetStore,
} from './append-codegen.ts';
import { shapeOfType, type TypedShape } from './batch-shape.ts';
import { inferType, VALUE_TYPE, widenType } from './infer-type.ts';
import {
  BATCH_BYTES_TARGET,
  BATCH_ROWS_MAX,
  RECORD_BYTES_MAX,
  type BatchBuilder,
  type BatchBuilderOptions,
  type FieldAppender,
  type RecordBatch,
} from './record-batch.ts';

/** Times that one builder widens its shape or makes an exception; from then on every record is a value. */
const WIDENINGS_MAX = 32;
/** Lists of fields that one builder has code for. */
const APPENDERS_MAX = 64;
/** Rows that a target has room for at first. */
const CAPACITY_MIN = 16;
/**
 * Rows that a batch may have at first; each full one, for whichever target, doubles it. V8 compiles a loop over records after some thousand of
 * them, with what it has seen until then: full batches, and the opening of the next, are among it this way, or the code would be thrown
 * away with the first of them.
 */
const FIRST_ROWS_MAX = 64;

/**
 * Returns a builder that has no rows. See {@link BatchBuilder}. Threading: one thread.
 * Contract: call `builder.append(…)`; never keep the function itself, it is another one after each widening.
 */
export function createBatchBuilder(options: BatchBuilderOptions): BatchBuilder {
  return new AdaptiveBatchBuilder(options);
}

interface SentRecord {
  readonly target: number;
  readonly record: unknown;
  readonly timestampMs: number;
  readonly keyHash: number;
}

const VALUE_SHAPE = shapeOfType(VALUE_TYPE);

class AdaptiveBatchBuilder implements BatchBuilder {
  /** Generated for the shape at hand; another function when the shape widens. */
  append: BatchBuilder['append'];
  readonly #options: BatchBuilderOptions;
  readonly #rowsMax: number;
  readonly #targets: (TargetRows | undefined)[] = [];
  readonly #capacities: number[] = [];
  readonly #context: AppendContext;
  #shape: TypedShape | undefined;
  #store: TargetStore | undefined;
  #wideningCount = 0;
  readonly #appenders = new Map<
    string,
    { readonly names: readonly string[]; readonly appender: FieldAppender }
  >();

  constructor(options: BatchBuilderOptions) {
    this.#options = options;
    this.#rowsMax = options.rowsMax ?? BATCH_ROWS_MAX;
    for (let target = 0; target < options.targetCount; target++) {
      this.#targets.push(undefined);
      this.#capacities.push(Math.min(CAPACITY_MIN, this.#rowsMax));
    }
    this.#context = {
      targets: this.#targets,
      rowsMax: Math.min(FIRST_ROWS_MAX, this.#rowsMax),
      bytesTarget: options.bytesTarget ?? BATCH_BYTES_TARGET,
      recordBytesMax: RECORD_BYTES_MAX,
      open: (target) => this.#open(target),
      full: (target) => {
        this.#context.rowsMax = Math.min(this.#rowsMax, this.#context.rowsMax * 2);
        this.flush(target);
      },
      mismatch: (target, record, timestampMs, keyHash) =>
        this.#takeOther({ target, record, timestampMs, keyHash }),
      refuse: refuseRecord,
    };
    this.append = (target, record, timestampMs, keyHash) => {
      this.#use(shapeOfType(inferType(record)));
      this.append(target, record, timestampMs, keyHash);
    };
  }

  fieldAppender(names: readonly string[]): FieldAppender {
    const key = JSON.stringify(names);
    const known = this.#appenders.get(key);
    if (known !== undefined) return known.appender;
    const appender: FieldAppender = { append: () => undefined };
    if (this.#appenders.size < APPENDERS_MAX) {
      this.#appenders.set(key, { names, appender });
      this.#generateWhenUsed(names, appender);
    } else {
      // Without a shape it makes objects, whatever shape comes.
      this.#generateFor(names, appender, undefined);
    }
    return appender;
  }

  #generateWhenUsed(names: readonly string[], appender: FieldAppender): void {
    appender.append = (...args) => {
      this.#generateFor(names, appender, this.#shape);
      appender.append(...args);
    };
  }

  #generateFor(names: readonly string[], appender: FieldAppender, shape: TypedShape | undefined): void {
    appender.append = generateFieldAppend(shape, names, {
      codegenId: this.#options.codegenId,
      context: this.#context,
      otherwise: (target, record, timestampMs, keyHash) => this.append(target, record, timestampMs, keyHash),
    });
  }

  get pendingRows(): number {
    let rows = 0;
    for (const target of this.#targets) rows += target?.rowCount ?? 0;
    return rows;
  }

  flush(target: number): void {
    const rows = this.#targets[target];
    const shape = this.#shape;
    if (rows === undefined || shape === undefined || rows.rowCount === 0) return;
    this.#targets[target] = undefined;
    this.#capacities[target] = Math.min(
      this.#rowsMax,
      Math.max(CAPACITY_MIN, 2 ** Math.ceil(Math.log2(rows.rowCount))),
    );
    const batch: RecordBatch = {
      rowCount: rows.rowCount,
      shape,
      columns: rows.finish(),
      timestampsMs: rows.timestampsMs,
      keyHashes: rows.keyHashes,
    };
    this.#options.onBatch(target, batch);
  }

  flushAll(): void {
    for (let target = 0; target < this.#targets.length; target++) this.flush(target);
  }

  #open(target: number): TargetRows {
    const store = this.#store;
    if (store === undefined || !(target >= 0 && target < this.#targets.length)) {
      throw new MillraceError(
        'MR_INTERNAL',
        `Cannot append to target ${target}: the builder has ${this.#targets.length}`,
      );
    }
    const rows = store.makeTarget(this.#capacities[target] ?? CAPACITY_MIN, this.#options.isKeyed);
    this.#targets[target] = rows;
    return rows;
  }

  /** Batches begun in the old shape go out first, so that order is kept. */
  #takeOther(sent: SentRecord): void {
    this.#flushShape();
    const known = this.#shape;
    const isLast = ++this.#wideningCount > WIDENINGS_MAX;
    const wider = known === undefined || isLast ? VALUE_TYPE : widenType(known.type, sent.record);
    const shape = shapeOfType(wider);
    if (shape !== known || known === VALUE_SHAPE) {
      this.#use(shape);
      this.append(sent.target, sent.record, sent.timestampMs, sent.keyHash);
      return;
    }
    // Its own shape does not take the record (an object in two places, an array with fields, a class with inherited
    // enumerable fields): it goes as a value in a batch of its own, and the shape stays for those behind it.
    const store = this.#store as TargetStore;
    this.#use(VALUE_SHAPE);
    this.append(sent.target, sent.record, sent.timestampMs, sent.keyHash);
    this.#flushShape();
    this.#resume(known, store);
  }

  #flushShape(): void {
    this.flushAll();
    this.#targets.fill(undefined);
  }

  #use(shape: TypedShape): void {
    this.#resume(shape, generateStore(shape, this.#options.codegenId, this.#context));
  }

  #resume(shape: TypedShape, store: TargetStore): void {
    this.#shape = shape;
    this.#store = store;
    this.append = store.append;
    for (const { names, appender } of this.#appenders.values()) this.#generateWhenUsed(names, appender);
  }
}

function refuseRecord(bytes: number): never {
  throw new MillraceError(
    'MR_UNSUPPORTED_VALUE',
    `Cannot send a record of about ${bytes} bytes: at most ${RECORD_BYTES_MAX} are taken; split it`,
    {
      details: { bytes, bytesMax: RECORD_BYTES_MAX, path: 'record' },
    },
  );
}
