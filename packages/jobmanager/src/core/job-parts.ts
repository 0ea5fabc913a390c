// What a job master is made of, and how the parts know of each other.
import type { JobId, MillraceError } from '@millrace/common';
import type { JobGraph, JobState } from '@millrace/proto';
import type { CheckpointCoordinator } from './checkpoint-coordinator.ts';
import type { CheckpointRecovery } from './checkpoint-recovery.ts';
import { DurableProgress } from './durable-progress.ts';
import { JobDepartures } from './job-departures.ts';
import { JobEnding } from './job-ending.ts';
import { JobFailures } from './job-failures.ts';
import {
  boardOf,
  coordinatorOf,
  recoveryOf,
  savepointsOf,
  type JobMasterOptions,
} from './job-master-options.ts';
import { JobRegions } from './job-regions.ts';
import type { JobSavepoints, JobSavepointsOptions } from './job-savepoints.ts';
import { JobScaling } from './job-scaling.ts';
import type { RegionJob, RegionMaster } from './region-master.ts';
import type { StatusBoard } from './status-board.ts';

/** What the parts ask of their job master. */
export interface PartsOwner {
  readonly jobId: JobId;
  readonly job: RegionJob & JobSavepointsOptions['job'];
  readonly now: () => { readonly state: JobState; readonly attemptNumber: number };
  /** What the present attempts are, where they are all at work and could be replaced by others. */
  readonly graphAtWork: () => JobGraph | undefined;
  readonly checkpointComplete: (checkpointId: number) => void;
  readonly failed: (regions: readonly RegionMaster[], error: unknown) => void;
  readonly progressed: () => void;
  readonly slotsChanged: () => void;
  /** Planned starts: of all of the job, of some regions, and after a stop that came to nothing. */
  readonly restartAll: () => void;
  readonly move: (regions: readonly RegionMaster[]) => void;
  readonly stopGivenUp: (error: MillraceError) => void;
}

/** Each has one job; the job master decides what the word of one means for the others. */
export interface JobParts {
  readonly regions: JobRegions;
  readonly progress: DurableProgress;
  readonly scaling: JobScaling;
  readonly board: StatusBoard;
  readonly coordinator: CheckpointCoordinator;
  readonly recovery: CheckpointRecovery;
  readonly failures: JobFailures;
  readonly savepoints: JobSavepoints;
  readonly ending: JobEnding;
  readonly departures: JobDepartures;
}

export function partsOf(of: JobMasterOptions, owner: PartsOwner): JobParts {
  const { jobId } = owner;
  const { effects, plan } = of;
  const regions = new JobRegions(jobId, of, owner.job);
  const progress = new DurableProgress(jobId, effects, of.progress);
  const scaling: JobScaling = new JobScaling({
    ...of,
    jobId,
    record: of.progress,
    job: {
      graphAtWork: owner.graphAtWork,
      takeCheckpoint: (then) => coordinator.takeNow(then),
      restart: owner.restartAll,
      start: owner.slotsChanged,
      publish: () => board.publish(),
    },
  });
  const board: StatusBoard = boardOf(of, () => ({
    ...owner.now(),
    regions: regions.statuses,
    error: failures.error,
    record: progress.record,
    checkpoints: coordinator.progress,
    scaling,
  }));
  const coordinator: CheckpointCoordinator = coordinatorOf(of, {
    onTrigger: (checkpoint) => regions.trigger(checkpoint),
    onComplete: owner.checkpointComplete,
    onAborted: (checkpointId, mode) => {
      regions.notifyRunning('checkpoint-aborted', checkpointId);
      savepoints.aborted(mode);
    },
    onTooManyFailures: (error) => owner.failed(regions.all, error),
    reserveIds: (reserved, then) => progress.update({ checkpointIdsReserved: reserved }, then),
    noteCheckpoints: (checkpoints) => progress.write({ checkpoints }),
    outputLines: () => board.lines,
  });
  const recovery = recoveryOf(of, { coordinator, board, scaling });
  const { options } = plan.jobGraph.streamGraph;
  const failures: JobFailures = new JobFailures({
    ...of,
    jobId,
    options,
    progress,
    recovery,
    explain: (error) => savepoints.explain(error),
  });
  const savepoints: JobSavepoints = savepointsOf(of, owner.job, {
    progress,
    coordinator,
    inputFigures: () => board.inputFigures(),
    onStopWritten: owner.progressed,
    onStopGivenUp: owner.stopGivenUp,
  });
  const ending = new JobEnding({ coordinator, regions, progress, board, savepoints });
  const departures = new JobDepartures({
    jobId,
    effects,
    regions,
    coordinator,
    ending,
    isAtWork: () => owner.graphAtWork() !== undefined,
    move: owner.move,
  });
  return {
    regions,
    progress,
    scaling,
    board,
    coordinator,
    recovery,
    failures,
    savepoints,
    ending,
    departures,
  };
}
