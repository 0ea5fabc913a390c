// Processes of a cluster as its record names them, and their violent end.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface RecordedProcess {
  readonly kind: string;
  readonly id: string;
  readonly pid: number;
}

/** What stands in `cluster.json`; nothing when no cluster is there. */
export function recordedProcesses(clusterDirectory: string): readonly RecordedProcess[] {
  try {
    return (
      JSON.parse(readFileSync(join(clusterDirectory, 'cluster.json'), 'utf8')) as {
        processes: RecordedProcess[];
      }
    ).processes;
  } catch {
    return [];
  }
}

/** True while the process runs; a dead one that nobody has waited for yet does not. */
export function isRunning(pid: number): boolean {
  if (pid <= 0) return false;
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return process.platform !== 'linux';
  }
}

/** The living process of this name, if there is one. */
export function findRunning(clusterDirectory: string, id: string): RecordedProcess | undefined {
  return recordedProcesses(clusterDirectory).find((entry) => entry.id === id && isRunning(entry.pid));
}

/** `kill -9`. Returns whether the process was there. */
export function killNow(pid: number): boolean {
  if (!isRunning(pid)) return false;
  try {
    process.kill(pid, 'SIGKILL');
    return true;
  } catch {
    return false;
  }
}
