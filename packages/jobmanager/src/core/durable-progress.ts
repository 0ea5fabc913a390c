// A job's progress record, and the order in which it becomes durable.
import type { JobId } from '@millrace/common';
import { CHECKPOINT_ID_BLOCK } from './checkpoint-ids.ts';
import type { Effects, StoreOperation } from './effects.ts';
import { encodeRecord, recordKeys, type JobProgressRecord, type JobRecord } from './job-records.ts';

/** The progress record of a new submission: it reserves the first attempt and the first block of checkpoint ids. */
export function newProgress(): JobProgressRecord {
  return {
    state: 'CREATED',
    attemptNumber: 1,
    checkpointIdsReserved: CHECKPOINT_ID_BLOCK,
    isPrepared: false,
    restartCount: 0,
  };
}

/** Threading: inside `step` only. Writes happen in the order of the calls. */
export class DurableProgress {
  readonly #jobId: JobId;
  readonly #effects: Effects;
  #record: JobProgressRecord;

  constructor(jobId: JobId, effects: Effects, record: JobProgressRecord) {
    this.#jobId = jobId;
    this.#effects = effects;
    this.#record = record;
  }

  /** As it is or will be in the store. */
  get record(): JobProgressRecord {
    return this.#record;
  }

  /** Changes what need not be durable before anything is done; it is written with the next `update`. */
  note(change: Partial<JobProgressRecord>): void {
    this.#record = { ...this.#record, ...change };
  }

  /** Changes the record; `then` is called once it is durable. */
  update(change: Partial<JobProgressRecord>, then: () => void): void {
    this.#effects.persist([this.write(change)], then);
  }

  /** As `update`, of an ended job whose checkpoints are deleted next: nothing names them any more. */
  updateWithoutPointer(change: Partial<JobProgressRecord>, then: () => void): void {
    const pointer: StoreOperation = { type: 'del', key: recordKeys.pointer(this.#jobId) };
    this.#effects.persist([this.write(change), pointer], then);
  }

  /** What stores a new submission. */
  initialOperations(job: JobRecord): readonly StoreOperation[] {
    return [{ type: 'put', key: recordKeys.job(this.#jobId), value: encodeRecord(job) }, this.write()];
  }

  /** The operation that stores the record, with `change`. */
  write(change: Partial<JobProgressRecord> = {}): StoreOperation {
    this.note(change);
    return { type: 'put', key: recordKeys.progress(this.#jobId), value: encodeRecord(this.#record) };
  }
}
