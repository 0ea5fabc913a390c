// Batches of records as they are, without columns: what the harness hands to a chain.
import type { BatchShape, RecordBatch } from '@millrace/proto';

/** Rows are objects in the one column. */
const OBJECTS: BatchShape = {
  text: '{object}',
  emitPrelude: (batch) => `const objects = ${batch}.columns[0];`,
  emitRecord: (row) => `objects[${row}]`,
};

/** A record on its way between two chains. */
export interface SentRecord {
  readonly record: unknown;
  readonly timestampMs: number;
  readonly keyHash: number;
}

/** Returns records as one batch; each is a copy, as one that crossed a thread would be. */
export function batchOf(records: readonly SentRecord[], isKeyed: boolean): RecordBatch {
  return {
    rowCount: records.length,
    shape: OBJECTS,
    columns: [records.map(({ record }) => structuredClone(record))],
    timestampsMs: Float64Array.from(records, ({ timestampMs }) => timestampMs),
    keyHashes: isKeyed ? Int32Array.from(records, ({ keyHash }) => keyHash) : undefined,
  };
}
