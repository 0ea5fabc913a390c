// What memory there is for a process.
import { totalmem } from 'node:os';

/** What this process may take, in bytes: its container's limit, or the machine's memory. */
export function memoryBytesOfProcess(): number {
  // Without a limit it is 0 or beyond all memory.
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}
