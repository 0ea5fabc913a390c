// What a submission starts from: which checkpoint its words name, whether the job can start from it, and what becomes of
// each state. Decided before anything of the submission is stored.
import type { CheckpointMetadata, JobSubmission, RestoreReport } from '@millrace/proto';
import { JobPlan } from './core/job-plan.ts';
import { checkRestore } from './execution-graph/check-restore.ts';
import { reportRestore } from './execution-graph/restore-report.ts';

/** How checkpoints are found that users name by path. */
export interface CheckpointLookup {
  /** The directory of one of the checkpoints of a job that a user named. */
  readonly chooseCheckpoint?: (path: string, checkpointId: number) => Promise<string>;
  /** Rejects for a path that no job can start from. */
  readonly checkCheckpoint?: (path: string) => Promise<CheckpointMetadata>;
}

/**
 * Resolves to the submission with the path of its checkpoint, and to the mapping of its state.
 * @throws {MillraceError} MR_SAVEPOINT_NOT_FOUND, MR_CHECKPOINT_CORRUPT, MR_STATE_INCOMPATIBLE, MR_GRAPH_INVALID
 */
export async function chooseStart(
  submission: JobSubmission,
  lookup: CheckpointLookup,
): Promise<{ readonly submission: JobSubmission; readonly restore?: RestoreReport }> {
  const { restoreFrom, restoreCheckpointId, ...others } = submission;
  if (restoreFrom === undefined) return { submission };
  const path =
    restoreCheckpointId === undefined
      ? restoreFrom
      : ((await lookup.chooseCheckpoint?.(restoreFrom, restoreCheckpointId)) ?? restoreFrom);
  const chosen = { submission: { ...others, restoreFrom: path } };
  const metadata = await lookup.checkCheckpoint?.(path);
  if (metadata === undefined) return chosen;
  const { jobGraph } = new JobPlan(submission);
  checkRestore(jobGraph, metadata, submission);
  return { ...chosen, restore: reportRestore(jobGraph, metadata, path) };
}
