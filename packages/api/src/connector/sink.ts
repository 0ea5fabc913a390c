// The sink half of the connector kit, after FLIP-143: a writer seals what it wrote at each barrier, a committer makes it
// visible once the checkpoint is complete.
import type { Json } from '@millrace/proto';
import type { sinkBrand } from '../brand.ts';
import type { OperatorState } from '../state/operator-state.ts';
import type { ConnectorContext, MaybePromise } from './source.ts';

/** What a sink may use of the world. */
export interface SinkContext extends ConnectorContext {
  /** New for each submission or restore by a user, the same across recoveries. */
  readonly runId: string;
  /** Of the sink's node; stable across versions of the program. */
  readonly operatorUid: string;
  /** Counts deployments of the job; a later attempt has a higher number. */
  readonly attemptNumber: number;
  /** Lists of the writer's subtask, restored already in `openWriter`. */
  readonly operatorState: OperatorState;
}

/** What {@link Sink.prepare} may use of the world. */
export interface SinkPrepareContext extends ConnectorContext {
  readonly runId: string;
  /**
   * True when the submission starts from a checkpoint or savepoint (`run -s`): what is there from before is then the
   * beginning of this job's output, some of it named by the checkpoint, and must neither be removed nor refused.
   * Absent is false.
   */
  readonly isRestored?: boolean;
}

/** Writes what one subtask sends. Threading: calls do not overlap, but `write` may come while `prepareCommit` is pending. */
export interface SinkWriter<T> {
  write(record: T, timestampMs: number): void;
  /** Called after each batch of records; a place to write out buffers. */
  flush?(): void;
  /**
   * At the barrier: seals what was written since the last call. What is sealed at the moment of the call is fixed
   * (later writes belong to the next checkpoint); the promise resolves when it is durable.
   * Returns committables: plain JSON that names each transaction in full.
   */
  prepareCommit(checkpointId: number): MaybePromise<readonly Json[]>;
  /** Called at the barrier, before `prepareCommit`: the last moment to put into `operatorState` what is not there yet. */
  snapshot?(checkpointId: number): void;
  close(): MaybePromise<void>;
}

/** Makes sealed transactions visible. */
export interface Committer {
  /** Idempotent: what is committed already stays so, what is nowhere to be found is an error, never success. */
  commit(committables: readonly Json[]): Promise<void>;
}

/** Where records go to. Without a committer the sink is at-least-once. */
export interface Sink<in T> {
  readonly [sinkBrand]: 1;
  readonly name: string;
  describe(): { readonly [name: string]: Json };
  /**
   * Once a submission, before the first deployment, never on recovery: e.g. what `ifExists` asks for. May be called
   * again when the process died before its success was recorded, but never after a writer was opened. A submission that
   * starts from a checkpoint is prepared before that checkpoint's transactions are committed again: it keeps them.
   */
  prepare?(context: SinkPrepareContext): Promise<void>;
  /**
   * Contract: `restored` are committables of the checkpoint that was restored, already committed again; whatever else
   * older attempts of this run left pending in this subtask's share may be removed.
   */
  openWriter(context: SinkContext, restored: readonly Json[]): MaybePromise<SinkWriter<T>>;
  openCommitter?(context: SinkContext): MaybePromise<Committer>;
}
