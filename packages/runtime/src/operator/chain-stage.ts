// What an operator is to its chain: text for the generated loop, and what is called outside of it.
import type { BlobStore } from '@millrace/common';
import type { StreamEdge, StreamNode } from '@millrace/api';
import type { Json, KeyedStateFile } from '@millrace/proto';
import type { ChainInFlight } from '../chain/operator-chain.ts';
import type { CodeUnit } from '../chain/codegen/code-unit.ts';
import type { RecordText } from '../chain/codegen/record-text.ts';

/** What a stage may use when it writes its text. All strings are source text. */
export interface StageBody {
  readonly unit: CodeUnit;
  /** The record at hand; only what is asked of it is made. */
  readonly record: RecordText;
  /** Its event time: an identifier or a literal. */
  readonly timestampMs: string;
  /** The edge that the record came over. */
  readonly inputEdge: StreamEdge | undefined;
  /** The record's key hash, when it travelled with it. */
  readonly keyHash: string | undefined;
  /** Row of the batch that the record is in, or came from: an expression, -1 outside of loops. */
  readonly row: string;
  /** The operator leaves out records that its functions fail on. */
  readonly isGuarded: boolean;
  /** A statement: what throws from here on is this site's. */
  at(site: number): string;
  /**
   * Statements that make something of the record by the user's functions, then go on with it. Where the operator leaves
   * failing records out, what `make` throws ends the record here. `make` declares its results by `declare`.
   */
  attempt(parts: Attempt): string;
  /** Statements that freeze a record made by the user, when records are to be frozen; else ''. */
  freeze(record: string): string;
  /** The code of the stages behind this one, for the record at hand or another (an identifier). */
  next(record: RecordText | string, timestampMs: string): string;
  /** The same for a side output. */
  side(output: string, record: RecordText | string, timestampMs: string): string;
}

/** A call of the user's functions for one record. */
export interface Attempt {
  /** Locals that `make` assigns and `goOn` reads. */
  readonly names: readonly string[];
  /** `declare` gives the left side of the assignment to one of `names`. */
  readonly make: (declare: (name: string) => string) => string;
  readonly goOn: () => string;
}

/** The part of an operator that is in the generated loop. */
export interface ChainStage {
  readonly kind: string;
  /** It may emit many records for one, and counts them: the loop may stop between two rows. */
  readonly emitsMany?: true;
  /** Returns the statements for one record. */
  emit(body: StageBody): string;
}

export type EmitFunction = (record: unknown, timestampMs: number) => void;

/** Emission from outside the loop; the functions are generated when all operators of the chain are open. */
export class OperatorOutput {
  emit: EmitFunction = notConnected;
  readonly sides = new Map<string, EmitFunction>();
}

function notConnected(): void {}

/** What one operator had at a barrier. */
export interface FrozenOperator {
  write(blobStore: BlobStore, prefix: string): Promise<FrozenOperatorState>;
}

export interface FrozenOperatorState {
  readonly keyedFiles: readonly KeyedStateFile[];
  readonly newBytes: number;
  readonly inline?: Json;
}

/**
 * An operator in its chain.
 * Contract: as `OperatorChain`, method by method; what is left out has nothing to do. A method that returns boolean
 * may return false when the chain's `emission` has stopped; it is called again until it returns true.
 */
export interface ChainOperator {
  readonly node: StreamNode;
  readonly stage: ChainStage;
  /** Watermarks go on so much later, ms: results may be as old. Only of the first operator of a chain. */
  readonly watermarkDelayMs?: number;
  /** Records with these hashes of keys come next, from `from` up to `to`: fetches the state of the first PREFETCH_ROWS of them. */
  prefetch?(keyHashes: Int32Array, from: number, to: number): void;
  /** After each batch of records. */
  endBatch?(): void;
  advanceWatermark?(watermarkMs: number): boolean;
  advanceProcessingTime?(nowMs: number): boolean;
  nextProcessingTimeMs?(): number;
  endInput?(): boolean;
  readonly inFlight?: ChainInFlight;
  emitResults?(): boolean;
  needsRelief?(): boolean;
  relieve?(): Promise<void> | undefined;
  freeze?(checkpointId: number, isFinal?: boolean): FrozenOperator;
  checkpointCompleted?(checkpointId: number): void;
  checkpointAborted?(checkpointId: number): void;
  commit?(checkpointId: number): Promise<void>;
  /** Entries and bytes of keyed state. */
  stateEntries?(): number;
  stateBytes?(): number;
  close?(): Promise<void>;
}
