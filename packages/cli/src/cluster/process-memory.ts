// How the processes of a cluster are started so that they have the memory that they need within a minute, and take no more later.

/**
 * Node's options. Semi-spaces of the main thread, which talks to other processes, of 8 MiB from the start: by itself V8
 * comes to 16 MiB each some minutes later. Slots have their own.
 */
export const PROCESS_NODE_OPTIONS: readonly string[] = ['--min-semi-space-size=8', '--max-semi-space-size=8'];

const ARENAS_MIN = 2;

/**
 * `MALLOC_ARENA_MAX`: pools of memory that the threads of a process share, in glibc. Buffers are made by one thread and
 * freed by another; with glibc's default, eight pools a processor, what is free in one pool serves no thread of the others, and
 * resident memory grew by 2 to 4 MB a minute for half an hour.
 */
export function mallocArenas(slotCount: number): number {
  return Math.max(ARENAS_MIN, slotCount);
}
