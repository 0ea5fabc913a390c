// Takes the checkpoints of one job: reserves the id, triggers, gathers acknowledgements, writes the metadata, moves the
// pointer, tells everybody, deletes what is not needed. One at a time.
import {
  MillraceError,
  toWireError,
  type Clock,
  type ExecutionAttemptId,
  type WireError,
} from '@millrace/common';
import type {
  BarrierMode,
  CheckpointEntry,
  CheckpointMetadata,
  CheckpointProgress,
  CheckpointReference,
  JobOptionsJson,
  OutputLine,
  SubtaskSnapshot,
} from '@millrace/proto';
import { CheckpointHistory, type CheckpointEnding, type SnapshotTimes } from './checkpoint-history.ts';
import { CheckpointIds } from './checkpoint-ids.ts';
import { CompleteCheckpoints } from './complete-checkpoints.ts';
import type { Effects, StoreOperation } from './effects.ts';
import type { CheckpointsRecord } from './job-records.ts';
import type { TriggeredCheckpoint } from './region-attempt.ts';
import { filesOf } from './retained-checkpoints.ts';
import {
  PendingCheckpoint,
  type CheckpointedSubtasks,
  type CheckpointOwner,
  type CheckpointRequest,
} from './pending-checkpoint.ts';

/** What a subtask says when its part is durable. */
export interface Acknowledgement extends SnapshotTimes {
  readonly executionAttemptId: ExecutionAttemptId;
  readonly checkpointId: number;
  readonly snapshot: SubtaskSnapshot;
}

/** What the coordinator tells its job master. */
export interface CheckpointListener {
  /** Send the trigger to the slots that host enumerators. */
  onTrigger(checkpoint: TriggeredCheckpoint): void;
  /** The pointer is durable: commits may be sent. `isLast`: the job ends with it. */
  onComplete(checkpointId: number, isLast: boolean): void;
  onAborted(checkpointId: number, mode: BarrierMode): void;
  /** More failures in a row than are tolerated. */
  onTooManyFailures(error: MillraceError): void;
  /** Makes it durable that ids up to `reserved` may be in use. */
  reserveIds(reserved: number, then: () => void): void;
  /** Takes a note of how checkpoints went; the operation makes it durable, in one with the pointer. */
  noteCheckpoints(record: CheckpointsRecord): StoreOperation;
}

export interface CoordinatorOptions extends CheckpointOwner {
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
  /** What earlier leaders completed. */
  readonly progress: CheckpointProgress;
  readonly history: readonly CheckpointEntry[];
  readonly outputLines: () => readonly OutputLine[];
}

/** Threading: inside `step` only. One object for the job's whole time under one leader. */
export class CheckpointCoordinator {
  readonly #of: CoordinatorOptions;
  readonly #complete: CompleteCheckpoints;
  readonly #ids: CheckpointIds;
  #pending: PendingCheckpoint | undefined;
  #subtasks: CheckpointedSubtasks | undefined;
  #timer: { cancel(): void } | undefined;
  #isFinalWanted = false;
  /** Who waits for a checkpoint that is not triggered yet, and for the pending one. */
  #wishes: ((checkpointId: number | undefined) => void)[] = [];
  #granted: ((checkpointId: number | undefined) => void)[] = [];
  /** Taken before any other. */
  #requested: CheckpointRequest | undefined;
  #failuresInRow = 0;
  #lastTriggerMs = -Infinity;
  #lastEndMs = -Infinity;
  #hasSwept = false;
  #whenSettled: (() => void)[] = [];
  #progress: CheckpointProgress;
  readonly #history: CheckpointHistory;

