// The savepoints of one job: has checkpoints taken for them, has these copied to where the user wants them, and carries a
// stop through: the job ends behind its savepoint, whichever JobManager or TaskManager dies meanwhile.
import { fromWireError, MillraceError, toWireError, type JobId, type WireError } from '@millrace/common';
import type {
  BarrierMode,
  SavepointMode,
  CheckpointReference,
  JobState,
  SavepointEvent,
  SavepointReference,
  SavepointRequest,
} from '@millrace/proto';
import type { CheckpointCoordinator } from './checkpoint-coordinator.ts';
import type { DurableProgress } from './durable-progress.ts';
import type { Effects, Outcome } from './effects.ts';
import type { InputFigures, StopRecord } from './job-records.ts';
import { jobIsOver } from './job-state.ts';

/** Clients that wait for one savepoint at most. */
const WAITING_MAX = 100;
/** Characters of the job's id in the name of its savepoints, as in Flink. */
const ID_PREFIX_LENGTH = 8;

export interface JobSavepointsOptions {
  readonly job: {
    readonly jobId: JobId;
    readonly state: JobState;
    readonly isOver: boolean;
    /** All of it runs, and a checkpoint may follow. */
    readonly isAtWork: boolean;
  };
  readonly effects: Effects;
  readonly progress: DurableProgress;
  readonly coordinator: CheckpointCoordinator;
  /** Where savepoints go that name no directory. */
  readonly directory: string;
  readonly nowMs: () => number;
  /** What the subtasks have read: who only commits cannot know it. */
  readonly inputFigures: () => InputFigures;
  /** The savepoint of a stop is where it belongs: the job may end. */
  readonly onStopWritten: () => void;
  /** It cannot be written: the job goes on from the checkpoint that it was to be made of. */
  readonly onStopGivenUp: (error: MillraceError) => void;
}

/*
 * checkpoint → copying → done;  of a stop also  copying → written → done (when the job has ended)
 * `checkpoint` ends at the pointer: before it, a failure leaves the job as it was; behind it, a stop is durable, and
 * another leader takes it up: resuming → copying.
 */
interface OpenSavepoint {
  readonly mode: SavepointMode;
  readonly directory: string;
  readonly requestIds: number[];
  phase: 'checkpoint' | 'resuming' | 'copying' | 'written';
  savepoint: SavepointReference | undefined;
  /** Of a drain that ends without its savepoint. */
  failure: MillraceError | undefined;
}

/** Bounds: one savepoint at a time. Threading: inside `step` only. */
export class JobSavepoints {
  readonly #of: JobSavepointsOptions;
  #open: OpenSavepoint | undefined;
  /** Also when nobody waits for the savepoint any more, and no longer once it is there and still to be noted. */
  #isCopying = false;
  #whenIdle: (() => void)[] = [];

