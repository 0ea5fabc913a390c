// [HOT] What is kept of the rows before the current one, for OVER aggregates whose rows come in order.
import { cutLoose } from '../aggregate/cut-loose.ts';
import type { FrameValues } from '../aggregate/compiled-aggregates.ts';
import { FrameFolds } from './frame-folds.ts';
import { KeyStates } from './key-states.ts';
import { changeableArray, dropFirst } from './own-cells.ts';
import type { OverParts } from './over.ts';
import { RowOutput } from './row-operator.ts';
import { TimeHeap } from './time-heap.ts';

/**
 * Columns of a bounded frame: its rows, or their values; the time of the last one, or with RANGE when it is looked whether the frame
 * has ended (0: never), and the times of its rows.
 */
const FRAME = 0;
const LAST_TIME = 1;
const FORGOTTEN_AT = 1;
const TIMES = 2;

const NOTHING: unknown[] = [];

/**
 * Without a bound one accumulator a key; with one the rows of the frame, over which the aggregates are computed anew for each
 * row: it is exact for sums of fractions, and needs no `retract`. Where all accumulators are numbers, the frame has what these need of
 * each row instead of the row: a few numbers side by side. It costs a fold for each row in the frame, or two in long
 * frames of numbers: {@link FrameFolds}.
 * Contract: rows of a key are added between `select` and `close`, in the order of their time. With RANGE rows of the same time see
 * each other. A row that a function of the user's fails on is not in the frame, and what it throws goes on.
 */
export class OverFrames {
  readonly #parts: OverParts;
  readonly #states: KeyStates;
  readonly #folds: FrameFolds;
  readonly #output: RowOutput;
  readonly #isBounded: boolean;
  readonly #isRange: boolean;
  readonly #preceding: number;
  readonly #values: FrameValues | undefined;
  /** Elements of the frame a row. */
  readonly #width: number;
  readonly #due = new TimeHeap();
  /** The key at hand: its row of the table, -1 for none, and its frame. */
  #key: unknown = undefined;
  #hash = 0;
  #at = -1;
  #frame: unknown[] = NOTHING;
  #times: number[] = NOTHING as number[];
  #lastTimeMs = NaN;
  #isChanged = false;

