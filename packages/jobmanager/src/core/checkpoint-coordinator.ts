// Takes the checkpoints of one job: reserves the id, triggers, gathers acknowledgements, writes the metadata, moves the
// pointer, tells everybody, deletes what is not needed. One at a time.
import {
  MillraceError,
  toWireError,
  type Clock,
  type ExecutionAttemptId,
  type JobId,
  type WireError,
} from '@millrace/common';
import {
  encodeCheckpointMetadataV1,
  encodeCheckpointPointerV1,
  type CheckpointMetadata,
  type CheckpointProgress,
  type CheckpointReference,
  type JobOptionsJson,
  type OutputLine,
  type SubtaskSnapshot,
} from '@millrace/proto';
import type { ExecutionGraph } from '../execution-graph/execution-graph.ts';
import type { Effects, Outcome } from './effects.ts';
import { recordKeys } from './job-records.ts';
import { filesOf, metadataName, RetainedCheckpoints } from './retained-checkpoints.ts';

/** What the coordinator tells its job master. */
export interface CheckpointListener {
  /** Send the trigger to the slots that host enumerators. */
  onTrigger(checkpointId: number, timestampMs: number): void;
  /** The pointer is durable: commits may be sent. */
  onComplete(checkpointId: number, isFinal: boolean): void;
  onAborted(checkpointId: number): void;
  /** More failures in a row than are tolerated. */
  onTooManyFailures(error: MillraceError): void;
  /** Makes it durable that ids up to `reserved` may be in use. */
  reserveIds(reserved: number, then: () => void): void;
}

export interface CoordinatorOptions {
  readonly jobId: JobId;
  readonly jobName: string;
  readonly runId: string;
  readonly epoch: number;
  readonly keyGroupCount: number;
  readonly options: JobOptionsJson;
  readonly clock: Clock;
  readonly effects: Effects;
  readonly listener: CheckpointListener;
  /** Ids up to this one may have been used by earlier leaders or are reserved by us. */
  readonly idsReserved: number;
  /** The next id; at most `idsReserved` + 1. */
  readonly nextId: number;
  /** The pointer as the store has it. */
  readonly pointer: Uint8Array | undefined;
  readonly outputLines: () => readonly OutputLine[];
}

/** Ids that are reserved by one synced write. */
export const CHECKPOINT_ID_BLOCK = 100;

/*
 * PendingCheckpoint:  reserving → gathering → writing → pointing → complete
 *                     any of the first three → aborted. While `pointing` the outcome is open: it ends in complete, or in
 *                     the end of this leadership.
 */
interface PendingCheckpoint {
  readonly checkpointId: number;
  readonly isFinal: boolean;
  readonly triggeredMs: number;
  readonly timestampMs: number;
  readonly graph: ExecutionGraph;
  readonly snapshots: Map<ExecutionAttemptId, SubtaskSnapshot>;
  phase: 'reserving' | 'gathering' | 'writing' | 'pointing';
  timeout: { cancel(): void } | undefined;
}

/** Threading: inside `step` only. One object for the job's whole time under one leader. */
export class CheckpointCoordinator {
  readonly #of: CoordinatorOptions;
  readonly #retained: RetainedCheckpoints;
  #pointer: Uint8Array | undefined;
  #nextId: number;
  #idsReserved: number;
  #pending: PendingCheckpoint | undefined;
  #graph: ExecutionGraph | undefined;
  #timer: { cancel(): void } | undefined;
  #isFinalWanted = false;
  #failuresInRow = 0;
  #lastTriggerMs = -Infinity;
  #lastEndMs = -Infinity;
  #hasSwept = false;
  #whenSettled: (() => void)[] = [];
  #progress: CheckpointProgress = { completedCount: 0, failedCount: 0 };

  constructor(of: CoordinatorOptions) {
    this.#of = of;
    this.#retained = new RetainedCheckpoints(of.options.checkpointsRetainedMax);
    this.#pointer = of.pointer;
    this.#nextId = of.nextId;
    this.#idsReserved = of.idsReserved;
  }

  get progress(): CheckpointProgress {
    return this.#progress;
  }