  constructor(of: JobSavepointsOptions) {
    this.#of = of;
    const { stop } = this;
    if (stop !== undefined)
      this.#open = {
        mode: stop.mode,
        directory: '',
        requestIds: [],
        phase: 'resuming',
        savepoint: undefined,
        failure: undefined,
      };
  }

  /** The stop that is under way, from the pointer of its checkpoint on. */
  get stop(): StopRecord | undefined {
    return this.#of.progress.record.stop;
  }

  /** The checkpoint behind which only commits are left to do, once it is complete. */
  get stoppedAtId(): number | undefined {
    const { stop } = this;
    return stop?.checkpointId === this.#of.coordinator.latest?.checkpointId ? stop?.checkpointId : undefined;
  }

  /** False while the savepoint with which the job is to end is not where it belongs. */
  get isWritten(): boolean {
    const phase = this.#open?.mode === 'continue' ? undefined : this.#open?.phase;
    return phase === undefined || phase === 'checkpoint' || phase === 'written';
  }

  /**
   * Takes a savepoint; the request is answered when it is there and, of a stop, when the job has ended. The same stop again
   * is the same stop.
   * @throws {MillraceError} MR_JOB_FINISHED, MR_JOB_NOT_RUNNING, and MR_SAVEPOINT_FAILED when another one is being taken
   */
  take(requestId: number, { mode, directory = this.#of.directory }: SavepointRequest): void {
    const { job } = this.#of;
    const open = this.#open;
    const isSameStop = mode !== 'continue' && open?.mode === mode && open.requestIds.length < WAITING_MAX;
    if (isSameStop) {
      open.requestIds.push(requestId);
      return;
    }
    if (job.isOver) throw jobIsOver(job, 'take a savepoint of');
    if (!job.isAtWork && this.stop === undefined) throw notRunning(job);
    if (open !== undefined) throw this.#failed('another savepoint of it is being taken. Wait for that one');
    const taken: OpenSavepoint = {
      mode,
      directory,
      requestIds: [requestId],
      phase: 'checkpoint',
      savepoint: undefined,
      failure: undefined,
    };
    this.#open = taken;
    this.#of.coordinator.request({
      mode,
      onProgress: (checkpointId, acknowledged, subtasks) =>
        this.#tell({ kind: 'checkpoint', checkpointId, acknowledged, subtasks }),
      onPointing: (reference) => {
        if (mode === 'continue') return;
        const stop = this.#stopRecord(taken, reference, mode);
        this.#of.progress.note({ stop, inputFigures: this.#of.inputFigures() });
      },
      onComplete: (reference) => this.#copy(taken, reference, this.#pathOf(directory, reference)),
      onFailed: (error) => this.#close(this.#failed(`${error.message}. The job goes on`, error)),
    });
  }

  /** A checkpoint was given up: tasks that stopped at its barrier go on; when event time has gone to its end, they cannot. */
  aborted(mode: BarrierMode): void {
    if (mode === 'drain') this.#of.onStopGivenUp(drainedInVain(this.#of.job.jobId));
  }

  /** Takes up a stop that an earlier leader began: what it copied counts only where it is whole. */
  resume(): void {
    const reference = this.#of.coordinator.latest;
    if (this.stop === undefined || this.#open?.phase !== 'resuming' || reference === undefined) return;
    this.#copy(this.#open, reference, this.stop.path);
  }

  /** Calls `then` when nothing is being copied: files of checkpoints may go. */
  whenIdle(then: () => void): void {
    if (this.#isCopying) this.#whenIdle.push(then);
    else then();
  }

  /** The job has ended: answers whoever waits for a stop. A copy that is being made is finished. */
  ended(state: JobState, error: WireError | undefined): void {
    const open = this.#open;
    if (open === undefined || open.mode === 'continue') return;
    if (open.phase === 'written' && state === 'FINISHED') {
      if (open.failure === undefined) this.#succeed(open);
      else this.#close(open.failure);
      return;
    }
    const cause = error === undefined ? undefined : fromWireError(error);
    const why = cause?.message ?? `it is ${state}`;
    this.#close(this.#failed(open.savepoint === undefined ? why : `${why}. ${this.#advice()}`, cause));
  }

  /** The error of a job that failed while it was to stop: says from where it can be started without loss. */
  explain(error: WireError): WireError {
    if (this.stop === undefined) return error;
    return { ...error, message: `${error.message}. ${this.#advice()}` };
  }

  #advice(): string {
    const { stop } = this;
    if (this.#open?.savepoint !== undefined)
      return `Its savepoint is consistent: start the job from it, with -s ${stop?.path ?? ''}`;
    return `Its newest checkpoint, chk-${stop?.epoch ?? 0}-${stop?.checkpointId ?? 0}, is consistent: start the job from that, with -s and its directory`;
  }

  #stopRecord(open: OpenSavepoint, reference: CheckpointReference, mode: SavepointMode): StopRecord {
    const { epoch, checkpointId } = reference;
    return { mode, epoch, checkpointId, path: this.#pathOf(open.directory, reference) };
  }

  /** Unique for all time, and the same for every leader that copies this checkpoint. */
  #pathOf(directory: string, { epoch, checkpointId }: CheckpointReference): string {
    const name = `savepoint-${this.#of.job.jobId.slice(0, ID_PREFIX_LENGTH)}-${epoch}-${checkpointId}`;
    return `${directory.replace(/\/+$/, '')}/${name}`;
  }

  #copy(open: OpenSavepoint, reference: CheckpointReference, path: string): void {
    const { job, effects, coordinator } = this.#of;
    const { jobId } = job;
    open.phase = 'copying';
    this.#isCopying = true;
    const release = coordinator.hold(reference.checkpointId);
    const { requestIds, mode } = open;
    effects.exportSavepoint(
      { jobId, checkpoint: reference, path, requestIds, isDrained: mode === 'drain' },
      (outcome) => {
        release();
        this.#isCopying = false;
        this.#copied(open, outcome, {
          path,
          checkpointId: reference.checkpointId,
          totalBytes: reference.totalBytes,
          timestampMs: this.#of.nowMs(),
          mode,
        });
        const waiting = this.#whenIdle;
        this.#whenIdle = [];
        for (const then of waiting) then();
      },
    );
  }

  #copied(open: OpenSavepoint, outcome: Outcome, savepoint: SavepointReference): void {
    const { progress, effects, job, onStopWritten } = this.#of;
    const { jobId } = job;
    if (this.#open !== open) return; // The job has ended meanwhile, and whoever waited knows.
    if (!outcome.ok) {
      this.#copyFailed(open, savepoint.path, fromWireError(outcome.error));
      return;
    }
    effects.log('info', 'savepoint written', { jobId, path: savepoint.path });
    open.savepoint = savepoint;
    if (open.mode === 'continue') {
      progress.update({ savepoint }, () => this.#succeed(open));
      return;
    }
    open.phase = 'written';
    progress.note({ savepoint });
    this.#tell({ kind: 'committing' });
    onStopWritten();
  }

  /** A job that was drained cannot go on: windows have fired before their time. It ends without its savepoint. */
  #copyFailed(open: OpenSavepoint, path: string, cause: MillraceError): void {
    const { progress, effects, job, onStopGivenUp, onStopWritten } = this.#of;
    const isDrained = open.mode === 'drain';
    const after = isDrained
      ? 'The job is drained: its results are committed, and it ends'
      : 'The job goes on';
    const error = this.#failed(`it cannot be written to "${path}": ${cause.message}. ${after}`, cause);
    effects.log('warn', 'savepoint failed', { jobId: job.jobId, error: toWireError(error) });
    if (open.mode === 'continue') this.#close(error);
    else if (isDrained) {
      open.phase = 'written';
      open.failure = error;
      onStopWritten();
    } else {
      progress.update({ stop: undefined }, () => {
        this.#close(error);
        onStopGivenUp(error);
      });
    }
  }

  #succeed(open: OpenSavepoint): void {
    if (open.savepoint !== undefined) this.#tell({ kind: 'done', savepoint: open.savepoint });
    this.#close(undefined);
  }

  #close(error: MillraceError | undefined): void {
    const requestIds = this.#open?.requestIds ?? [];
    this.#open = undefined;
    for (const requestId of requestIds) {
      this.#of.effects.command({
        kind: 'reply',
        requestId,
        error: error === undefined ? undefined : toWireError(error),
      });
    }
  }

  #tell(event: SavepointEvent): void {
    for (const requestId of this.#open?.requestIds ?? [])
      this.#of.effects.command({ kind: 'savepoint-event', requestId, event });
  }

  #failed(why: string, cause?: MillraceError): MillraceError {
    const { jobId } = this.#of.job;
    return new MillraceError('MR_SAVEPOINT_FAILED', `Cannot take a savepoint of job ${jobId}: ${why}`, {
      details: { jobId },
      ...(cause === undefined ? {} : { cause }),
    });
  }
}

function notRunning({ jobId, state }: JobSavepointsOptions['job']): MillraceError {
  const why = state === 'RUNNING' ? 'it is ending' : `it is ${state}`;
  return new MillraceError(
    'MR_JOB_NOT_RUNNING',
    `Cannot take a savepoint of job ${jobId}: ${why}. Try again when it runs`,
    { details: { jobId, state } },
  );
}

/** Why a job starts again that was drained for a checkpoint which failed. */
function drainedInVain(jobId: JobId): MillraceError {
  return new MillraceError(
    'MR_SAVEPOINT_FAILED',
    `Cannot go on from where job ${jobId} was: it was drained for a savepoint that failed. It goes on from its newest checkpoint`,
    { details: { jobId } },
  );
}
