// What a job master is made of.
import type { Clock, JobId, RandomPort } from '@millrace/common';
import type { CheckpointProgress, CheckpointReference, OutputLine } from '@millrace/proto';
import { CheckpointCoordinator, type CheckpointListener } from './checkpoint-coordinator.ts';
import { CheckpointRecovery } from './checkpoint-recovery.ts';
import type { Effects } from './effects.ts';
import type { JobPlan } from './job-plan.ts';
import type { JobProgressRecord, JobRecord } from './job-records.ts';
import { JobSavepoints, type JobSavepointsOptions } from './job-savepoints.ts';
import type { JobScaling } from './job-scaling.ts';
import type { SlotPool } from './slot-pool.ts';
import { StatusBoard, type JobFacts } from './status-board.ts';

/** A job as submitted or stored, and what it shares with other jobs. */
export interface JobMasterOptions {
  readonly record: JobRecord;
  /** True for a submission that this leader took. */
  readonly isNew: boolean;
  /** As the store has it. */
  readonly progress: JobProgressRecord;
  /** As the store has it. */
  readonly pointer:
    | { readonly bytes: Uint8Array; readonly retained: readonly CheckpointReference[] }
    | undefined;
  readonly plan: JobPlan;
  readonly leaderEpoch: number;
  readonly checkpointDirectory: string;
  /** Where savepoints go that name no directory. */
  readonly savepointDirectory: string;
  readonly clock: Clock;
  readonly random: RandomPort;
  readonly effects: Effects;
  readonly pool: SlotPool;
  /** Slots that other jobs than this one will take as soon as they can. */
  readonly slotsPromised: (jobId: JobId) => number;
  /** Slots may have become free, or the job has ended. */
  readonly onChanged: () => void;
}

/** The coordinator of a job's checkpoints. Ids that an earlier leader reserved it may have used. */
export function coordinatorOf(
  of: JobMasterOptions,
  listener: CheckpointListener & { outputLines(): readonly OutputLine[] },
): CheckpointCoordinator {
  const { record, progress } = of;
  const { jobGraph } = of.plan;
  return new CheckpointCoordinator({
    jobId: record.submission.jobId,
    jobName: jobGraph.name,
    runId: record.runId,
    epoch: of.leaderEpoch,
    keyGroupCount: jobGraph.keyGroupCount,
    options: jobGraph.streamGraph.options,
    clock: of.clock,
    effects: of.effects,
    listener,
    idsReserved: progress.checkpointIdsReserved,
    nextId: of.isNew ? 1 : progress.checkpointIdsReserved + 1,
    pointer: of.pointer?.bytes,
    progress: checkpointProgressOf(of),
    history: progress.checkpoints?.history ?? [],
    outputLines: () => listener.outputLines(),
  });
}

/** Which checkpoint the job goes on from. */
export function recoveryOf(
  { record, pointer, plan, effects }: JobMasterOptions,
  parts: {
    readonly coordinator: CheckpointCoordinator;
    readonly board: StatusBoard;
    readonly scaling: JobScaling;
  },
): CheckpointRecovery {
  const { coordinator, board, scaling } = parts;
  const { jobId, restoreFrom, isNonRestoredStateAllowed } = record.submission;
  return new CheckpointRecovery({
    jobId,
    jobGraph: plan.jobGraph,
    retained: pointer?.retained,
    restoreFrom,
    isNonRestoredStateAllowed,
    effects,
    coordinator,
    onOutput: (lines) => board.restoreLines(lines),
    onRestore: (stays) => board.retainLines(stays),
    printedLines: () => board.lines,
    hadOtherParallelism: () => scaling.record.rescaleCount !== undefined,
  });
}

/** The savepoints of the job. */
export function savepointsOf(
  { effects, savepointDirectory: directory, clock }: JobMasterOptions,
  job: JobSavepointsOptions['job'],
  parts: Omit<JobSavepointsOptions, 'job' | 'effects' | 'directory' | 'nowMs'>,
): JobSavepoints {
  return new JobSavepoints({ job, effects, directory, nowMs: () => clock.nowMs(), ...parts });
}

/** What people see of the job, with what they saw under an earlier leader. */
export function boardOf(of: JobMasterOptions, facts: () => JobFacts): StatusBoard {
  const { record, plan, clock, effects, progress } = of;
  const { jobId } = record.submission;
  const board = new StatusBoard({
    jobId,
    startTimeMs: record.startTimeMs,
    jobGraph: plan.jobGraph,
    clock,
    effects,
    facts,
  });
  if (progress.output !== undefined) board.restoreLines(progress.output);
  return board;
}

/** What the store knows of checkpoints under earlier leaders. */
function checkpointProgressOf({ progress, pointer }: JobMasterOptions): CheckpointProgress {
  const { completedCount = 0, failedCount = 0, history = [] } = progress.checkpoints ?? {};
  const last = pointer?.retained.at(-1);
  const lastFailure = history.findLast(({ state }) => state === 'failed')?.failure;
  const lastDurationMs = history.findLast(
    ({ checkpointId }) => checkpointId === last?.checkpointId,
  )?.durationMs;
  return {
    completedCount,
    failedCount,
    ...(completedCount === 0 || last === undefined
      ? {}
      : { lastCompletedId: last.checkpointId, lastBytes: last.totalBytes }),
    ...(completedCount === 0 || lastDurationMs === undefined ? {} : { lastDurationMs }),
    ...(lastFailure === undefined ? {} : { lastFailure }),
  };
}