  constructor(parts: OverParts) {
    this.#parts = parts;
    const { setup, backend, spec, layout } = parts;
    this.#output = new RowOutput(setup);
    this.#folds = new FrameFolds(parts.aggregates, layout);
    this.#isBounded = spec.preceding !== Infinity;
    this.#isRange = this.#isBounded && spec.frame === 'range';
    this.#preceding = spec.preceding;
    this.#values = parts.aggregates.frameValues;
    this.#width = this.#values?.width ?? 1;
    this.#states = new KeyStates({
      backend,
      clock: setup.environment.clock,
      name: 'over',
      columns: this.#isRange
        ? ['value', 'f64', 'value']
        : this.#isBounded
          ? ['value', 'f64']
          : layout.cells.map((cell) => cell.column),
      hasLists: this.#isBounded,
      ttlMs: spec.stateTtlMs,
    });
    if (!this.#isRange) return;
    const { table } = this.#states;
    const cursor = table.openCursor(0);
    for (let at = cursor.next(); at >= 0; at = cursor.next())
      this.#due.push(this.#endOf(this.#timesAt(at)), table.keyOf(at), table.keyHashOf(at));
  }

  /** Makes a key the one that rows are added to. */
  select(key: unknown, hash: number): void {
    this.#key = key;
    this.#hash = hash;
    this.#at = this.#states.find(key, hash);
    this.#isChanged = false;
    if (!this.#isBounded) return;
    this.#frame = changeableArray(this.#states.table, FRAME, this.#at);
    if (this.#isRange) this.#times = changeableArray(this.#states.table, TIMES, this.#at);
  }

  /** Emits one row, which sees those before it. `timestampMs`: the event time that it has, NaN for none. */
  add(row: unknown, timeMs: number, timestampMs: number): void {
    if (this.#isRange) this.#addToRange([row], timeMs, timestampMs);
    else if (this.#isBounded) this.#addToRows(row, timeMs, timestampMs);
    else this.#emitFolded(this.#fold(row), row, timestampMs);
  }

  /** Emits rows of the same time, which see each other. */
  addPeers(rows: readonly unknown[], timeMs: number, timestampMs: number): void {
    if (this.#isRange) {
      this.#addToRange(rows, timeMs, timestampMs);
      return;
    }
    let at = -1;
    for (const row of rows) at = this.#fold(row);
    for (const row of rows) this.#emitFolded(at, row, timestampMs);
  }

  /** Keeps what was added to the key at hand. */
  close(): void {
    if (this.#isChanged && this.#isBounded) {
      const at = this.#written();
      const { columns } = this.#states.table;
      (columns[FRAME] as unknown[])[at] = this.#frame;
      if (!this.#isRange) {
        (columns[LAST_TIME] as Float64Array)[at] = this.#lastTimeMs;
      } else {
        (columns[TIMES] as unknown[])[at] = this.#times;
        if ((columns[FORGOTTEN_AT] as Float64Array)[at] === 0)
          this.#forgetAt(at, this.#endOf(this.#times), this.#hash);
      }
    }
    this.#frame = NOTHING;
    this.#times = NOTHING as number[];
  }

  /** Time of the newest row that is kept of a key; -Infinity: none is. Of bounded frames only. */
  lastTimeOf(key: unknown, hash: number): number {
    const at = this.#states.find(key, hash);
    if (at < 0) return -Infinity;
    if (this.#isRange) return this.#timesAt(at).at(-1) ?? -Infinity;
    return (this.#states.table.columns[LAST_TIME] as Float64Array)[at] as number;
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
      const endMs = this.#endOf(this.#timesAt(at));
      if (endMs <= timeMs) this.#states.remove(due.key, due.hash);
      else this.#forgetAt(at, endMs, due.hash);
    }
  }

  /** When the last row of a frame is behind it. */
  #endOf(times: readonly number[]): number {
    return (times[times.length - 1] ?? -Infinity) + this.#preceding + 1;
  }

  #forgetAt(at: number, endMs: number, hash: number): void {
    (this.#states.table.columns[FORGOTTEN_AT] as Float64Array)[at] = endMs;
    this.#due.push(endMs, this.#states.table.keyOf(at), hash);
  }

  /** Row of the key at hand, made when there is none; it counts as written. */
  #written(): number {
    if (this.#at < 0) this.#at = this.#states.write(this.#key, this.#hash);
    else this.#states.touch(this.#at, this.#key, this.#hash);
    return this.#at;
  }

  #fold(row: unknown): number {
    const isNew = this.#at < 0;
    const at = this.#written();
    try {
      this.#parts.aggregates.addToRow(this.#states.table.columns, at, row, isNew);
    } catch (error) {
      if (isNew) {
        this.#states.remove(this.#key, this.#hash);
        this.#at = -1;
      }
      throw error;
    }
    return at;
  }

  #emitFolded(at: number, row: unknown, timestampMs: number): void {
    const { columns } = this.#states.table;
    this.#output.row(this.#parts.aggregates.rowResultsWith(columns, at, row), timestampMs);
  }

  /** Keeps as many rows as the next row sees before it. */
  #addToRows(row: unknown, timeMs: number, timestampMs: number): void {
    this.#push(row);
    const result = this.#resultOf(row);
    this.#lastTimeMs = timeMs;
    this.#isChanged = true;
    this.#dropFirst(this.#count() - this.#preceding);
    this.#output.row(result, timestampMs);
  }

  #addToRange(added: readonly unknown[], timeMs: number, timestampMs: number): void {
    const times = this.#times;
    const firstMs = timeMs - this.#preceding;
    let gone = 0;
    while (gone < times.length && (times[gone] as number) < firstMs) gone++;
    this.#dropFirst(gone);
    for (const row of added) {
      this.#push(row);
      times.push(timeMs);
    }
    if (added.length === 1) {
      const result = this.#resultOf(added[0]);
      this.#isChanged = true;
      this.#output.row(result, timestampMs);
      return;
    }
    const accumulator = this.#folded(added.length);
    this.#isChanged = true;
    for (const row of added)
      this.#output.row(this.#parts.aggregates.resultsWith(accumulator, row), timestampMs);
  }

  #push(row: unknown): void {
    if (this.#values === undefined) this.#frame.push(cutLoose(row));
    else this.#values.push(this.#frame, row);
  }

  #count(): number {
    return this.#frame.length / this.#width;
  }

  /** When a function fails on the last row it leaves the frame again. */
  #resultOf(row: unknown): unknown {
    const { aggregates } = this.#parts;
    const frame = this.#frame;
    const count = this.#count();
    try {
      if (this.#values === undefined) return aggregates.rowsResultsWith(frame, 0, count, row);
      const known = this.#folds.folded(frame, count);
      return known === undefined
        ? this.#values.resultsWith(frame, 0, count, row)
        : aggregates.resultsWith(known, row);
    } catch (error) {
      this.#takeBack(1);
      throw error;
    }
  }

  #folded(added: number): readonly unknown[] {
    const frame = this.#frame;
    const count = this.#count();
    try {
      if (this.#values === undefined) return this.#parts.aggregates.addAll(frame, 0, count);
      return this.#folds.folded(frame, count) ?? this.#values.fold(frame, 0, count);
    } catch (error) {
      this.#takeBack(added);
      throw error;
    }
  }

  #takeBack(added: number): void {
    this.#frame.length -= added * this.#width;
    if (this.#isRange) this.#times.length -= added;
  }

  #dropFirst(count: number): void {
    if (count <= 0) return;
    this.#folds.drop(this.#frame, count);
    dropFirst(this.#frame, count * this.#width);
    if (this.#isRange) dropFirst(this.#times, count);
  }

  #timesAt(at: number): readonly number[] {
    return (this.#states.table.columns[TIMES] as unknown[])[at] as readonly number[];
  }

  advanceProcessingTime(nowMs: number): boolean {
    return this.#states.advanceProcessingTime(nowMs);
  }

  nextProcessingTimeMs(): number {
    return this.#states.nextProcessingTimeMs();
  }

  freeze(): void {
    this.#parts.layout.freeze();
  }
}
