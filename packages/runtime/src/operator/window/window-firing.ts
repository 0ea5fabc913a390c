// [HOT] One window that fires: goes over its keys, from a cursor that survives a stop.
import { invariant } from '@millrace/common';
import type { RowCursor } from '@millrace/state';
import type { FiredTimes } from './fired-times.ts';
import type { KeptWindow } from './kept-window.ts';
import type { WindowBounds, WindowContents } from './window-contents.ts';

/** Emits a window key by key. */
export interface WindowFiring {
  readonly bounds: WindowBounds;
  /** Emits the next key; false when there was none left. */
  fireNext(): boolean;
}

export interface FiringParts {
  /** Slices of the window, of which there is at least one. */
  readonly slices: readonly number[];
  readonly bounds: WindowBounds;
  /** Keys for which the window fired before a restore are left out. */
  readonly fired: FiredTimes | undefined;
}

/** Returns the firing of one window. */
export function openFiring(contents: WindowContents, parts: FiringParts): WindowFiring {
  const { running } = contents;
  const { fired, bounds } = parts;
  if (fired !== undefined && bounds.timestampMs <= fired.maxMs) return new SliceFiring(contents, parts);
  if (running !== undefined && running.moveTo(parts.slices)) return new RunningFiring(running, bounds);
  return new SliceFiring(contents, { ...parts, fired: undefined });
}

/** Goes over the rows of all slices; a key is emitted at the first slice that has it. */
class SliceFiring implements WindowFiring {
  readonly bounds: WindowBounds;
  readonly #contents: WindowContents;
  readonly #slices: readonly number[];
  readonly #fired: FiredTimes | undefined;
  #index = 0;
  #cursor: RowCursor;

  constructor(contents: WindowContents, parts: FiringParts) {
    const first = parts.slices[0];
    invariant(first !== undefined, 'a window that fires has slices');
    this.bounds = parts.bounds;
    this.#contents = contents;
    this.#slices = parts.slices;
    this.#fired = parts.fired;
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
      if (this.#fired?.hasFired(table.keyHashOf(row), this.bounds.timestampMs) === true) continue;
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
  readonly #running: KeptWindow;
  #from = 0;

  constructor(running: KeptWindow, bounds: WindowBounds) {
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
