// The young generations of the slots' heaps: their size, and from when on they have it.
import { setFlagsFromString } from 'node:v8';

/**
 * Three semi-spaces of 32 MiB. V8's default of 16 makes short-lived records beside much state dear; 64 took no less CPU in
 * Nexmark's q4, q5 and q18 than 32, and its pages fill for half an hour, in which resident memory grows.
 */
export const YOUNG_GENERATION_MEGABYTES = 96;
const SEMI_SPACES = 3;

/**
 * Has the threads that this process starts from now on begin with young generations of that size, instead of growing to it
 * over minutes. For a process that is a TaskManager and nothing else: V8 keeps this for all of the process, and an option that caps
 * the young generation of the main thread would cap theirs, too, whatever limits they are started with.
 */
export function startYoungGenerationsAt(megabytes: number): void {
  const semiSpace = Math.ceil(megabytes / SEMI_SPACES);
  setFlagsFromString(`--max-semi-space-size=${semiSpace}`);
  setFlagsFromString(`--min-semi-space-size=${semiSpace}`);
}
