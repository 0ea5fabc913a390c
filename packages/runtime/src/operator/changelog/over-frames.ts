// What is kept of the rows before the current one, for OVER aggregates whose rows come in order.
import { cutLoose } from '../aggregate/cut-loose.ts';
import { FrameFolds } from './frame-folds.ts';
import { KeyStates } from './key-states.ts';
import { OwnedArrays } from './owned-arrays.ts';
import type { OverParts } from './over.ts';
import { RowOutput } from './row-operator.ts';
import { TimeHeap } from './time-heap.ts';

const FRAME = 0;
/** When it is looked whether the frame has ended; 0: never. */
const FORGOTTEN_AT = 1;

/** A row of the frame, and its time. */
interface FrameRow {
  readonly timeMs: number;
  readonly row: unknown;
}

/** Rows of one time that come in order: each gets its results when all of them are there. */
export interface Peers {
  readonly key: unknown;
  readonly hash: number;
  readonly timeMs: number;
  readonly rows: readonly unknown[];
}

/**
 * Without a bound one accumulator a key; with one the rows of the frame, over which the aggregates are computed anew for each
 * row: it is exact for sums of fractions, and needs no `retract`. It costs a fold for each row in the frame, or two in long
 * frames whose aggregates are numbers: {@link FrameFolds}.
 * Contract: rows of a key come in the order of their time. With RANGE rows of the same time see each other.
 */
export class OverFrames {
  readonly #parts: OverParts;
  readonly #states: KeyStates;
  readonly #owned = new OwnedArrays();
  readonly #folds: FrameFolds;
  readonly #output: RowOutput;
  readonly #isBounded: boolean;
  /** What is kept of a key ends with the frame of its last row. */
  readonly #endsByTime: boolean;
  readonly #due = new TimeHeap();