  constructor(of: CoordinatorOptions) {
    this.#of = of;
    this.#progress = of.progress;
    this.#history = new CheckpointHistory(of.history);
    this.#complete = new CompleteCheckpoints({
      jobId: of.jobId,
      effects: of.effects,
      retainedMax: of.options.checkpointsRetainedMax,
      pointer: of.pointer,
    });
    this.#ids = new CheckpointIds({
      reserved: of.idsReserved,
      next: of.nextId,
      reserve: (reserved, then) => of.listener.reserveIds(reserved, then),
    });
  }

  get progress(): CheckpointProgress {
    return this.#progress;
  }

  /** The job has ended and none is kept. */
  get isCleared(): boolean {
    return this.#complete.isCleared;
  }

  /** The newest checkpoints, oldest first. */
  get history(): readonly CheckpointEntry[] {
    return this.#history.entries;
  }

  /** The checkpoint to restore; only meaningful when no pointer write is under way. */
  get latest(): CheckpointReference | undefined {
    return this.#complete.references.at(-1);
  }

  /** The checkpoints that are kept, oldest first. */
  get retained(): readonly CheckpointReference[] {
    return this.#complete.references;
  }

  /** Adds a checkpoint that an earlier leader completed; oldest first. `files` undefined: it cannot be read. */
  adopt(reference: CheckpointReference, files: ReadonlySet<string> | undefined): void {
    this.#complete.adopt(reference, files);
  }

  /** Keeps the files of a complete checkpoint, also when newer ones take its place, until the returned function is called. */
  hold(checkpointId: number): () => void {
    return this.#complete.hold(checkpointId);
  }

  /**
   * Makes a checkpoint that a user named the job's first: under an id of its own, and complete once the pointer names it. Behind a final one
   * there is nothing to do but commits: it has no other state.
   */
  adoptImported(imported: CheckpointMetadata, then: (error: WireError | undefined) => void): void {
    const checkpointId = this.#ids.next();
    this.#ids.reserve(checkpointId, () => this.#writeImported(imported, checkpointId, then));
  }

  #writeImported(
    imported: CheckpointMetadata,
    checkpointId: number,
    then: (error: WireError | undefined) => void,
  ): void {
    const { jobId, jobName, runId, epoch } = this.#of;
    const own = { jobId, jobName, runId, epoch, checkpointId, output: [] };
    const metadata: CheckpointMetadata = { ...imported, ...own };
    this.#complete.writeMetadata(metadata, (reference, error) => {
      if (reference === undefined) then(error);
      else this.#complete.movePointer(reference, { files: filesOf(metadata) }, () => then(undefined));
    });
  }

  /** All subtasks of the job run: checkpoints may be taken from now on. */
  start(subtasks: CheckpointedSubtasks): void {
    this.#subtasks = subtasks;
    this.#isFinalWanted = false;
    this.#hasSwept = false;
    this.#failuresInRow = 0;
    this.#lastTriggerMs = this.#of.clock.monotonicMs();
    this.#scheduleNext();
  }

  /** Some of them run no more. `then` is called once the newest checkpoint is certain. */
  stop(then: () => void): void {
    this.#subtasks = undefined;
    this.#wishes = [];
    this.#granted = [];
    this.#timer?.cancel();
    this.#timer = undefined;
    const pending = this.#pending;
    if (pending !== undefined && pending.phase !== 'pointing') {
      this.#abandon('aborted', attemptOver());
      this.#of.listener.onAborted(pending.checkpointId, pending.mode);
    }
    this.#requested?.onFailed(attemptOver());
    this.#requested = undefined;
    if (this.#pending === undefined) then();
    else this.#whenSettled.push(then);
  }

  /**
   * All subtasks are at their end of input: takes one last checkpoint, in the place of a pending one that nobody has asked for. That
   * one's state is not needed any more, and to write it can take longer than all that is left of the job.
   */
  finish(): void {
    this.#isFinalWanted = true;
    this.#timer?.cancel();
    this.#timer = undefined;
    const pending = this.#pending;
    const isWanted = pending?.request !== undefined || this.#granted.length > 0;
    if (
      pending !== undefined &&
      !isWanted &&
      (pending.phase === 'reserving' || pending.phase === 'gathering')
    ) {
      this.#abandon('aborted', inputOver(pending.checkpointId));
      this.#of.listener.onAborted(pending.checkpointId, pending.mode);
    }
    this.#triggerNow();
  }

  /**
   * Takes a checkpoint that starts after this call, at once or when the pending one has ended. `then` gets its id once it
   * is complete, or undefined when it has failed; it is not called when the attempt ends before.
   */
  takeNow(then: (checkpointId: number | undefined) => void): void {
    this.#wishes.push(then);
    this.#triggerNow();
  }

  /**
   * Takes a checkpoint as soon as none is pending. Contract: checkpoints are being taken (between `start` and `stop`),
   * and no other request waits or is pending.
   */
  request(request: CheckpointRequest): void {
    this.#requested = request;
    this.#triggerNow();
  }

  acknowledge(acknowledgement: Acknowledgement): void {
    const { executionAttemptId, checkpointId, snapshot } = acknowledgement;
    const pending = this.#pending;
    if (pending?.checkpointId !== checkpointId || pending.phase !== 'gathering') return;
    const lost = this.#complete.fileNotKept(snapshot, { epoch: this.#of.epoch, checkpointId });
    if (lost !== undefined) {
      this.#fail(fileNotKept(checkpointId, lost));
      return;
    }
    pending.acknowledge(executionAttemptId, snapshot);
    this.#history.acknowledged(pending.acknowledgedCount, acknowledgement, snapshot.newBytes);
    this.#tellProgress(pending);
    if (pending.isAcknowledged) this.#writeMetadata(pending);
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

  /** The job has ended: deletes what no kept checkpoint needs, or all when none is kept. */
  cleanUp(isStateKept: boolean): void {
    this.#complete.cleanUp(isStateKept);
  }

  #scheduleNext(): void {
    const intervalMs = this.#of.options.checkpointIntervalMs;
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#subtasks === undefined) return;
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
    const subtasks = this.#subtasks;
    if (subtasks === undefined || this.#pending !== undefined) return;
    const pending = new PendingCheckpoint({
      checkpointId: this.#ids.next(),
      isFinal: this.#isFinalWanted && this.#requested === undefined,
      request: this.#requested,
      triggeredMs: this.#of.clock.monotonicMs(),
      timestampMs: this.#of.clock.nowMs(),
      subtasks,
    });
    this.#pending = pending;
    this.#granted = this.#wishes;
    this.#wishes = [];
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#requested = undefined;
    this.#lastTriggerMs = pending.triggeredMs;
    this.#ids.reserve(pending.checkpointId, () => {
      if (this.#pending === pending) this.#trigger(pending);
    });
  }

  #trigger(pending: PendingCheckpoint): void {
    pending.phase = 'gathering';
    this.#history.begin({
      checkpointId: pending.checkpointId,
      epoch: this.#of.epoch,
      kind: pending.isFinal ? 'final' : pending.request === undefined ? 'checkpoint' : 'savepoint',
      triggeredAtMs: pending.timestampMs,
      subtaskCount: pending.subtasks.executions.length,
    });
    const { checkpointTimeoutMs } = this.#of.options;
    pending.timeout = this.#of.effects.schedule(checkpointTimeoutMs, () => {
      const isWaiting = pending.phase === 'gathering' || pending.phase === 'writing';
      if (this.#pending === pending && isWaiting) this.#fail(expired(pending, checkpointTimeoutMs));
    });
    const { checkpointId, timestampMs, mode } = pending;
    this.#of.listener.onTrigger({ checkpointId, timestampMs, mode });
    this.#tellProgress(pending);
  }

  #tellProgress({ request, checkpointId, acknowledgedCount, subtasks }: PendingCheckpoint): void {
    request?.onProgress(checkpointId, acknowledgedCount, subtasks.executions.length);
  }

  #writeMetadata(pending: PendingCheckpoint): void {
    pending.phase = 'writing';
    const metadata = pending.metadata(this.#of, this.#of.outputLines());
    this.#complete.writeMetadata(metadata, (reference, error) => {
      if (this.#pending !== pending) return;
      if (reference === undefined) {
        this.#fail(metadataNotWritten(pending.checkpointId, error), error);
        return;
      }
      pending.phase = 'pointing';
      pending.timeout?.cancel();
      pending.request?.onPointing(reference);
      const ending = this.#ending(pending, { state: 'completed', totalBytes: reference.totalBytes });
      const alongside = this.#of.listener.noteCheckpoints({
        completedCount: this.#progress.completedCount + 1,
        failedCount: this.#progress.failedCount,
        history: this.#history.endedWith(ending),
      });
      this.#complete.movePointer(reference, { files: filesOf(metadata), alongside }, () =>
        this.#completed(pending, reference),
      );
    });
  }

  #ending(pending: PendingCheckpoint, of: Omit<CheckpointEnding, 'durationMs'>): CheckpointEnding {
    return { ...of, durationMs: this.#of.clock.monotonicMs() - pending.triggeredMs };
  }

  #completed(pending: PendingCheckpoint, reference: CheckpointReference): void {
    const nowMs = this.#of.clock.monotonicMs();
    this.#history.end(this.#ending(pending, { state: 'completed', totalBytes: reference.totalBytes }));
    this.#pending = undefined;
    this.#lastEndMs = nowMs;
    this.#failuresInRow = 0;
    this.#progress = {
      ...this.#progress,
      completedCount: this.#progress.completedCount + 1,
      lastCompletedId: pending.checkpointId,
      lastDurationMs: nowMs - pending.triggeredMs,
      lastBytes: reference.totalBytes,
    };
    // Also when a region is about to restart: the others commit.
    this.#of.listener.onComplete(pending.checkpointId, pending.isLast);
    pending.request?.onComplete(reference);
    this.#deleteUnneeded(pending.checkpointId);
    this.#settle();
    if (this.#subtasks === pending.subtasks && !pending.isLast) this.#goOn(pending.checkpointId);
  }

  /** Grants the wishes for the checkpoint that has ended; whoever had one may have ended the attempt. */
  #goOn(checkpointId: number | undefined): void {
    const granted = this.#granted;
    this.#granted = [];
    for (const then of granted) then(checkpointId);
    if (this.#isFinalWanted && checkpointId !== undefined) this.#triggerNow();
    else if (this.#wishes.length > 0 || this.#requested !== undefined) this.#triggerNow();
    else this.#scheduleNext();
  }

  /** After the pointer. Once an attempt, and after each failed checkpoint, older directories are swept, too. */
  #deleteUnneeded(completedId: number): void {
    const isSweepNeeded = this.#complete.deleteRetired();
    if (this.#hasSwept && !isSweepNeeded) return;
    this.#hasSwept = true;
    this.#complete.sweep(completedId);
  }

  /** Somebody who asked for a checkpoint is told and asks again; failures of those do not end the attempt. */
  #fail(error: MillraceError, cause?: WireError): void {
    const pending = this.#pending;
    const checkpointId = pending?.checkpointId;
    this.#abandon('failed', error);
    if (pending?.request === undefined) this.#failuresInRow++;
    this.#progress = {
      ...this.#progress,
      failedCount: this.#progress.failedCount + 1,
      lastFailure: error.message,
    };
    const { completedCount, failedCount } = this.#progress;
    this.#of.listener.noteCheckpoints({ completedCount, failedCount, history: this.#history.ended });
    this.#of.effects.log('warn', 'checkpoint failed', {
      jobId: this.#of.jobId,
      checkpointId,
      error: toWireError(error),
      cause,
    });
    if (pending !== undefined) this.#of.listener.onAborted(pending.checkpointId, pending.mode);
    if (this.#failuresInRow > this.#of.options.checkpointFailuresTolerated)
      this.#of.listener.onTooManyFailures(error);
    else this.#goOn(undefined);
  }

  #abandon(state: 'failed' | 'aborted', error: MillraceError): void {
    const pending = this.#pending;
    if (pending !== undefined) this.#history.end(this.#ending(pending, { state, failure: error.message }));
    pending?.timeout?.cancel();
    this.#pending = undefined;
    this.#lastEndMs = this.#of.clock.monotonicMs();
    this.#hasSwept = false;
    pending?.request?.onFailed(error);
    this.#settle();
  }

  #settle(): void {
    const waiting = this.#whenSettled;
    this.#whenSettled = [];
    for (const then of waiting) then();
  }
}

