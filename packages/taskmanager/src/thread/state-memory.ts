// How much memory the keyed state of a slot may take, of what the process has.
import type { StateMemory } from '@millrace/runtime';

/** Of V8's limit: the rest is for what records become on their way, for what operators keep, and for garbage. */
const HEAP_SHARE = 0.4;
/** Of the slot's memory, where that is less: several heaps together must not outgrow the process. */
const MEMORY_SHARE_ON_HEAP = 0.3;
/** Outside of the heap. What was replaced may take as much again. */
const MEMORY_SHARE_PACKED = 0.2;
/** As for `stateCacheBytes`. */
const PACKED_BYTES_MAX = 4 * 1024 ** 3;

/** Shares of a slot with `memoryBytes` whose thread's heap may have `heapBytesMax`. */
export function stateMemoryOfSlot(of: {
  readonly memoryBytes: number;
  readonly heapBytesMax: number;
}): StateMemory {
  const { memoryBytes, heapBytesMax } = of;
  return {
    heapBytes: Math.floor(Math.min(heapBytesMax * HEAP_SHARE, memoryBytes * MEMORY_SHARE_ON_HEAP)),
    packedBytes: Math.floor(Math.min(memoryBytes * MEMORY_SHARE_PACKED, PACKED_BYTES_MAX)),
  };
}
