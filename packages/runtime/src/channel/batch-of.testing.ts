// Batches for tests of channels.
import { createBatchBuilder, type RecordBatch } from '@millrace/proto';

/** Returns one batch of records, BATCH_ROWS_MAX at most, of one shape, without event times. */
export function batchOf(records: readonly unknown[]): RecordBatch {
  const batches: RecordBatch[] = [];
  const builder = createBatchBuilder({
    codegenId: 'test',
    targetCount: 1,
    isKeyed: false,
    onBatch: (_target, batch) => batches.push(batch),
  });
  for (const record of records) builder.append(0, record, NaN, 0);
  builder.flushAll();
  const [batch] = batches;
  if (batch === undefined || batches.length > 1) throw new Error('the records give no single batch');
  return batch;
}
