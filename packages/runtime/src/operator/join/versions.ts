// [HOT] The versions of table rows that a temporal join keeps: of each key the newest that time has come to, and those ahead of it.
import type { KeyedStateBackend, RowTable } from '@millrace/state';
import { cutLoose } from '../aggregate/cut-loose.ts';

/** Number of versions of the key; times and rows of the first two lie in the row itself, for mostly there are no more. */
const COUNT = 0;
const FIRST_MS = 1;
const SECOND_MS = 2;
/** When the key was last written or read, by the clock; kept only where keys are forgotten. */
const USED_MS = 3;
const FIRST = 4;
const SECOND = 5;
const REST = 6;

/** Versions after the second, ascending. */
interface Rest {
  readonly times: number[];
  readonly versions: unknown[];
}

/**
 * Versions of rows by key, ascending in time; at one time the last one that came counts. A version that is `undefined` says that
 * the row was deleted.
 */
export class Versions {
  readonly #table: RowTable;

  constructor(backend: KeyedStateBackend) {
    this.#table = backend.table({
      name: 'versions',
      columns: ['f64', 'f64', 'f64', 'f64', 'value', 'value', 'value'],
      hasNamespaces: false,
    });
  }

  /** Row of a key, -1: none. Valid until the next call of `find`, `upsert` or `remove`. */
  find(key: unknown, keyHash: number): number {
    return this.#table.find(key, keyHash, 0);
  }

  upsert(key: unknown, keyHash: number): number {
    return this.#table.upsert(key, keyHash, 0);
  }

  remove(key: unknown, keyHash: number): void {
    this.#table.remove(key, keyHash, 0);
  }

  countOf(row: number): number {
    return this.#numbers(COUNT)[row] as number;
  }

  /** The version as of a time; undefined: there is none. */
  versionAt(row: number, timeMs: number): unknown {
    const index = this.#indexAt(row, timeMs);
    return index < 0 ? undefined : this.#versionAt(row, index);
  }

  /** Index of the newest version that is not after a time; -1: all are. */
  #indexAt(row: number, timeMs: number): number {
    let from = 0;
    let to = this.countOf(row);
    while (from < to) {
      const middle = (from + to) >>> 1;
      if (this.#timeAt(row, middle) <= timeMs) from = middle + 1;
      else to = middle;
    }
    return from - 1;
  }

  /** Adds a version, and lets go of those that no time after `settledMs` asks for. Complexity: amortised constant, in order. */
  add(row: number, timeMs: number, version: unknown, settledMs: number): void {
    const kept = cutLoose(version);
    const count = this.countOf(row);
    if (count > 0 && timeMs <= this.#timeAt(row, count - 1)) {
      this.#insert(row, timeMs, kept);
      this.settle(row, settledMs);
      return;
    }
    this.#append(row, count, timeMs, kept);
    // So that what stays is not copied for each that goes: half of them go at once.
    if (this.#timeAt(row, (count + 1) >> 1) <= settledMs) this.settle(row, settledMs);
  }

  /** Lets go of versions that no time after `settledMs` asks for; of a row that was deleted then nothing is left. */
  settle(row: number, settledMs: number): void {
    const newest = this.#indexAt(row, settledMs);
    if (newest < 0) return;
    const from = this.#versionAt(row, newest) === undefined ? newest + 1 : newest;
    if (from > 0) this.#replace(row, this.#taken(row, from));
  }

  #insert(row: number, timeMs: number, version: unknown): void {
    const { times, versions } = this.#taken(row, 0);
    const place = this.#indexAt(row, timeMs);
    if (times[place] === timeMs) versions[place] = version;
    else {
      times.splice(place + 1, 0, timeMs);
      versions.splice(place + 1, 0, version);
    }
    this.#replace(row, { times, versions });
  }

  /** NaN: never. */
  usedMs(row: number): number {
    const usedMs = this.#numbers(USED_MS)[row] as number;
    return usedMs === 0 ? NaN : usedMs;
  }

  use(row: number, nowMs: number): void {
    this.#touch(row);
    this.#numbers(USED_MS)[row] = nowMs;
  }

  /** Copies of the versions from an index on. */
  #taken(row: number, from: number): Rest {
    const taken: Rest = { times: [], versions: [] };
    for (let index = from; index < this.countOf(row); index++) {
      taken.times.push(this.#timeAt(row, index));
      taken.versions.push(this.#versionAt(row, index));
    }
    return taken;
  }

  #replace(row: number, { times, versions }: Rest): void {
    this.#table.markDirty(row);
    for (const column of [FIRST, SECOND]) this.#values(column)[row] = undefined;
    for (let index = 0; index < Math.min(2, times.length); index++)
      this.#putInRow(row, index, times[index] as number, versions[index]);
    this.#values(REST)[row] =
      times.length > 2 ? { times: times.slice(2), versions: versions.slice(2) } : undefined;
    this.#numbers(COUNT)[row] = times.length;
  }

  #append(row: number, count: number, timeMs: number, version: unknown): void {
    this.#touch(row);
    if (count < 2) this.#putInRow(row, count, timeMs, version);
    else {
      const { times, versions } = ((this.#values(REST) as (Rest | undefined)[])[row] ??= {
        times: [],
        versions: [],
      });
      times.push(timeMs);
      versions.push(version);
    }
    this.#numbers(COUNT)[row] = count + 1;
  }

  #putInRow(row: number, index: number, timeMs: number, version: unknown): void {
    this.#numbers(index === 0 ? FIRST_MS : SECOND_MS)[row] = timeMs;
    this.#values(index === 0 ? FIRST : SECOND)[row] = version;
  }

  /** Before a change: the row counts as changed then, so that versions that a snapshot has are copied first. */
  #touch(row: number): void {
    const table = this.#table;
    if (!table.isOwn(row)) {
      const cells = this.#values(REST) as (Rest | undefined)[];
      const rest = cells[row];
      if (rest !== undefined) cells[row] = { times: [...rest.times], versions: [...rest.versions] };
    }
    table.markDirty(row);
  }

  #timeAt(row: number, index: number): number {
    if (index < 2) return this.#numbers(index === 0 ? FIRST_MS : SECOND_MS)[row] as number;
    return (this.#values(REST)[row] as Rest).times[index - 2] as number;
  }

  #versionAt(row: number, index: number): unknown {
    if (index < 2) return this.#values(index === 0 ? FIRST : SECOND)[row];
    return (this.#values(REST)[row] as Rest).versions[index - 2];
  }

  #numbers(column: number): Float64Array {
    return this.#table.columns[column] as Float64Array;
  }

  #values(column: number): unknown[] {
    return this.#table.columns[column] as unknown[];
  }
}