function attemptOver(): MillraceError {
  return new MillraceError(
    'MR_CHECKPOINT_DECLINED',
    'Cannot complete the checkpoint: the job stopped running before all subtasks had acknowledged it',
  );
}

function inputOver(checkpointId: number): MillraceError {
  return new MillraceError(
    'MR_CHECKPOINT_DECLINED',
    `Checkpoint ${checkpointId} was given up for the job's last one: its input has ended`,
    { details: { checkpointId } },
  );
}

function fileNotKept(checkpointId: number, name: string): MillraceError {
  return new MillraceError(
    'MR_CHECKPOINT_DECLINED',
    `Cannot complete checkpoint ${checkpointId}: a snapshot needs "${name}", which belongs to no checkpoint that is kept`,
    { details: { checkpointId, name } },
  );
}

function expired(
  { checkpointId, phase, missing, subtasks }: PendingCheckpoint,
  timeoutMs: number,
): MillraceError {
  const [first] = missing;
  const why =
    phase === 'writing'
      ? 'its metadata was not written'
      : `${missing.length} of ${subtasks.executions.length} subtasks had not acknowledged it`;
  const where = first === undefined ? '' : ` (first: ${first.vertex.name}, subtask ${first.subtaskIndex})`;
  return new MillraceError(
    'MR_CHECKPOINT_EXPIRED',
    `Cannot complete checkpoint ${checkpointId}: ${why} after ${timeoutMs} ms${where}`,
    { details: { checkpointId } },
  );
}

function metadataNotWritten(checkpointId: number, cause: WireError | undefined): MillraceError {
  return new MillraceError(
    'MR_CHECKPOINT_DECLINED',
    `Cannot complete checkpoint ${checkpointId}: its metadata cannot be written${cause === undefined ? '' : `: ${cause.message}`}`,
    { details: { checkpointId } },
  );
}
