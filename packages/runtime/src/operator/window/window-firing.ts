// [HOT] One window that fires: goes over its keys, from a cursor that survives a stop for want of credit.
import { invariant } from '@millrace/common';
import type { RowCursor } from '@millrace/state';
import type { RunningWindow } from './running-window.ts';
import type { WindowBounds, WindowContents } from './window-contents.ts';

/** Emits a window key by key. */
export interface WindowFiring {
  readonly bounds: WindowBounds;
  /** Emits the next key; false when there was none left. */
  fireNext(): boolean;
}

/** Returns the firing of the window with these slices, of which there is at least one. */
export function openFiring(
  contents: WindowContents,
  slices: readonly number[],
  bounds: WindowBounds,
): WindowFiring {
  const { running } = contents;
  if (running !== undefined && running.moveTo(slices)) return new RunningFiring(running, bounds);
  return new SliceFiring(contents, slices, bounds);
}

/** Goes over the rows of all slices; a key is emitted at the first slice that has it. */
class SliceFiring implements WindowFiring {
  readonly bounds: WindowBounds;
  readonly #contents: WindowContents;
  readonly #slices: readonly number[];
  #index = 0;
  #cursor: RowCursor;

  constructor(contents: WindowContents, slices: readonly number[], bounds: WindowBounds) {
    const first = slices[0];
    invariant(first !== undefined, 'a window that fires has slices');
    this.bounds = bounds;
    this.#contents = contents;
    this.#slices = slices;
    this.#cursor = contents.table.openCursor(first);
  }

  fireNext(): boolean {
    const { table } = this.#contents;
    for (;;) {
      const row = this.#cursor.next();
      if (row === -1) {
        const next = this.#slices[++this.#index];
        if (next === undefined) return false;
        this.#cursor = table.openCursor(next);
        continue;
      }
      if (this.#slices.length === 1) {
        this.#contents.fireRow(row, this.#slices[0] as number, this.bounds);
        return true;
      }
      if (this.#fireMerged(row)) return true;
    }
  }

  #fireMerged(row: number): boolean {
    const { table } = this.#contents;
    const key = table.keyOf(row);
    const keyHash = table.keyHashOf(row);
    for (let index = this.#index - 1; index >= 0; index--) {
      if (table.find(key, keyHash, this.#slices[index] as number) >= 0) return false;
    }
    this.#contents.fireSlices(key, keyHash, this.#slices, this.bounds);
    return true;
  }
}

class RunningFiring implements WindowFiring {
  readonly bounds: WindowBounds;
  readonly #running: RunningWindow;
  #from = 0;

  constructor(running: RunningWindow, bounds: WindowBounds) {
    this.bounds = bounds;
    this.#running = running;
  }

  fireNext(): boolean {
    const next = this.#running.fireFrom(this.#from, this.bounds);
    if (next < 0) return false;
    this.#from = next;
    return true;
  }
}
