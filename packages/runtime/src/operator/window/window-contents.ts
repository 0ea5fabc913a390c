// What a window keeps of its records, and what it gives when it fires. Two kinds: accumulators, and the records themselves.
import type { RowTable } from '@millrace/state';
import type { StageBody } from '../chain-stage.ts';
import type { KeptWindow } from './kept-window.ts';

/** A window: [start, end) in milliseconds, and the event time of what it emits. */
export interface WindowBounds {
  readonly startMs: number;
  readonly endMs: number;
  readonly timestampMs: number;
}

/** Names of locals that hold key, hash and slice end of the record at hand. */
export interface WindowLocals {
  readonly key: string;
  readonly hash: string;
  readonly slice: string;
}

export interface WindowContents {
  /** The window that fired last, where it can be moved on; its owner tells it of slices that change or go. */
  readonly running: KeptWindow | undefined;
  /** Each record tells what it changed, so that windows do not fire. */
  readonly emitsByRecord?: boolean;
  /** Has a row for each (slice end, key) with records. */
  readonly table: RowTable;
  /** Statements that add the record at hand, or a partial row, to its slice, and go on with `then`. */
  emitAdd(body: StageBody, locals: WindowLocals, then: string): string;
  /** Emits a window of one key of which only one slice has records; `row` is that slice's. */
  fireRow(row: number, slice: number, bounds: WindowBounds): void;
  /** Emits a window of one key from several slices; those without records of the key are skipped. */
  fireSlices(key: unknown, keyHash: number, slices: readonly number[], bounds: WindowBounds): void;
  dropSlice(slice: number): void;
}
