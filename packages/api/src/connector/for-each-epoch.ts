// A function for each record with an epoch around it: what lies between two checkpoints, in one subtask.
import { MillraceError } from '@millrace/common';
import { sinkBrand } from '../brand.ts';
import { recordFunction } from '../function/check-function.ts';
import { invalidOption, refuseUnknownOptions } from '../options/check-options.ts';
import type { OperatorListState } from '../state/operator-state.ts';
import type { Sink, SinkContext, SinkWriter } from './sink.ts';

/** What the records between two checkpoints are, in one subtask. */
export interface Epoch {
  /** Subtask of the operator, from 0. */
  readonly partition: number;
  readonly partitions: number;
  /**
   * Counts from 1 since the job began. After a recovery the epoch that did not get to its checkpoint comes again under its number; it begins with
   * the same record in each partition, and may end with another.
   */
  readonly epoch: number;
  /** Of this submission; epochs of another count anew. */
  readonly runId: string;
}

/**
 * What is called for each record, and around each epoch.
 * Contract: `open` before an epoch's first record (an epoch without records is not opened), `process` for each of its records, `close` when its
 * barrier has come, or with an error when it never will. All are synchronous. At least once: what an epoch wrote before a failure is written again.
 * Source: Spark's ForeachWriter.
 */
export interface EpochWriter<T> {
  /** Returns false to leave the records of this epoch out, as when they are there already. */
  open?(epoch: Epoch): boolean | void;
  process(record: T, timestampMs: number): void;
  /** Called for each epoch that was opened, whatever `open` returned. */
  close?(error: unknown): void;
}

/** @throws {MillraceError} MR_OPTION_INVALID, MR_PROMISE_RETURNED */
export function forEachEpoch<T>(writer: EpochWriter<T>): Sink<T> {
  refuseUnknownOptions('forEachEpoch()', writer, ['open', 'process', 'close']);
  if (writer.process === undefined)
    throw invalidOption(
      'Cannot use an object without `process` in forEachEpoch(): it is called with each record',
    );
  for (const name of ['open', 'process', 'close'] as const) {
    const method = writer[name];
    if (method !== undefined) recordFunction(`\`${name}\` of forEachEpoch()`, method as () => void);
  }
  return {
    [sinkBrand]: 1,
    name: 'forEachEpoch',
    describe: () => ({}),
    openWriter: (context) => new EpochSinkWriter(writer, context),
  };
}

/** How far a partition has counted. Part of the checkpoint's format. */
type CountedEpoch = Pick<Epoch, 'partition' | 'partitions' | 'epoch'>;

class EpochSinkWriter<T> implements SinkWriter<T> {
  readonly #writer: EpochWriter<T>;
  readonly #of: Omit<Epoch, 'epoch'>;
  readonly #epochs: OperatorListState<CountedEpoch>;
  #epoch: number;
  #isOpen = false;
  #isTaken = false;

  constructor(writer: EpochWriter<T>, { subtaskIndex, parallelism, runId, operatorState }: SinkContext) {
    this.#writer = writer;
    this.#of = { partition: subtaskIndex, partitions: parallelism, runId };
    this.#epochs = operatorState.unionList<CountedEpoch>('epoch');
    this.#epoch = this.#restoredEpoch();
  }

  /**
   * The partition's own, since the barrier of a checkpoint that was given up may have come to some partitions only. Of other partitions
   * than before the greatest, so that no number comes twice.
   */
  #restoredEpoch(): number {
    const { partition, partitions } = this.#of;
    const counted = this.#epochs.get();
    const own = counted.find((one) => one.partition === partition && one.partitions === partitions);
    return own?.epoch ?? Math.max(1, ...counted.map(({ epoch }) => epoch));
  }

  write(record: T, timestampMs: number): void {
    if (!this.#isOpen) {
      this.#isTaken = this.#writer.open?.({ ...this.#of, epoch: this.#epoch }) !== false;
      this.#isOpen = true;
    }
    if (!this.#isTaken) return;
    try {
      this.#writer.process(record, timestampMs);
    } catch (error) {
      this.#close(error);
      throw error;
    }
  }

  snapshot(): void {
    this.#close(undefined);
    this.#epoch++;
    const { partition, partitions } = this.#of;
    this.#epochs.update([{ partition, partitions, epoch: this.#epoch }]);
  }

  prepareCommit(): [] {
    return [];
  }

  close(): void {
    this.#close(new MillraceError('MR_CANCELLED', `Epoch ${this.#epoch} did not come to its checkpoint`));
  }

  #close(error: unknown): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#writer.close?.(error);
  }
}
