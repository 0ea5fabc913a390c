// How much memory the keyed state of a slot may take, of what the process has.
import type { StateMemory } from '@millrace/runtime';

/** What a slot takes that has no state: its young generation, the engine, its part of Node. */
const SLOT_BYTES = 128 * 1024 ** 2;
/** However little memory there is, so much of it is planned with. */
const PLANNED_SHARE_MIN = 0.25;
/** Of V8's limit: the rest is for what records become on their way, for what operators keep, and for garbage. */
const HEAP_SHARE = 0.4;
/** Of the slot's memory, where that is less: several heaps together must not outgrow the process. */
const MEMORY_SHARE_ON_HEAP = 0.3;
/** Outside of the heap. What was replaced may take as much again. */
const MEMORY_SHARE_PACKED = 0.2;
/** Of what left memory last; its index may take as much again, and copies of it as much while a snapshot is written. */
const MEMORY_SHARE_LOG = 0.1;
/** As for `stateCacheBytes`. */
const PACKED_BYTES_MAX = 4 * 1024 ** 3;
/** Of `--memory-limit`, beyond which the process would end. */
const LIMIT_SHARE = 0.8;

/** Shares of a slot with `memoryBytes` whose thread's heap may have `heapBytesMax`. */
export function stateMemoryOfSlot(of: {
  readonly memoryBytes: number;
  readonly heapBytesMax: number;
}): StateMemory {
  const { memoryBytes, heapBytesMax } = of;
  const planned = Math.max(memoryBytes - SLOT_BYTES, memoryBytes * PLANNED_SHARE_MIN);
  return {
    heapBytes: Math.floor(Math.min(heapBytesMax * HEAP_SHARE, planned * MEMORY_SHARE_ON_HEAP)),
    packedBytes: Math.floor(Math.min(planned * MEMORY_SHARE_PACKED, PACKED_BYTES_MAX)),
    logBytes: Math.floor(planned * MEMORY_SHARE_LOG),
  };
}

/** What a TaskManager plans with that has such a limit, or none. */
export function plannedBytes(of: {
  readonly memoryBytes: number | undefined;
  readonly limitBytes: number | undefined;
  readonly machineBytes: number;
}): number {
  const { memoryBytes, limitBytes, machineBytes } = of;
  return memoryBytes ?? (limitBytes === undefined ? machineBytes : limitBytes * LIMIT_SHARE);
}
