// The life of a job as a table, with Flink's names.
import { invariant, MillraceError, type JobId } from '@millrace/common';
import type { JobOptionsJson, JobState } from '@millrace/proto';

/*
 * from        to
 * CREATED     RUNNING (all slots run), RESTARTING (first deployment failed), FAILING, CANCELLING
 * RUNNING     RESTARTING, FINISHED (all committed), FAILING, CANCELLING
 * RESTARTING  RUNNING, FAILING, CANCELLING
 * FAILING     FAILED
 * CANCELLING  CANCELED
 * FINISHED, FAILED, CANCELED are ends.
 */
const NEXT_JOB_STATES: Readonly<Record<JobState, readonly JobState[]>> = {
  CREATED: ['RUNNING', 'RESTARTING', 'FAILING', 'CANCELLING'],
  RUNNING: ['RESTARTING', 'FINISHED', 'FAILING', 'CANCELLING'],
  RESTARTING: ['RUNNING', 'FAILING', 'CANCELLING'],
  FAILING: ['FAILED'],
  CANCELLING: ['CANCELED'],
  FINISHED: [],
  FAILED: [],
  CANCELED: [],
};

/** True for a state that nothing leaves. */
export function isTerminal(state: JobState): boolean {
  return NEXT_JOB_STATES[state].length === 0;
}

/** Holds a job's state and lets only the table's transitions through. */
export class JobLifecycle {
  #state: JobState;

  constructor(initial: JobState) {
    this.#state = initial;
  }

  /** As the store has it; what an earlier leader had created may have been deployed. */
  static of(stored: JobState, isNew: boolean): JobLifecycle {
    return new JobLifecycle(stored === 'CREATED' && !isNew ? 'RESTARTING' : stored);
  }

  get state(): JobState {
    return this.#state;
  }

  transition(to: JobState): void {
    invariant(NEXT_JOB_STATES[this.#state].includes(to), 'illegal job state transition');
    this.#state = to;
  }
}

/** What is left of a finished job is its output; of a failed one, checkpoints to start again from. */
export function isStateKeptAt(state: JobState, options: JobOptionsJson): boolean {
  return state === 'FAILED' || (state === 'CANCELED' && options.isStateKeptOnCancel);
}

/** The error of a request that comes too late. */
export function jobIsOver(
  { jobId, state }: { readonly jobId: JobId; readonly state: JobState },
  what: 'cancel' | 'rescale' | 'take a savepoint of',
): MillraceError {
  return new MillraceError('MR_JOB_FINISHED', `Cannot ${what} job ${jobId}: it is ${state} already`, {
    details: { jobId },
  });
}
