// [HOT] Overlapping windows whose accumulators can only be merged: two stacks a key, so that a window that moves on by one
// slice costs one merge for each row that comes in and about one more for each key, however many slices it has.
// Source: the two-stacks algorithm for sliding-window aggregation (Tangwongsan et al., VLDB 2015).
import { hashKey } from '@millrace/common';
import type { RowTable } from '@millrace/state';
import { CodeUnit } from '../../chain/codegen/code-unit.ts';
import type { AggregateLayout } from '../aggregate/aggregate-layout.ts';
import { cutLoose } from '../aggregate/cut-loose.ts';
import { identityOfKey } from '../key-identity.ts';
import { KeyIndex } from './key-index.ts';
import type { KeptWindow } from './kept-window.ts';
import type { WindowBounds } from './window-contents.ts';

/** Keys of one window at most; above it slices are merged for each window. */
const MERGED_KEYS_MAX = 262_144;
/** Accumulators of one window at most. */
const ACCUMULATORS_MAX = 2_000_000;
/** Keys without records above which the window is built anew, without them. */
const DEAD_KEYS_MIN = 4_096;

/** An accumulator outside of the table: a value a cell. */
type Accumulator = unknown[];
type CopyRow = (row: number) => Accumulator;
type MergeRow = (accumulator: Accumulator, row: number) => void;
type Merge = (accumulator: Accumulator, other: Accumulator) => void;
type Fire = (accumulator: Accumulator, key: unknown, bounds: WindowBounds) => void;

/** Text of what the window emits. */
export interface MergedWindowCode {
  readonly codegenId: string;
  readonly fireAccumulator: (cell: (unit: CodeUnit, index: number) => string) => Fire;
}

/** What slices from one on, up to the last of the front, come to. */
interface FrontEntry {
  readonly slice: number;
  readonly accumulator: Accumulator;
}

/** What a key has in the window. Its front is older than its back. */
class KeyStacks {
  /** The oldest slice comes last. */
  front: FrontEntry[] = [];
  back: Accumulator | undefined = undefined;
  readonly backSlices: number[] = [];
  /** To be made anew from the table's rows. */
  isStale = false;
}

/**
 * Contract: as {@link KeptWindow}. An accumulator in a stack is never changed once it is in the front; rows of the table are
 * copied. Bounds: MERGED_KEYS_MAX; ACCUMULATORS_MAX, and one a key while a window moves on: a key without room for its stacks is merged
 * at each firing. Beyond, `moveTo` says false for good.
 */
export class MergedWindow implements KeptWindow {
  readonly #table: RowTable;
  readonly #keys = new KeyIndex(MERGED_KEYS_MAX);
  readonly #originals: unknown[] = [];
  /** Of the keys themselves: a key index has those of what tells them apart. */
  readonly #hashes: number[] = [];
  readonly #stacks: KeyStacks[] = [];
  readonly #included = new Set<number>();
  readonly #copyRow: CopyRow;
  readonly #mergeRow: MergeRow;
  readonly #copy: (accumulator: Accumulator) => Accumulator;
  readonly #merge: Merge;
  readonly #fire: Fire;
  readonly #accumulatorsMax: number;
  #slices: readonly number[] = [];
  #accumulatorCount = 0;
  #isUsable = true;
  #deadCount = 0;

