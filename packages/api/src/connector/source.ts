// The source half of the connector kit, after FLIP-27: an enumerator lists splits, readers read them.
import type { FilePort } from '@millrace/common';
import type { Json } from '@millrace/proto';
import type { sourceBrand } from '../brand.ts';

/** A value, or a promise of it: what both kinds of functions return. */
export type MaybePromise<T> = T | Promise<T>;

/** A part of the input that one reader reads alone. Plain JSON: it is in checkpoints. */
export interface Split {
  /** Unique in the source. */
  readonly id: string;
  /** How much of the input this is, in any unit that all splits share; for progress. Unset: unknown. */
  readonly weight?: number;
  readonly [field: string]: Json | undefined;
}

/** What a connector may use of the world. */
export interface ConnectorContext {
  readonly files: FilePort;
  /** Absolute; relative paths are resolved against it. */
  readonly baseDirectory: string;
  readonly jobName: string;
  readonly subtaskIndex: number;
  /** Of the node; in a source's `enumerate` that of its readers. */
  readonly parallelism: number;
}

/** What a split is opened with. */
export interface SplitContext extends ConnectorContext {
  /**
   * Fields of its records that the job reads; unset: all. A source may leave out the others, and should where it saves work:
   * nobody can tell.
   */
  readonly fields?: readonly string[];
}

/** A column of a {@link SourceBatch}: `values[row]`. Typed arrays for numbers; arrays for anything else. */
export interface SourceColumn {
  readonly name: string;
  readonly values: Float64Array | readonly unknown[];
}

/** A column of a {@link SourceBatch} that is computed: `valueAt` is called where a row is needed, if the field is read at all. */
export interface ComputedColumn {
  readonly name: string;
  readonly valueAt: (index: number) => unknown;
}

/** A record that could not be read. */
export interface MalformedRecord {
  /** Where: file, line or offset, for people. */
  readonly position: string;
  readonly reason: string;
  /** The record as it is in the input: bytes, or text where there are none. Cut to 1 MiB where it becomes a dead letter. */
  readonly raw: string | Uint8Array;
  /** Bytes of the whole record, where `raw` has only its beginning. */
  readonly rawBytes?: number;
}

interface BatchHeader {
  /** Restores the reader behind this batch. */
  readonly position: Json;
  /** Weight of the split read so far, this batch included. */
  readonly weightRead?: number | undefined;
  readonly malformed?: readonly MalformedRecord[] | undefined;
  /**
   * Where a record of the batch is in the input, for people: `data/a.jsonl, line 17`. Called only when a function fails on
   * the record. `row` counts the records of the batch from 0; of an `indexed` batch it is the index.
   */
  readonly positionOf?: ((row: number) => string) | undefined;
  /** Of an empty batch: how long until the reader is asked again, ms. Default 10. */
  readonly restMs?: number | undefined;
}

/** What a reader hands over: records, columns of records, or indexes from which records or their fields are made in the chain's loop. */
export type SourceBatch<T> =
  | (BatchHeader & { readonly kind: 'records'; readonly records: readonly T[] })
  | (BatchHeader & {
      readonly kind: 'columns';
      readonly rowCount: number;
      readonly columns: readonly SourceColumn[];
    })
  | (BatchHeader & {
      readonly kind: 'indexed';
      readonly from: number;
      readonly to: number;
      readonly recordAt: (index: number) => T;
    })
  | (BatchHeader & {
      readonly kind: 'computed';
      readonly from: number;
      readonly to: number;
      readonly columns: readonly ComputedColumn[];
    });

/** Reads one split. Threading: calls do not overlap. */
export interface SplitReader<T> {
  /** The next records, at most about `recordsMax`; undefined at the end of the split. An empty batch means: not now. */
  read(recordsMax: number): MaybePromise<SourceBatch<T> | undefined>;
  close?(): MaybePromise<void>;
}

/**
 * Where records come from.
 * Contract: replayable: a split opened again at a position gives the same records in the same order.
 */
export interface Source<T> {
  readonly [sourceBrand]: 1;
  /** For plans and logs, e.g. `parquet flights-3m.parquet`. */
  readonly name: string;
  readonly boundedness: 'bounded' | 'unbounded';
  /** True when event time does not decrease from split to split in the order that `enumerate` gives. */
  readonly isOrdered: boolean;
  /** True when no batch can have malformed records; the source then has no dead letters. Unset: it can. */
  readonly isWellFormed?: true;
  /** Records per second of all subtasks together, unless the program sets another rate. */
  readonly ratePerSecond?: number;
  /** Options that matter to `info` and to the graph's identity. */
  describe(): { readonly [name: string]: Json };
  /** All splits, in order. Called once a submission; afterwards they are in checkpoints. Weights may be set here. */
  enumerate(context: ConnectorContext): MaybePromise<readonly Split[]>;
  /** Opens a split behind `position`, or at its start. */
  openSplit(split: Split, position: Json | undefined, context: SplitContext): MaybePromise<SplitReader<T>>;
}
