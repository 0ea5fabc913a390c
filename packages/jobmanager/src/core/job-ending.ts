// How a job ends: from the end of its input over its final checkpoint and the commits behind it to the durable end, which
// comes before anybody is told.
import type { JobState, JobOptionsJson } from '@millrace/proto';
import type { CheckpointCoordinator } from './checkpoint-coordinator.ts';
import type { DurableProgress } from './durable-progress.ts';
import type { JobRegions } from './job-regions.ts';
import type { JobSavepoints } from './job-savepoints.ts';
import { isStateKeptAt } from './job-state.ts';
import type { StatusBoard } from './status-board.ts';

/** The ends of a job. */
export type JobEnd = Extract<JobState, 'FINISHED' | 'FAILED' | 'CANCELED'>;

interface JobEndingOptions {
  readonly coordinator: CheckpointCoordinator;
  readonly regions: JobRegions;
  readonly progress: DurableProgress;
  readonly board: StatusBoard;
  readonly savepoints: JobSavepoints;
}

/** Threading: inside `step` only. */
export class JobEnding {
  readonly #of: JobEndingOptions;
  #isEndNoted = false;

  constructor(of: JobEndingOptions) {
    this.#of = of;
  }

  /** All input of the present attempts is read, and the final checkpoint is wanted. */
  get isEndNoted(): boolean {
    return this.#isEndNoted;
  }

  /** The complete checkpoint behind which only commits are left to do. */
  get finalCheckpointId(): number | undefined {
    const { latest } = this.#of.coordinator;
    return latest?.isFinal === true ? latest.checkpointId : this.#of.savepoints.stoppedAtId;
  }

  /** Nothing but the end is to come of it. */
  get isNear(): boolean {
    return this.#isEndNoted || this.finalCheckpointId !== undefined;
  }

  /** Attempts begin that read input again. */
  attemptsRead(): void {
    this.#isEndNoted = false;
    this.#of.progress.note({ inputFigures: undefined });
  }

  /** More of the input has ended: takes the final checkpoint once all of it has. */
  inputProgressed(): void {
    const { regions, progress, board, coordinator } = this.#of;
    if (this.#isEndNoted || !regions.areAtEndOfInput) return;
    this.#isEndNoted = true;
    // Written before the pointer of the final checkpoint, because writes keep their order: who only commits knows them.
    progress.update({ inputFigures: board.inputFigures() }, () => undefined);
    coordinator.finish();
  }

  /** Everything is committed, and written. */
  get isDone(): boolean {
    return this.#of.regions.areCommitted && this.#of.savepoints.isWritten;
  }

  /** Makes the end durable; `then` follows, and gets what is to be called once all is told. */
  close(state: JobEnd, options: JobOptionsJson, then: (cleanUp: () => void) => void): void {
    const { coordinator, progress, board, savepoints } = this.#of;
    coordinator.stop(() => undefined);
    const isStateKept = isStateKeptAt(state, options);
    const ended = (): void => then(() => savepoints.whenIdle(() => coordinator.cleanUp(isStateKept)));
    const change = board.endRecord(state);
    if (isStateKept) progress.update(change, ended);
    else progress.updateWithoutPointer(change, ended);
  }
}