  constructor(
    table: RowTable,
    layout: AggregateLayout,
    code: MergedWindowCode,
    accumulatorsMax = ACCUMULATORS_MAX,
  ) {
    this.#table = table;
    this.#accumulatorsMax = accumulatorsMax;
    const { cells } = layout;
    const generate = (
      what: string,
      parameters: string,
      text: (unit: CodeUnit) => readonly string[],
    ): unknown => {
      const unit = new CodeUnit(`${code.codegenId} merged window ${what}`);
      return unit.compile(parameters, text(unit).join('\n'));
    };
    const row = (unit: CodeUnit, index: number): string =>
      `${unit.bind(table, 'table')}.columns[${index}][row]`;
    const copied = (unit: CodeUnit, index: number, source: string): string =>
      cells[index]?.copy?.(unit, source) ?? source;
    this.#copyRow = generate('copy row', 'row', (unit) => [
      `return [${cells.map((_, index) => copied(unit, index, row(unit, index))).join(', ')}];`,
    ]) as CopyRow;
    this.#copy = generate('copy', 'accumulator', (unit) => [
      `return [${cells.map((_, index) => copied(unit, index, `accumulator[${index}]`)).join(', ')}];`,
    ]) as (accumulator: Accumulator) => Accumulator;
    this.#mergeRow = generate('merge row', 'accumulator, row', (unit) =>
      cells.map((cell, index) =>
        cell.merge(unit, `accumulator[${index}]`, copied(unit, index, row(unit, index)), 'false'),
      ),
    ) as MergeRow;
    this.#merge = generate('merge', 'accumulator, other', (unit) =>
      cells.map((cell, index) =>
        cell.merge(unit, `accumulator[${index}]`, copied(unit, index, `other[${index}]`), 'false'),
      ),
    ) as Merge;
    this.#fire = code.fireAccumulator((_unit, index) => `accumulator[${index}]`);
  }

  /** Accumulators in memory. */
  get accumulatorCount(): number {
    return this.#accumulatorCount;
  }

  invalidate(key: unknown): void {
    if (!this.#isUsable || this.#included.size === 0) return;
    const id = this.#idOf(key);
    if (id < 0) this.#giveUp();
    else this.#forget(this.#stacks[id] as KeyStacks, true);
  }

  moveTo(slices: readonly number[]): boolean {
    if (!this.#isUsable) return false;
    if (this.#deadCount > Math.max(DEAD_KEYS_MIN, this.#keys.count / 2)) this.#clear();
    this.#slices = slices;
    for (const slice of slices) {
      if (this.#included.has(slice)) continue;
      if (!this.#include(slice)) return this.#giveUp();
      this.#included.add(slice);
    }
    return true;
  }

  #include(slice: number): boolean {
    const cursor = this.#table.openCursor(slice);
    for (let row = cursor.next(); row !== -1; row = cursor.next()) {
      const id = this.#idOf(this.#table.keyOf(row));
      if (id < 0) return false;
      const stacks = this.#stacks[id] as KeyStacks;
      if (stacks.isStale) continue;
      if (stacks.back === undefined) {
        stacks.back = this.#copyRow(row);
        this.#accumulatorCount++;
      } else {
        this.#mergeRow(stacks.back, row);
      }
      stacks.backSlices.push(slice);
    }
    return this.#accumulatorCount <= this.#accumulatorsMax;
  }

  dropSlice(slice: number): void {
    this.#included.delete(slice);
  }

  fireFrom(from: number, bounds: WindowBounds): number {
    if (from === 0) this.#deadCount = 0;
    const first = this.#slices[0] as number;
    for (let id = from; id < this.#keys.count; id++) {
      const stacks = this.#stacks[id] as KeyStacks;
      const accumulator = this.#windowOf(id, stacks, first);
      if (accumulator === undefined) {
        this.#deadCount++;
        continue;
      }
      this.#fire(accumulator, this.#originals[id], bounds);
      return id + 1;
    }
    return -1;
  }

  /** What a key has in the slices from `first` on; undefined: nothing. */
  #windowOf(id: number, stacks: KeyStacks, first: number): Accumulator | undefined {
    if (stacks.isStale) this.#flip(id, stacks, this.#slices, first);
    let oldest = stacks.front.at(-1);
    while (oldest !== undefined && oldest.slice < first) {
      stacks.front.pop();
      this.#accumulatorCount--;
      oldest = stacks.front.at(-1);
    }
    if (oldest === undefined && (stacks.backSlices[0] as number) < first) {
      this.#flip(id, stacks, stacks.backSlices, first);
      oldest = stacks.front.at(-1);
    }
    if (oldest === undefined) return stacks.back;
    if (stacks.back === undefined) return oldest.accumulator;
    const whole = this.#copy(oldest.accumulator);
    this.#merge(whole, stacks.back);
    return whole;
  }

  /** Makes a front of the rows in these slices; without room for one only what they come to, and the key stays stale. */
  #flip(id: number, stacks: KeyStacks, slices: readonly number[], first: number): void {
    const front: FrontEntry[] = [];
    const isFull = this.#accumulatorCount + slices.length > this.#accumulatorsMax;
    const key = this.#originals[id];
    const hash = this.#hashes[id] as number;
    for (let index = slices.length - 1; index >= 0; index--) {
      const slice = slices[index] as number;
      if (slice < first) break;
      const row = this.#table.find(key, hash, slice);
      if (row < 0) continue;
      const accumulator = this.#copyRow(row);
      const newer = front.at(-1);
      if (newer !== undefined) this.#merge(accumulator, newer.accumulator);
      if (isFull) front.length = 0;
      front.push({ slice, accumulator });
    }
    this.#forget(stacks, isFull);
    stacks.front = front;
    this.#accumulatorCount += front.length;
  }

  #forget(stacks: KeyStacks, isStale: boolean): void {
    this.#accumulatorCount -= stacks.front.length + (stacks.back === undefined ? 0 : 1);
    stacks.front = [];
    stacks.back = undefined;
    stacks.backSlices.length = 0;
    stacks.isStale = isStale;
  }

  #idOf(key: unknown): number {
    const identity = identityOfKey(key);
    const known =
      typeof identity === 'number' && identity === identity
        ? this.#keys.findNumber(identity)
        : this.#keys.findOther(identity);
    if (known >= 0) return known;
    if (this.#keys.isFull) return -1;
    this.#originals.push(typeof key === 'string' ? cutLoose(key) : key);
    this.#hashes.push(hashKey(key));
    this.#stacks.push(new KeyStacks());
    return this.#keys.add(identity);
  }

  #clear(): void {
    this.#keys.clear();
    this.#originals.length = 0;
    this.#hashes.length = 0;
    this.#stacks.length = 0;
    this.#included.clear();
    this.#accumulatorCount = 0;
    this.#deadCount = 0;
  }

  #giveUp(): false {
    this.#isUsable = false;
    this.#clear();
    return false;
  }
}