  /** The checkpoint to restore; only meaningful when no pointer write is under way. */
  get latest(): CheckpointReference | undefined {
    return this.#retained.references.at(-1);
  }

  get retained(): readonly CheckpointReference[] {
    return this.#retained.references;
  }

  /** Files of all checkpoints that are kept. */
  get referencedFiles(): readonly string[] {
    return this.#retained.referencedFiles();
  }

  /** Adds a checkpoint that an earlier leader completed, or that was imported; oldest first. */
  adopt(reference: CheckpointReference, files: ReadonlySet<string>): void {
    this.#retained.add(reference, files);
  }

  /** Makes a checkpoint that a user named the job's first: under an id of its own, and complete once the pointer names it. */
  adoptImported(imported: CheckpointMetadata, then: (error: WireError | undefined) => void): void {
    this.#reserve(this.#nextId++, (checkpointId) => this.#writeImported(imported, checkpointId, then));
  }

  #writeImported(
    imported: CheckpointMetadata,
    checkpointId: number,
    then: (error: WireError | undefined) => void,
  ): void {
    const { jobId, jobName, runId, epoch, effects } = this.#of;
    const metadata: CheckpointMetadata = {
      ...imported,
      jobId,
      jobName,
      runId,
      epoch,
      checkpointId,
      isFinal: false,
      output: [],
    };
    const totalBytes = imported.vertices
      .flatMap(({ subtasks }) => subtasks)
      .reduce((sum, snapshot) => sum + snapshot.totalBytes, 0);
    const reference: CheckpointReference = { epoch, checkpointId, isFinal: false, totalBytes };
    effects.writeBlob(jobId, metadataName(metadata), encodeCheckpointMetadataV1(metadata), (outcome) => {
      if (!outcome.ok) {
        then(outcome.error);
        return;
      }
      const value = encodeCheckpointPointerV1({ version: 1, jobId, retained: [reference] });
      effects.persist(
        [{ type: 'compare-and-set', key: recordKeys.pointer(jobId), expected: this.#pointer, value }],
        () => {
          this.#pointer = value;
          this.adopt(reference, filesOf(metadata));
          then(undefined);
        },
      );
    });
  }

  /** All subtasks of an attempt run: checkpoints may be taken from now on. */
  start(graph: ExecutionGraph): void {
    this.#graph = graph;
    this.#isFinalWanted = false;
    this.#hasSwept = false;
    this.#failuresInRow = 0;
    this.#lastTriggerMs = this.#of.clock.monotonicMs();
    this.#scheduleNext();
  }

  /** The attempt is over. `then` is called once the newest checkpoint is certain. */
  stop(then: () => void): void {
    this.#graph = undefined;
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#pending !== undefined && this.#pending.phase !== 'pointing') this.#abandon();
    if (this.#pending === undefined) then();
    else this.#whenSettled.push(then);
  }

  /** All subtasks are at their end of input: takes one last checkpoint as soon as none is pending. */
  finish(): void {
    this.#isFinalWanted = true;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#triggerNow();
  }

  acknowledge(executionAttemptId: ExecutionAttemptId, checkpointId: number, snapshot: SubtaskSnapshot): void {
    const pending = this.#pending;
    if (pending?.checkpointId !== checkpointId || pending.phase !== 'gathering') return;
    if (!pending.graph.executions.some((execution) => execution.executionAttemptId === executionAttemptId))
      return;
    pending.snapshots.set(executionAttemptId, snapshot);
    if (pending.snapshots.size === pending.graph.executions.length) this.#writeMetadata(pending);
  }

  decline(checkpointId: number, error: WireError): void {
    if (this.#pending?.checkpointId !== checkpointId || this.#pending.phase !== 'gathering') return;
    this.#fail(
      new MillraceError(
        'MR_CHECKPOINT_DECLINED',
        `Cannot complete checkpoint ${checkpointId}: ${error.message}`,
        { details: { checkpointId } },
      ),
      error,
    );
  }

  #scheduleNext(): void {
    const intervalMs = this.#of.options.checkpointIntervalMs;
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#graph === undefined) return;
    const nowMs = this.#of.clock.monotonicMs();
    // A final checkpoint that failed is tried again after the pause, so that a broken store is not hammered.
    const dueMs = this.#isFinalWanted
      ? this.#lastEndMs + this.#of.options.checkpointMinPauseMs
      : Math.max(
          this.#lastTriggerMs + (intervalMs ?? Infinity),
          this.#lastEndMs + this.#of.options.checkpointMinPauseMs,
        );
    if (dueMs === Infinity) return;
    this.#timer = this.#of.effects.schedule(Math.max(0, dueMs - nowMs), () => {
      this.#timer = undefined;
      this.#triggerNow();
    });
  }

  #triggerNow(): void {
    const graph = this.#graph;
    if (graph === undefined || this.#pending !== undefined) return;
    const pending: PendingCheckpoint = {
      checkpointId: this.#nextId++,
      isFinal: this.#isFinalWanted,
      triggeredMs: this.#of.clock.monotonicMs(),
      timestampMs: this.#of.clock.nowMs(),
      graph,
      snapshots: new Map(),
      phase: 'reserving',
      timeout: undefined,
    };
    this.#pending = pending;
    this.#lastTriggerMs = pending.triggeredMs;
    this.#reserve(pending.checkpointId, () => {
      if (this.#pending === pending) this.#trigger(pending);
    });
  }

  /** Goes on once it is durable that this id may be in use. */
  #reserve(checkpointId: number, then: (checkpointId: number) => void): void {
    if (checkpointId <= this.#idsReserved) {
      then(checkpointId);
      return;
    }
    const reserved = checkpointId + CHECKPOINT_ID_BLOCK - 1;
    this.#of.listener.reserveIds(reserved, () => {
      this.#idsReserved = Math.max(this.#idsReserved, reserved);
      then(checkpointId);
    });
  }

  #trigger(pending: PendingCheckpoint): void {
    pending.phase = 'gathering';
    pending.timeout = this.#of.effects.schedule(this.#of.options.checkpointTimeoutMs, () => {
      if (this.#pending !== pending || pending.phase !== 'gathering') return;
      const missing = pending.graph.executions.filter(
        ({ executionAttemptId }) => !pending.snapshots.has(executionAttemptId),
      );
      this.#fail(
        new MillraceError(
          'MR_CHECKPOINT_EXPIRED',
          `Cannot complete checkpoint ${pending.checkpointId}: ${missing.length} of ${pending.graph.executions.length} subtasks had not acknowledged it after ${this.#of.options.checkpointTimeoutMs} ms (first: ${missing[0]?.vertex.name ?? 'none'}, subtask ${missing[0]?.subtaskIndex ?? 0})`,
          { details: { checkpointId: pending.checkpointId } },
        ),
      );
    });
    this.#of.listener.onTrigger(pending.checkpointId, pending.timestampMs);
  }

  #writeMetadata(pending: PendingCheckpoint): void {
    pending.phase = 'writing';
    pending.timeout?.cancel();
    const metadata = this.#metadata(pending);
    this.#of.effects.writeBlob(
      this.#of.jobId,
      metadataName(metadata),
      encodeCheckpointMetadataV1(metadata),
      (outcome: Outcome) => {
        if (this.#pending !== pending) return;
        if (outcome.ok) this.#movePointer(pending, metadata);
        else
          this.#fail(
            new MillraceError(
              'MR_CHECKPOINT_DECLINED',
              `Cannot complete checkpoint ${pending.checkpointId}: its metadata cannot be written`,
              { details: { checkpointId: pending.checkpointId } },
            ),
            outcome.error,
          );
      },
    );
  }

  #metadata(pending: PendingCheckpoint): CheckpointMetadata {
    const { jobId, jobName, runId, epoch, keyGroupCount } = this.#of;
    return {
      version: 1,
      jobId,
      jobName,
      runId,
      epoch,
      keyGroupCount,
      checkpointId: pending.checkpointId,
      timestampMs: pending.timestampMs,
      isFinal: pending.isFinal,
      vertices: pending.graph.jobGraph.vertices.map(({ vertexId, name, role, parallelism }) => ({
        vertexId,
        name,
        role,
        parallelism,
        subtasks: pending.graph.executions
          .filter(({ vertex }) => vertex.vertexId === vertexId)
          .flatMap(({ executionAttemptId }) => pending.snapshots.get(executionAttemptId) ?? []),
      })),
      output: this.#of.outputLines(),
    };
  }

  #movePointer(pending: PendingCheckpoint, metadata: CheckpointMetadata): void {
    pending.phase = 'pointing';
    const snapshots = [...pending.snapshots.values()];
    const reference: CheckpointReference = {
      epoch: metadata.epoch,
      checkpointId: pending.checkpointId,
      isFinal: pending.isFinal,
      totalBytes: snapshots.reduce((sum, { totalBytes }) => sum + totalBytes, 0),
    };
    const value = encodeCheckpointPointerV1({
      version: 1,
      jobId: this.#of.jobId,
      retained: this.#retained.referencesWith(reference),
    });
    const key = recordKeys.pointer(this.#of.jobId);
    this.#of.effects.persist([{ type: 'compare-and-set', key, expected: this.#pointer, value }], () => {
      this.#pointer = value;
      this.#complete(pending, reference, metadata);
    });
  }

  #complete(pending: PendingCheckpoint, reference: CheckpointReference, metadata: CheckpointMetadata): void {
    const nowMs = this.#of.clock.monotonicMs();
    this.#pending = undefined;
    this.#lastEndMs = nowMs;
    this.#failuresInRow = 0;
    this.#retained.add(reference, filesOf(metadata));
    this.#progress = {
      completedCount: this.#progress.completedCount + 1,
      failedCount: this.#progress.failedCount,
      lastCompletedId: pending.checkpointId,
      lastDurationMs: nowMs - pending.triggeredMs,
      lastBytes: reference.totalBytes,
      ...(this.#progress.lastFailure === undefined ? {} : { lastFailure: this.#progress.lastFailure }),
    };
    const isCurrent = this.#graph === pending.graph;
    if (isCurrent) this.#of.listener.onComplete(pending.checkpointId, pending.isFinal);
    this.#deleteUnneeded(reference.checkpointId);
    this.#settle();
    if (isCurrent && !pending.isFinal) {
      if (this.#isFinalWanted) this.#triggerNow();
      else this.#scheduleNext();
    }
  }

  /** After the pointer, and only what no checkpoint that is kept refers to. */
  #deleteUnneeded(completedId: number): void {
    const { jobId, effects } = this.#of;
    const names = this.#retained.retire();
    if (names.length > 0) effects.command({ kind: 'delete-blobs', jobId, names });
    // Once an attempt, and after each failed checkpoint, what nobody will name any more lies in older directories.
    if (this.#hasSwept) return;
    this.#hasSwept = true;
    effects.command({
      kind: 'sweep-blobs',
      jobId,
      belowId: completedId,
      keep: this.#retained.referencedFiles(),
    });
  }

  #fail(error: MillraceError, cause?: WireError): void {
    const checkpointId = this.#pending?.checkpointId;
    this.#abandon();
    this.#failuresInRow++;
    this.#progress = {
      ...this.#progress,
      failedCount: this.#progress.failedCount + 1,
      lastFailure: error.message,
    };
    this.#of.effects.log('warn', 'checkpoint failed', {
      jobId: this.#of.jobId,
      checkpointId,
      error: toWireError(error),
      cause,
    });
    if (checkpointId !== undefined) this.#of.listener.onAborted(checkpointId);
    if (this.#failuresInRow > this.#of.options.checkpointFailuresTolerated)
      this.#of.listener.onTooManyFailures(error);
    else this.#scheduleNext();
  }

  #abandon(): void {
    this.#pending?.timeout?.cancel();
    this.#pending = undefined;
    this.#lastEndMs = this.#of.clock.monotonicMs();
    this.#hasSwept = false;
    this.#settle();
  }

  #settle(): void {
    const waiting = this.#whenSettled;
    this.#whenSettled = [];
    for (const then of waiting) then();
  }
}
