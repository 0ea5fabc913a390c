// Processes of a cluster as its record names them, and their violent end.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { identityOf, isAlive, signalProcess, type ProcessReference } from '@millrace/cli/processes';
import { until } from './until.ts';

export interface RecordedProcess extends ProcessReference {
  readonly kind: string;
  readonly id: string;
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

/** True while a process with this pid runs; a dead one that nobody has waited for yet does not. */
export function isRunning(pid: number): boolean {
  return identityOf(pid) !== undefined;
}

/** The living process of this name, if there is one. */
export function findRunning(clusterDirectory: string, id: string): RecordedProcess | undefined {
  return recordedProcesses(clusterDirectory).find((entry) => entry.id === id && isAlive(entry));
}

/** `kill -9`. Returns whether the process was there. */
export function killNow(process: RecordedProcess | undefined): boolean {
  return signalNow(process, 'SIGKILL');
}

/** Returns whether the process was there. A process that was not found gets no signal, and nobody else does. */
export function signalNow(process: RecordedProcess | undefined, signal: NodeJS.Signals): boolean {
  return process !== undefined && signalProcess(process, signal);
}

/** Resolves when this very process has ended. */
export function ended(process: RecordedProcess, timeoutMs: number): Promise<void> {
  return until(() => !isAlive(process), { timeoutMs, what: `the end of process ${process.pid}` });
}

/** `kill -9`, and the end of the process waited for: a signal takes a moment, in which its victim still answers. */
export async function killAndWait(clusterDirectory: string, id: string): Promise<void> {
  const victim = findRunning(clusterDirectory, id);
  if (victim === undefined || !killNow(victim)) throw new Error(`${id} is not running`);
  await ended(victim, 5_000);
}

/** Signals the living process of this name; one that is just being started is waited for. Resolves to the one that was hit. */
export async function signalLiving(
  clusterDirectory: string,
  id: string,
  { signal, timeoutMs }: { readonly signal: NodeJS.Signals; readonly timeoutMs: number },
): Promise<RecordedProcess> {
  for (;;) {
    await until(() => findRunning(clusterDirectory, id) !== undefined, {
      timeoutMs,
      what: `a living ${id}`,
    });
    // It may have ended since: then there is another one to wait for.
    const victim = findRunning(clusterDirectory, id);
    if (victim !== undefined && signalNow(victim, signal)) return victim;
  }
}