  constructor(parts: OverParts) {
    this.#parts = parts;
    const { setup, backend, spec, layout } = parts;
    this.#output = new RowOutput(setup);
    this.#folds = new FrameFolds(parts.aggregates, layout);
    this.#isBounded = spec.preceding !== Infinity;
    this.#states = new KeyStates({
      backend,
      clock: setup.environment.clock,
      name: 'over',
      columns: this.#isBounded ? ['value', 'f64'] : layout.cells.map((cell) => cell.column),
      ttlMs: spec.stateTtlMs,
    });
    this.#endsByTime = this.#isBounded && spec.frame === 'range';
    if (!this.#endsByTime) return;
    const { table } = this.#states;
    const cursor = table.openCursor(0);
    for (let at = cursor.next(); at >= 0; at = cursor.next())
      this.#due.push(this.#endOf(this.#frameAt(at)), table.keyOf(at), table.keyHashOf(at));
  }

  /** Emits one row, which sees those before it. */
  addRow(key: unknown, hash: number, one: FrameRow): void {
    if (this.#isBounded) {
      this.#addBounded({ key, hash, timeMs: one.timeMs, rows: [one.row] }, one.timeMs);
      return;
    }
    const at = this.#fold(key, hash, one.row);
    this.#emitOf(at, one.row, one.timeMs);
  }

  /** Emits rows of the same time. `timestampMs`: the event time that they have, NaN for none. */
  addPeers(peers: Peers, timestampMs: number): void {
    if (this.#isBounded) {
      this.#addBounded(peers, timestampMs);
      return;
    }
    if (this.#parts.spec.frame === 'rows') {
      for (const row of peers.rows) this.#emitOf(this.#fold(peers.key, peers.hash, row), row, timestampMs);
      return;
    }
    let at = -1;
    for (const row of peers.rows) at = this.#fold(peers.key, peers.hash, row);
    for (const row of peers.rows) this.#emitOf(at, row, timestampMs);
  }

  /** Time of the newest row that is kept of a key; -Infinity: none is. Of bounded frames only. */
  lastTimeOf(key: unknown, hash: number): number {
    const at = this.#states.find(key, hash);
    return at < 0 ? -Infinity : (this.#frameAt(at).at(-1)?.timeMs ?? -Infinity);
  }

  /** The rows that no function of the aggregates fails on; the others go to `fail`. */
  soundRows(rows: readonly unknown[], fail: (error: unknown, row: unknown) => void): readonly unknown[] {
    const { aggregates } = this.#parts;
    return rows.filter((row) => {
      try {
        aggregates.add(aggregates.create(), row, true);
        return true;
      } catch (error) {
        fail(error, row);
        return false;
      }
    });
  }

  /** Drops keys whose rows are all farther back than the frame at `timeMs`. */
  forget(timeMs: number): void {
    const due = this.#due;
    while (due.poll(timeMs)) {
      const at = this.#states.find(due.key, due.hash);
      if (at < 0) continue;
      const frame = this.#frameAt(at);
      const endMs = this.#endOf(frame);
      if (endMs <= timeMs) this.#states.remove(due.key, due.hash);
      else this.#forgetAt(at, endMs, due.hash);
    }
  }

  /** When the last row of a frame is behind it. */
  #endOf(frame: readonly FrameRow[]): number {
    return (frame[frame.length - 1]?.timeMs ?? -Infinity) + this.#parts.spec.preceding + 1;
  }

  #forgetAt(at: number, endMs: number, hash: number): void {
    (this.#states.table.columns[FORGOTTEN_AT] as Float64Array)[at] = endMs;
    this.#due.push(endMs, this.#states.table.keyOf(at), hash);
  }

  #fold(key: unknown, hash: number, row: unknown): number {
    const found = this.#states.find(key, hash);
    const at = found < 0 ? this.#states.write(key, hash) : found;
    if (found >= 0) this.#states.touch(at, key, hash);
    try {
      this.#parts.aggregates.addToRow(this.#states.table.columns, at, row, found < 0);
    } catch (error) {
      if (found < 0) this.#states.remove(key, hash);
      throw error;
    }
    return at;
  }

  #emitOf(at: number, row: unknown, timestampMs: number): void {
    const { columns } = this.#states.table;
    this.#output.row(this.#parts.aggregates.rowResultsWith(columns, at, row), timestampMs);
  }

  #addBounded(peers: Peers, timestampMs: number): void {
    const { spec } = this.#parts;
    const { key, hash } = peers;
    const found = this.#states.find(key, hash);
    const frame = this.#owned.changeable(found < 0 ? undefined : this.#frameAt(found));
    if (spec.frame === 'rows') this.#addRows(frame, peers, timestampMs);
    else this.#addRange(frame, peers, timestampMs);
    const at = found < 0 ? this.#states.write(key, hash) : found;
    if (found >= 0) this.#states.touch(at, key, hash);
    (this.#states.table.columns[FRAME] as unknown[])[at] = frame;
    if (this.#endsByTime && (this.#states.table.columns[FORGOTTEN_AT] as Float64Array)[at] === 0)
      this.#forgetAt(at, this.#endOf(frame), hash);
  }

  /** Keeps as many rows as the next row sees before it. */
  #addRows(frame: FrameRow[], { rows, timeMs }: Peers, timestampMs: number): void {
    const { preceding } = this.#parts.spec;
    for (const row of rows) {
      frame.push({ timeMs, row: cutLoose(row) });
      const accumulator = this.#folded(frame, 1);
      this.#output.row(this.#parts.aggregates.resultsWith(accumulator, row), timestampMs);
      this.#dropFirst(frame, frame.length - preceding);
    }
  }

  #addRange(frame: FrameRow[], { rows, timeMs }: Peers, timestampMs: number): void {
    const firstMs = timeMs - this.#parts.spec.preceding;
    let gone = 0;
    while (gone < frame.length && (frame[gone] as FrameRow).timeMs < firstMs) gone++;
    this.#dropFirst(frame, gone);
    for (const row of rows) frame.push({ timeMs, row: cutLoose(row) });
    const { aggregates } = this.#parts;
    const accumulator = this.#folded(frame, rows.length);
    for (const row of rows) this.#output.row(aggregates.resultsWith(accumulator, row), timestampMs);
  }

  /** When a function fails on one of the last `added` rows they leave the frame again. */
  #folded(frame: FrameRow[], added: number): readonly unknown[] {
    const { aggregates } = this.#parts;
    try {
      const known = this.#folds.folded(frame);
      if (known !== undefined) return known;
      const accumulator = aggregates.create();
      for (let index = 0; index < frame.length; index++)
        aggregates.add(accumulator, (frame[index] as FrameRow).row, index === 0);
      return accumulator;
    } catch (error) {
      frame.length -= added;
      throw error;
    }
  }

  #dropFirst(frame: FrameRow[], count: number): void {
    if (count <= 0) return;
    this.#folds.drop(frame, count);
    dropFirst(frame, count);
  }

  #frameAt(at: number): readonly FrameRow[] {
    return (this.#states.table.columns[FRAME] as unknown[])[at] as readonly FrameRow[];
  }

  advanceProcessingTime(nowMs: number): boolean {
    return this.#states.advanceProcessingTime(nowMs);
  }

  nextProcessingTimeMs(): number {
    return this.#states.nextProcessingTimeMs();
  }

  freeze(): void {
    this.#owned.disown();
    this.#parts.layout.freeze();
  }
}

/** As `splice`, without the array of what was dropped. */
function dropFirst(frame: FrameRow[], count: number): void {
  for (let index = count; index < frame.length; index++) frame[index - count] = frame[index] as FrameRow;
  frame.length -= count;
}
