// The slots of one TaskManager and the lifecycle of each, as a table.
import { invariant, type JobId } from '@millrace/common';
import type { SlotDeployment, SlotReport, TaskReport } from '@millrace/proto';

/**
 * State of a slot.
 *
 * | state      | means                                                    | goes to                                   |
 * | ---------- | -------------------------------------------------------- | ----------------------------------------- |
 * | starting   | its worker thread is not ready                            | free                                      |
 * | free       | its worker waits for a deployment                         | fetching, starting (the worker was lost)  |
 * | fetching   | the artifact is on its way; the worker is still unused    | deploying, free (cancelled), starting     |
 * | deploying  | the worker imports, plans, restores and connects          | running, finishing, cancelling, starting  |
 * | running    | all subtasks run                                          | finishing, cancelling, starting           |
 * | finishing  | told to end in good order                                 | cancelling, starting                      |
 * | cancelling | told to stop, or failed; the worker is being ended        | starting                                  |
 */
export type SlotState =
  | 'starting'
  | 'free'
  | 'fetching'
  | 'deploying'
  | 'running'
  | 'finishing'
  | 'cancelling';

const NEXT: Readonly<Record<SlotState, readonly SlotState[]>> = {
  starting: ['free', 'starting'],
  free: ['fetching', 'starting'],
  fetching: ['deploying', 'free', 'starting'],
  deploying: ['running', 'finishing', 'cancelling', 'starting'],
  running: ['finishing', 'cancelling', 'starting'],
  finishing: ['cancelling', 'starting'],
  cancelling: ['starting'],
};

/** One slot. `generation` counts its workers from 1, so that words about an old worker are known as such. */
export class Slot {
  readonly index: number;
  generation = 1;
  dataAddress = '';
  deployment: SlotDeployment | undefined;
  /** Reports of the running attempt that a leader must not miss: sent again after a reconnection. */
  retained: TaskReport[] = [];
  /** `slot-ended` reports that wait for the next worker, because they also mean: the slot is free. */
  ended: TaskReport[] = [];
  #state: SlotState = 'starting';

  constructor(index: number) {
    this.index = index;
  }

  get state(): SlotState {
    return this.#state;
  }

  transition(to: SlotState): void {
    invariant(NEXT[this.#state].includes(to), 'illegal slot transition');
    this.#state = to;
  }

  runs(jobId: JobId, attemptNumber: number): boolean {
    return this.deployment?.jobId === jobId && this.deployment.attemptNumber === attemptNumber;
  }

  report(): SlotReport {
    const { deployment } = this;
    return {
      slotIndex: this.index,
      dataAddress: this.dataAddress,
      ...(deployment === undefined
        ? {}
        : { jobId: deployment.jobId, attemptNumber: deployment.attemptNumber }),
    };
  }
}
