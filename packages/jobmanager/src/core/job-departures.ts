// Moves a job from a TaskManager that is about to leave: first a checkpoint, so that little is done twice, then a new start on
// the slots that are left. No failure, and nothing that the restart strategy counts.
import type { JobId } from '@millrace/common';
import type { CheckpointCoordinator } from './checkpoint-coordinator.ts';
import type { ConnectionId, Effects } from './effects.ts';
import type { JobEnding } from './job-ending.ts';
import type { JobRegions } from './job-regions.ts';
import type { RegionMaster } from './region-master.ts';

/** Of the time that the TaskManager has, what a checkpoint may take; the rest is for the new start. */
const CHECKPOINT_SHARE = 0.7;

interface JobDeparturesOptions {
  readonly jobId: JobId;
  readonly effects: Effects;
  readonly regions: JobRegions;
  readonly coordinator: CheckpointCoordinator;
  readonly ending: JobEnding;
  /** All of the job runs, and a checkpoint may be taken. */
  readonly isAtWork: () => boolean;
  /** Ends the present attempts at these regions, and starts others from the newest checkpoint. */
  readonly move: (regions: readonly RegionMaster[]) => void;
}

/** Threading: inside `step` only. Bounds: one timer a TaskManager that leaves. */
export class JobDepartures {
  readonly #of: JobDeparturesOptions;

  constructor(of: JobDeparturesOptions) {
    this.#of = of;
  }

  /** The TaskManager ends after `limitMs`, whatever runs there then. */
  leave(connectionId: ConnectionId, limitMs: number): void {
    const { regions, effects, coordinator } = this.#of;
    if (regions.hostedBy(connectionId).length === 0) return;
    if (!this.#of.isAtWork()) {
      this.#move(connectionId, undefined);
      return;
    }
    let isMoved = false;
    const move = (checkpointId: number | undefined): void => {
      if (isMoved) return;
      isMoved = true;
      timer.cancel();
      this.#move(connectionId, checkpointId);
    };
    const timer = effects.schedule(limitMs * CHECKPOINT_SHARE, () => move(undefined));
    coordinator.takeNow(move);
  }

  /** Whatever runs there by now; a job that is about to end needs its slots for the commits only. */
  #move(connectionId: ConnectionId, checkpointId: number | undefined): void {
    const { jobId, effects, regions, ending, move } = this.#of;
    const moved = regions.hostedBy(connectionId);
    if (moved.length === 0 || ending.isNear) return;
    effects.log('info', 'job moves from a taskmanager that leaves', {
      jobId,
      regions: moved.flatMap(({ group }) => group.regions),
      checkpointId,
    });
    move(moved);
  }
}
