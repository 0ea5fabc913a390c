// What a chain harness is told, and what it gives out.
import type { BlobStore, FilePort } from '@millrace/common';
import type { DataStream } from '@millrace/api';
import type { CheckpointMode, OperatorSnapshot, SlotDeployment } from '@millrace/proto';

/** A stream whose records the harness gathers: a DataStream of anything. */
export interface TestedStream {
  forEach(each: (record: unknown) => void): unknown;
}

/** Builds the operators under test: what is behind the source. Returns the streams to look at, one or several by name. */
export type OperatorsUnderTest<T> = ((input: DataStream<T>) => TestedOutputs) | TwoInputOperators;

/** Operators over two inputs: records of the source are {@link SidedValue}s. */
export interface TwoInputOperators {
  readonly ofTwo: (left: DataStream<never>, right: DataStream<never>) => TestedOutputs;
}

/** What {@link OperatorsUnderTest} return. */
export type TestedOutputs = TestedStream | { readonly [output: string]: TestedStream } | void;

/** A record for one of two inputs. */
export interface SidedValue<L, R> {
  readonly side: 'left' | 'right';
  readonly value: L | R;
}

/** Something that a chain gave out. */
export interface EmittedRecord {
  readonly output: string;
  readonly record: unknown;
  readonly timestampMs: number;
}

export interface ChainHarnessOptions<T> {
  readonly operators: OperatorsUnderTest<T>;
  /** Subtasks of the operators under test. */
  readonly parallelism: number;
  readonly freezesRecords?: boolean;
  /** False: records are made with all fields, whether they are read or not. */
  readonly prunesFields?: boolean;
  /** Every other look at the credit says no. */
  readonly refusesCredit?: boolean;
  readonly cacheEntriesMax?: number;
  readonly restore?: HarnessSnapshot;
  readonly blobStore?: BlobStore;
  readonly files?: FilePort;
  readonly mode?: SlotDeployment['mode'];
  /** Default: exactly-once. */
  readonly checkpointMode?: CheckpointMode;
  readonly attemptNumber?: number;
}

/** State of all subtasks at a barrier. */
export interface HarnessSnapshot {
  readonly checkpointId: number;
  readonly watermarkMs: number;
  readonly nowMs: number;
  readonly operators: readonly (readonly OperatorSnapshot[])[];
}
