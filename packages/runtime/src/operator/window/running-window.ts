// [HOT] Sliding windows whose accumulators can be subtracted: the window that fired last is kept in memory, and moving it on
// costs one merge for each row of a slice that comes in, and one for each row of a slice that goes out.
import type { RowTable } from '@millrace/state';
import { CodeUnit } from '../../chain/codegen/code-unit.ts';
import type { AggregateLayout } from '../aggregate/aggregate-layout.ts';
import { identityOfKey } from '../key-identity.ts';
import type { KeptWindow } from './kept-window.ts';
import { KeyIndex } from './key-index.ts';
import type { WindowBounds } from './window-contents.ts';

/** Keys of one window at most; above it slices are merged for each window. */
const RUNNING_KEYS_MAX = 262_144;
/** Keys without records above which the window is built anew, without them. */
const DEAD_KEYS_MIN = 4_096;

type MoveRow = (row: number, id: number) => boolean;
/** Text of what the window emits. */
export interface RunningWindowCode {
  readonly codegenId: string;
  readonly fireId: (cell: (unit: CodeUnit, index: number) => string) => FireKey;
}

type FireKey = (id: number, key: unknown, bounds: WindowBounds) => void;

/**
 * Accumulators of one window, by key. Derived from the slices, so that no snapshot has it: after a restore, or when a slice
 * that it stands on was changed, it is built anew.
 * Contract: sums are subtracted only as long as all are whole numbers within ±2^53; the first other one ends it for good.
 * Doubles would drift, and one NaN would stay for ever.
 */
export class RunningWindow implements KeptWindow {
  readonly #table: RowTable;
  readonly #keys = new KeyIndex(RUNNING_KEYS_MAX);
  readonly #originals: unknown[] = [];
  /** Slices of the window that have the key. */
  #presence: Int32Array;
  /** Read by generated code. */
  readonly columns: Float64Array[];
  readonly #included = new Set<number>();
  readonly #add: MoveRow;
  readonly #subtract: MoveRow;
  readonly #fire: FireKey;
  #deadCount = 0;
  #isUsable = true;

  constructor(table: RowTable, layout: AggregateLayout, code: RunningWindowCode) {
    this.#table = table;
    this.#presence = new Int32Array(this.#keys.capacity);
    this.columns = layout.cells.map(() => new Float64Array(this.#keys.capacity));
    this.#add = this.#generateMove(layout, `${code.codegenId} add to running window`, '+');
    this.#subtract = this.#generateMove(layout, `${code.codegenId} subtract from running window`, '-');
    this.#fire = code.fireId((unit, index) => `${unit.bind(this, 'running')}.columns[${index}][id]`);
  }

  static canRun(layout: AggregateLayout): boolean {
    return layout.cells.every((cell) => cell.subtraction !== undefined);
  }

  /** Something in a slice that is in the window was changed. */
  invalidate(): void {
    this.#included.clear();
  }

  /** Makes it the window with these slices; false: they have to be merged. */
  moveTo(slices: readonly number[]): boolean {
    if (!this.#isUsable) return false;
    if (this.#included.size === 0 || this.#deadCount > Math.max(DEAD_KEYS_MIN, this.#keys.count / 2))
      this.#clear();
    for (const slice of slices) {
      if (this.#included.has(slice)) continue;
      if (!this.#includeSlice(slice)) return this.#giveUp();
      this.#included.add(slice);
    }
    return true;
  }

  #includeSlice(slice: number): boolean {
    const cursor = this.#table.openCursor(slice);
    for (let row = cursor.next(); row !== -1; row = cursor.next()) {
      const id = this.#idOf(this.#table.keyOf(row));
      if (id < 0 || !this.#add(row, id)) return false;
      if (this.#presence[id] === 0) this.#deadCount--;
      this.#presence[id] = (this.#presence[id] as number) + 1;
    }
    return true;
  }

  /** Takes out a slice that is about to be dropped. */
  dropSlice(slice: number): void {
    if (!this.#included.delete(slice)) return;
    const cursor = this.#table.openCursor(slice);
    for (let row = cursor.next(); row !== -1; row = cursor.next()) {
      const id = this.#find(identityOfKey(this.#table.keyOf(row)));
      if (id < 0 || !this.#subtract(row, id)) {
        this.#giveUp();
        return;
      }
      this.#presence[id] = (this.#presence[id] as number) - 1;
      if (this.#presence[id] === 0) this.#deadCount++;
    }
  }

  /** Emits the first key at or behind number `from` that has records; returns the number after it, or -1 at the end. */
  fireFrom(from: number, bounds: WindowBounds): number {
    for (let id = from; id < this.#keys.count; id++) {
      if (this.#presence[id] === 0) continue;
      this.#fire(id, this.#originals[id], bounds);
      return id + 1;
    }
    return -1;
  }

  #idOf(key: unknown): number {
    const identity = identityOfKey(key);
    const known = this.#find(identity);
    if (known >= 0) return known;
    if (this.#keys.isFull) return -1;
    const id = this.#keys.add(identity);
    this.#originals.push(key);
    this.#deadCount++;
    if (this.#keys.capacity > this.#presence.length) this.#grow(this.#keys.capacity);
    return id;
  }

  #find(identity: unknown): number {
    return typeof identity === 'number' && identity === identity
      ? this.#keys.findNumber(identity)
      : this.#keys.findOther(identity);
  }

  #grow(capacity: number): void {
    const presence = new Int32Array(capacity);
    presence.set(this.#presence);
    this.#presence = presence;
    for (const [index, column] of this.columns.entries()) {
      const grown = new Float64Array(capacity);
      grown.set(column);
      this.columns[index] = grown;
    }
  }

  #clear(): void {
    this.#keys.clear();
    this.#originals.length = 0;
    this.#presence.fill(0);
    for (const column of this.columns) column.fill(0);
    this.#included.clear();
    this.#deadCount = 0;
  }

  #giveUp(): false {
    this.#isUsable = false;
    this.#clear();
    return false;
  }

  #generateMove(layout: AggregateLayout, what: string, sign: '+' | '-'): MoveRow {
    const unit = new CodeUnit(what);
    const table = unit.bind(this.#table, 'table');
    const running = unit.bind(this, 'running');
    const statements = layout.cells.map((cell, index) => {
      const moved = `const value${index} = ${table}.columns[${index}][row], sum${index} = ${running}.columns[${index}][id] ${sign} value${index};`;
      const check =
        cell.subtraction === 'exact'
          ? ''
          : `if (!Number.isSafeInteger(value${index}) || !Number.isSafeInteger(sum${index})) return false;`;
      return `${moved} ${check} ${running}.columns[${index}][id] = sum${index};`;
    });
    return unit.compile('row, id', `${statements.join('\n')}\nreturn true;`) as MoveRow;
  }
}
