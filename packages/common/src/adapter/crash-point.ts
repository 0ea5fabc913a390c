// Numbered places at which a test may have the process die. In production this is one comparison with undefined.
//
// A test names a directory in MILLRACE_CRASH_POINTS and arms a point by putting a file of its name there. Whoever comes by
// takes the file away, and dies if it was the one that did: each arming is exactly one death.
import { unlinkSync } from 'node:fs';
import { join } from 'node:path';

const directory = process.env['MILLRACE_CRASH_POINTS'];

/** True in a process whose environment names a directory for armed points. */
export const areCrashPointsEnabled = directory !== undefined;

/** Places at which a process may be told to die. */
export type CrashPoint =
  | 'jobmanager-submission-stored'
  | 'jobmanager-checkpoint-triggered'
  | 'jobmanager-metadata-written'
  | 'jobmanager-pointer-written'
  | 'jobmanager-job-finished'
  | 'jobmanager-stop-triggered'
  | 'jobmanager-stop-recorded'
  | 'jobmanager-savepoint-copying'
  | 'jobmanager-savepoint-copied'
  | 'jobmanager-savepoint-renamed'
  | 'jobmanager-savepoint-importing'
  | 'jobmanager-rescale-noted'
  | 'jobmanager-rescale-attempt-reserved'
  | 'taskmanager-checkpoint-acknowledged'
  | 'taskmanager-checkpoint-complete-received'
  | 'taskmanager-slot-deployed'
  | 'file-synced'
  | 'file-linked'
  | 'file-unlinked';

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
