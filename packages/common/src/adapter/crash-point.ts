// Numbered places at which a test may have the process die. In production this is one comparison with undefined.
//
// A test names a directory in MILLRACE_CRASH_POINTS and arms a point by putting a file of its name there. Whoever comes by
// takes the file away, and dies if it was the one that did: each arming is exactly one death.
import { unlinkSync } from 'node:fs';
import { join } from 'node:path';

const directory = process.env['MILLRACE_CRASH_POINTS'];

/** True in a process whose environment names a directory for armed points. */
export const areCrashPointsEnabled = directory !== undefined;

/**
 * Places at which a process may be told to die, and what has just happened there. Their order numbers them:
 * docs/internals/crash-points.md lists them.
 */
export const CRASH_POINTS = {
  // The JobManager's store
  'jobmanager-epoch-stored': 'a new leader has made its epoch durable, and done nothing else',
  'jobmanager-batch-written': 'a batch of the store is durable, the file that counts batches is not replaced',
  'jobmanager-submission-stored': 'a submission is durable, and not acknowledged',
  'jobmanager-prepare-stored': 'it is durable that `prepare` of the sinks has succeeded',
  'jobmanager-attempt-stored': 'a new attempt is durable, and not deployed',
  'jobmanager-input-end-stored': 'it is durable that all input is read, before the final checkpoint',
  'jobmanager-pointer-written': 'a pointer is durable, and nobody told to commit',
  'jobmanager-stop-recorded': 'the pointer of a stop with savepoint is durable, and nobody told to commit',
  'jobmanager-cancel-stored': 'the wish to cancel is durable, and no slot told',
  'jobmanager-job-finished': 'FINISHED is durable, and no worker told to end',
  'jobmanager-job-ended': 'FAILED or CANCELED is durable, and no file deleted',
  // The JobManager's messages
  'jobmanager-deployed': 'the first deployment of an attempt is sent',
  'jobmanager-checkpoint-triggered': 'the first trigger of a checkpoint is sent',
  'jobmanager-stop-triggered': 'the first trigger of a stop with savepoint is sent',
  'jobmanager-completion-sent': 'the first TaskManager is told to commit',
  'jobmanager-abort-sent': 'the first TaskManager is told that a checkpoint has failed',
  'jobmanager-finish-sent': 'the first slot is told to end',
  // Checkpoint files; a metadata file is the JobManager's, state a TaskManager's or, of an import, the JobManager's
  'metadata-begun': 'a temporary file of metadata is there, without bytes',
  'metadata-synced': 'its bytes are durable, its name is not there',
  'metadata-linked': 'its name is there, and not durable',
  'jobmanager-metadata-written': 'a checkpoint can be read, its pointer is not written',
  'state-begun': 'a temporary file of state is there, without bytes',
  'state-synced': 'its bytes are durable, its name is not there',
  'state-linked': 'its name is there, and not durable',
  'state-written': 'a file of state is durable, and not acknowledged',
  'checkpoint-file-deleted': 'one file of a checkpoint that is not kept is deleted, others are not',
  'checkpoint-directory-removed': 'a directory of a checkpoint that is not kept is removed, others are not',
  // Rescaling
  'jobmanager-rescale-noted': 'a change of parallelism is durable, and nothing stopped for it',
  'jobmanager-rescale-attempt-reserved': 'the attempt at another parallelism is durable, and not deployed',
  // Savepoints
  'jobmanager-savepoint-copying': 'one file of a savepoint is copied',
  'jobmanager-savepoint-copied': 'all files of a savepoint are copied',
  'jobmanager-savepoint-renamed': 'a savepoint has its name',
  'jobmanager-savepoint-importing': 'one file of what a job starts from is copied',
  // TaskManagers
  'taskmanager-deployment-received': 'a deployment is received, and not begun',
  'taskmanager-slot-prepared': '`prepare` of the sinks has succeeded, and is reported',
  'taskmanager-slot-deployed': 'a slot runs, and is reported',
  'taskmanager-trigger-received': 'a trigger is received, and no barrier sent',
  'taskmanager-checkpoint-acknowledged': 'a subtask has acknowledged its part',
  'taskmanager-checkpoint-declined': 'a subtask has declined its part',
  'taskmanager-checkpoint-complete-received': 'a completion is received, and nothing committed',
  'taskmanager-checkpoint-aborted-received': 'a failed checkpoint is received, and its channels not freed',
  'taskmanager-committed': 'a slot has committed, and is reported',
  'taskmanager-input-ended': 'a subtask has passed on its end of input, and is reported',
  'taskmanager-finish-received': 'the end of a slot is received, and its worker not ended',
  'taskmanager-slot-ended': 'a slot has ended, and is reported',
  // Files of sinks
  'file-created': 'a hidden file is there, without bytes',
  'file-synced': 'the bytes of a hidden file are durable, it has not its checkpoint in its name',
  'file-renamed': 'a hidden file has its checkpoint in its name',
  'file-linked': 'a committed file has its name beside the hidden one',
  'file-unlinked': 'the hidden name of a committed file is gone',
} as const satisfies Readonly<Record<string, string>>;
export type CrashPoint = keyof typeof CRASH_POINTS;

/** Dies by SIGKILL if a test armed `point`. */
export function crashPoint(point: CrashPoint): void {
  if (directory !== undefined) dieIfArmed(directory, point);
}

function dieIfArmed(armory: string, point: CrashPoint): void {
  try {
    unlinkSync(join(armory, point));
  } catch {
    return; // Not armed, or somebody else took it.
  }
  process.kill(process.pid, 'SIGKILL');
}
