// The only way to signal a process by its pid: to the very one that is meant, or to nobody.
import { isAlive, type ProcessReference } from './process-identity.ts';

/** Smaller ones are no process of ours: 1 is the init process, 0 the caller's own group, -1 everybody, and others below are groups. */
const PID_MIN = 2;

/** Returns whether the process was there to be signalled. Whoever else has its pid by now gets nothing, nor does a pid below 2. */
export function signalProcess(process: ProcessReference, signal: NodeJS.Signals): boolean {
  if (!Number.isInteger(process.pid) || process.pid < PID_MIN || !isAlive(process)) return false;
  try {
    globalThis.process.kill(process.pid, signal);
    return true;
  } catch {
    return false; // It ended in the meantime, or belongs to somebody else.
  }
}
