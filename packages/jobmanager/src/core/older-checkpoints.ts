// What a user who meets a damaged checkpoint can do: start from an older one, knowing what that means.
import type { JobId, WireError } from '@millrace/common';
import { checkpointDirectoryName, type CheckpointReference } from '@millrace/proto';

interface Damaged {
  readonly jobId: JobId;
  /** Checkpoints that are kept beside the damaged one, oldest first. */
  readonly older: readonly CheckpointReference[];
}

/** One sentence for the end of an error's message. */
export function adviceOn({ jobId, older }: Damaged): string {
  const newest = older.at(-1);
  if (newest === undefined) return 'There is no older one.';
  const ids = older.map(({ checkpointId }) => checkpointId).toReversed();
  return `Older ones are there (${ids.join(', ')}), but output that was committed since would be written again. To start from one: millrace run -s ${jobId} --from-checkpoint ${newest.checkpointId} <job.ts>`;
}

/** Adds the advice to the error of a slot that found a damaged file; any other error stays as it is. */
export function withAdvice(error: WireError, damaged: Damaged): WireError {
  if (error.code !== 'MR_CHECKPOINT_CORRUPT' || error.details['older'] !== undefined) return error;
  return {
    ...error,
    message: `${error.message}. ${adviceOn(damaged)}`,
    details: { ...error.details, older: damaged.older.map(checkpointDirectoryName).toReversed() },
  };
}
