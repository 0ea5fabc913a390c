// [HOT] The contract between whoever fills batches and whoever reads them. Built by `batch-builder.ts`, written and read
// as bytes by `batch-codec-v1.ts`.

/** Rows of a batch at most. */
export const BATCH_ROWS_MAX = 8192;
/** Encoded bytes after which a batch is full, about; a single record may be larger, up to RECORD_BYTES_MAX. */
export const BATCH_BYTES_TARGET = 256 * 1024;
/** Encoded bytes of one record at most; a larger one is refused with MR_UNSUPPORTED_VALUE. */
export const RECORD_BYTES_MAX = 16 * 1024 * 1024;

/**
 * What the records of a batch look like. Interned per thread: equal shapes are the same object, so that generated code
 * is cached by identity. It writes the source text that turns columns into records.
 */
export interface BatchShape {
  /** Canonical text, e.g. `{key:f64,word:str,tags:[str]}`. */
  readonly text: string;
  /** True when its records are objects with named fields (or nothing), so that some of them may be left out. */
  readonly hasFields: boolean;
  /**
   * Source text of the record of row `row` (an expression); a fresh object each time. With `fields`, of those only: a record
   * without the others.
   */
  emitRecord(row: string, fields?: ReadonlySet<string>): EmittedRecord;
  /**
   * The fields of the record by themselves, in its order, with `fields` of those only; undefined where rows have different
   * fields, or none by name.
   */
  emitFields(row: string, fields?: ReadonlySet<string>): EmittedFields | undefined;
  /** Source text of column `index` of `batch` (an expression), ready to be read. Strings are decoded there. */
  emitColumn(batch: string, index: number): string;
  /** True when a column is costly to get ready: worth to wait until a row needs it. */
  isEncoded(index: number): boolean;
}

/** Text of a record, which reads the column with index i as `column$i`. */
export interface EmittedRecord {
  readonly text: string;
  readonly columns: ReadonlySet<number>;
}

/** Texts of a record's fields. */
export interface EmittedFields {
  readonly names: readonly string[];
  readonly values: readonly string[];
  readonly columns: ReadonlySet<number>;
}

/** Records that travel together. Threading: one thread. Contract: never changed after it is made. */
export interface RecordBatch {
  readonly rowCount: number;
  readonly shape: BatchShape;
  /** Layout is the shape's own business: read it through `emitColumn` and `emitRecord`, or `recordAt`. */
  readonly columns: readonly unknown[];
  /** Event times, ms since the epoch UTC; NaN: none. Length ≥ rowCount. */
  readonly timestampsMs: Float64Array;
  /** 32-bit key hashes where the edge is partitioned by key, else undefined. Length ≥ rowCount. */
  readonly keyHashes: Int32Array | undefined;
}

/**
 * Gathers records into one batch per target channel.
 * Contract: `append` calls `onBatch` when a target's batch is full, or when a record's shape does not fit the batch
 * begun (which is finished first: order is kept). Records are read, never kept and never changed.
 */
export interface BatchBuilder {
  /**
   * @throws {MillraceError} MR_UNSUPPORTED_VALUE naming the field, for what structured clone refuses
   */
  append(target: number, record: unknown, timestampMs: number, keyHash: number): void;
  /**
   * Returns what appends records with exactly these fields, in this order, without an object: the fields' values go into
   * their columns. The same as `append` of an object literal with them.
   */
  fieldAppender(names: readonly string[]): FieldAppender;
  /** Hands the target's batch over, if it has a row. */
  flush(target: number): void;
  flushAll(): void;
  /** Rows that wait in all targets. */
  readonly pendingRows: number;
}

/** See {@link BatchBuilder.fieldAppender}. Contract: call `appender.append(…)`; never keep the function itself. */
export interface FieldAppender {
  append: (target: number, timestampMs: number, keyHash: number, ...values: unknown[]) => void;
}

/** What a batch builder is made with: whom it works for, and when a batch is full. */
export interface BatchBuilderOptions {
  /** Stands in the generated source text, so that jobs and edges do not share type feedback. */
  readonly codegenId: string;
  readonly targetCount: number;
  readonly isKeyed: boolean;
  /** Of a full batch. The first ones have fewer: see the builder. */
  readonly rowsMax?: number;
  readonly bytesTarget?: number;
  readonly onBatch: (target: number, batch: RecordBatch) => void;
}
