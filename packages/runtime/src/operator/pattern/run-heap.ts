// [HOT] Runs by their first event: a binary heap in an array.
//
// Which of several runs with the same first event comes first decides what skip strategies leave of them. Their order is that of
// java.util.PriorityQueue, step by step, so that the same pattern skips the same matches as in Flink.
import type { Run } from './match-state.ts';

export function push(heap: Run[], run: Run): void {
  heap.push(run);
  let place = heap.length - 1;
  while (place > 0) {
    const parent = (place - 1) >> 1;
    const above = heap[parent] as Run;
    if (run.startOrder >= above.startOrder) break;
    heap[place] = above;
    place = parent;
  }
  heap[place] = run;
}

/** Takes the first one; there must be one. */
export function poll(heap: Run[]): Run {
  const first = heap[0] as Run;
  const last = heap.pop() as Run;
  if (heap.length > 0) siftDown(heap, 0, last);
  return first;
}

/** Takes all out for which `isTaken` is true, and gives them to `onTaken`. */
export function remove(heap: Run[], isTaken: (run: Run) => boolean, onTaken: (run: Run) => void): void {
  let kept = 0;
  for (let index = 0; index < heap.length; index++) {
    const run = heap[index] as Run;
    if (isTaken(run)) onTaken(run);
    else heap[kept++] = run;
  }
  if (kept === heap.length) return;
  heap.length = kept;
  for (let place = (kept >>> 1) - 1; place >= 0; place--) siftDown(heap, place, heap[place] as Run);
}

function siftDown(heap: Run[], from: number, run: Run): void {
  let place = from;
  const half = heap.length >>> 1;
  while (place < half) {
    let child = 2 * place + 1;
    const right = child + 1;
    if (right < heap.length && (heap[child] as Run).startOrder > (heap[right] as Run).startOrder)
      child = right;
    const below = heap[child] as Run;
    if (run.startOrder <= below.startOrder) break;
    heap[place] = below;
    place = child;
  }
  heap[place] = run;
}
