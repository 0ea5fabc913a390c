// [HOT] The rows of one side of a table join, of the current key: a multiset, or by unique key.
import type { Clock } from '@millrace/common';
import {
  sameKey,
  type ColumnKind,
  type KeyedStateBackend,
  type MapStateHandle,
  type RowTable,
} from '@millrace/state';
import { cutLoose } from '../aggregate/cut-loose.ts';
import type { HandedOver } from './earlier-rows.ts';
import type { RowIdentity } from './row-identity.ts';
import { rowText, sameRow } from './row-text.ts';

/** Kinds of rows of a key that lie in one row of the table; more go to a map, so that no change costs more than so many. */
const ROWS_MAX = 16;
/** Where no row is ever looked for, since none goes and none replaces another one. */
const UNCOMPARED_ROWS_MAX = 1_024;
/** As the number of rows: they are in the map. */
const IN_MAP = -1;

/** Columns of a side: number of kinds of rows; of the first the fields of a {@link KeptRow}; the further ones. */
const ROWS = 0;
const COUNT = 1;
const ASSOCIATIONS = 2;
const WRITTEN_MS = 3;
const ROW = 4;
const REST = 5;
const SIDE_COLUMNS: readonly ColumnKind[] = ['f64', 'f64', 'f64', 'f64', 'value', 'value'];

/** The table of both sides: a change finds the rows that it meets where its own will be. */
export function openRowTable(backend: KeyedStateBackend): RowTable {
  return backend.table({ name: 'rows', columns: [...SIDE_COLUMNS, ...SIDE_COLUMNS], hasNamespaces: false });
}

/** Rows that are equal, or one row of a unique key. Never changed once it is kept. */
export interface KeptRow {
  readonly row: unknown;
  /** Equal rows; 1 with a unique key. */
  readonly count: number;
  /** Rows of the other side that it matches; counted only on sides that are kept without a partner. */
  readonly associations: number;
  /** By the clock, ms. */
  readonly writtenMs: number;
}

/** A row with what finds it again: its place, or its key in the map. Valid until a row is added or taken away. */
export interface FoundRow {
  readonly id: unknown;
  readonly kept: KeptRow;
}

const NONE: readonly FoundRow[] = [];

/**
 * Rows by what tells them apart.
 * Contract: a row whose time to live is over is not there any more, whether it was cleaned up or not. Complexity: a key with up to
 * ROWS_MAX kinds of rows, or UNCOMPARED_ROWS_MAX rows, is one row of a table.
 * Source: Flink's JoinRecordStateViews and OuterJoinRecordStateViews.
 */
export class RowSet {
  readonly ttlMs: number;
  /** Set by {@link look}. */
  onlyRow: unknown;
  readonly #backend: KeyedStateBackend;
  readonly #table: RowTable;
  /** First columns of this side and of the other one. */
  readonly #from: number;
  readonly #otherFrom: number;
  readonly #map: MapStateHandle;
  readonly #hasUniqueKey: boolean;
  /** undefined: rows are told apart by all that is in them, or not at all. */
  readonly #uniqueKey: ((row: unknown) => unknown) | undefined;
  readonly #isOnlyRow: boolean;
  readonly #isUncompared: boolean;
  readonly #rowsMax: number;
  readonly #clock: Clock;

  constructor(
    backend: KeyedStateBackend,
    options: {
      readonly table: RowTable;
      readonly side: 'left' | 'right';
      readonly identity: RowIdentity;
      readonly ttlMs: number;
      readonly clock: Clock;
    },
  ) {
    const { identity } = options;
    this.#backend = backend;
    this.#table = options.table;
    this.#from = options.side === 'left' ? 0 : SIDE_COLUMNS.length;
    this.#otherFrom = options.side === 'left' ? SIDE_COLUMNS.length : 0;
    this.#map = backend.mapState(options.side);
    this.#hasUniqueKey = identity === 'join key' || typeof identity === 'function';
    this.#isOnlyRow = identity === 'join key';
    this.#isUncompared = identity === 'none';
    this.#rowsMax = this.#isUncompared ? UNCOMPARED_ROWS_MAX : ROWS_MAX;
    this.#uniqueKey = typeof identity === 'function' ? (identity as (row: unknown) => unknown) : undefined;
    this.ttlMs = options.ttlMs;
    this.#clock = options.clock;
  }

  /** Puts a row in; with a unique key it takes the place of the one before. */
  add(row: unknown, associations: number): void {
    const kept = cutLoose(row);
    const table = this.#table;
    const at = table.upsert(this.#backend.currentKey, this.#backend.currentKeyHash, 0);
    const count = this.#number(ROWS, at);
    if (count === 0) {
      this.#touch(at);
      this.#setNumber(ROWS, at, 1);
      this.#setFirst(at, kept, 1, associations);
      return;
    }
    if (count === IN_MAP) return this.#addToMap(kept, associations);
    const place = this.#placeOf(at, count, kept);
    if (place >= 0) this.#set(at, place, kept, this.#countBefore(at, place) + 1, associations);
    else if (count < this.#rowsMax) {
      this.#touch(at);
      this.#rest(at).push(this.#keptRow(kept, 1, associations));
      this.#setNumber(ROWS, at, count + 1);
    } else {
      this.#moveToMap(at, count);
      this.#addToMap(kept, associations);
    }
  }

  /** The row whose place a row takes; undefined where there is none, or no unique key. */
  replacedBy(row: unknown): KeptRow | undefined {
    if (!this.#hasUniqueKey) return undefined;
    const at = this.#find();
    if (at < 0) return undefined;
    const count = this.#number(ROWS, at);
    if (count === IN_MAP) return this.#getFromMap(this.#idOf(row));
    const place = this.#placeOf(at, count, row);
    const kept = place < 0 ? undefined : this.#keptAt(at, place);
    return kept !== undefined && this.#isAlive(kept.writtenMs) ? kept : undefined;
  }

  retract(row: unknown): void {
    const at = this.#find();
    if (at < 0) return;
    const count = this.#number(ROWS, at);
    if (count === IN_MAP) return this.#retractFromMap(row);
    const place = this.#placeOf(at, count, row);
    if (place < 0) return;
    const before = this.#countBefore(at, place);
    if (before <= 1) return this.#remove(at, place, count);
    const { row: kept, associations } = this.#keptAt(at, place);
    this.#set(at, place, kept, before - 1, associations);
  }

  /** Takes all rows away. */
  clear(): void {
    const at = this.#find();
    if (at < 0) return;
    if (this.#number(ROWS, at) === IN_MAP) this.#map.clear();
    this.#clear(at);
  }

  /** All rows, each kind of equal ones once. */
  found(): readonly FoundRow[] {
    const at = this.#find();
    if (at < 0) return NONE;
    const count = this.#number(ROWS, at);
    const found: FoundRow[] = [];
    if (count === IN_MAP) {
      for (const [id, kept] of this.#map.entries())
        if (this.#isAlive((kept as KeptRow).writtenMs)) found.push({ id, kept: kept as KeptRow });
      return found;
    }
    for (let place = 0; place < count; place++) {
      const kept = this.#keptAt(at, place);
      if (this.#isAlive(kept.writtenMs)) found.push({ id: place, kept });
    }
    return found;
  }

  /** 0: there are no rows. 1: there is one, which counts once, and {@link onlyRow} is it. -1: `found` tells. */
  look(): 0 | 1 | -1 {
    const at = this.#find();
    if (at < 0) return 0;
    if (this.ttlMs > 0 || this.#number(ROWS, at) !== 1 || this.#number(COUNT, at) !== 1) return -1;
    this.onlyRow = this.#values(ROW)[at];
    return 1;
  }

  /** Takes the rows of the current key out of the table, for the other form of them. */
  handOver(): HandedOver {
    const at = this.#find();
    if (at < 0) return [];
    const isInMap = this.#number(ROWS, at) === IN_MAP;
    const rows = isInMap ? 'in the map' : this.found().map(({ kept }) => kept);
    this.#clear(at);
    return rows;
  }

  takeOver(handedOver: HandedOver): void {
    if (handedOver === 'in the map') {
      const at = this.#table.upsert(this.#backend.currentKey, this.#backend.currentKeyHash, 0);
      this.#touch(at);
      this.#setNumber(ROWS, at, IN_MAP);
      return;
    }
    for (const { row, count, associations } of handedOver)
      for (let copy = 0; copy < count; copy++) this.add(row, associations);
  }

  setAssociations({ id, kept }: FoundRow, associations: number): void {
    const at = this.#find();
    if (at < 0) return;
    if (this.#number(ROWS, at) === IN_MAP) this.#putIntoMap(id, kept.row, kept.count, associations);
    else this.#set(at, id as number, kept.row, kept.count, associations);
  }

  /** Takes out what is over; returns when the next one will be, or Infinity. */
  dropExpired(): number {
    const at = this.#find();
    if (at < 0) return Infinity;
    let count = this.#number(ROWS, at);
    if (count === IN_MAP) return this.#dropFromMap();
    let nextMs = Infinity;
    for (let place = count - 1; place >= 0; place--) {
      const { writtenMs } = this.#keptAt(at, place);
      if (this.#isAlive(writtenMs)) nextMs = Math.min(nextMs, writtenMs + this.ttlMs);
      else this.#remove(at, place, count--);
    }
    return nextMs;
  }

  /** Row of the table where this side has rows, or -1. */
  #find(): number {
    const at = this.#table.find(this.#backend.currentKey, this.#backend.currentKeyHash, 0);
    return at >= 0 && this.#number(ROWS, at) !== 0 ? at : -1;
  }

  #number(column: number, at: number): number {
    return (this.#table.columns[this.#from + column] as Float64Array)[at] as number;
  }

  #setNumber(column: number, at: number, value: number): void {
    (this.#table.columns[this.#from + column] as Float64Array)[at] = value;
  }

  #values(column: number): unknown[] {
    return this.#table.columns[this.#from + column] as unknown[];
  }

  /** Where a row like this one is; -1: nowhere. */
  #placeOf(at: number, count: number, row: unknown): number {
    if (this.#isOnlyRow) return 0;
    if (this.#isUncompared) return -1;
    const uniqueKey = this.#uniqueKey;
    const key = uniqueKey === undefined ? undefined : uniqueKey(row);
    const rest = this.#restOf(at);
    for (let place = 0; place < count; place++) {
      const other = place === 0 ? this.#values(ROW)[at] : rest?.[place - 1]?.row;
      if (uniqueKey === undefined ? sameRow(row, other) : sameKey(key, uniqueKey(other))) return place;
    }
    return -1;
  }

  /** How many of a multiset's rows there are before one comes or goes. */
  #countBefore(at: number, place: number): number {
    if (this.#hasUniqueKey) return 0;
    const { count, writtenMs } = this.#keptAt(at, place);
    return this.#isAlive(writtenMs) ? count : 0;
  }

  #keptAt(at: number, place: number): KeptRow {
    if (place > 0) return this.#restOf(at)?.[place - 1] as KeptRow;
    return {
      row: this.#values(ROW)[at],
      count: this.#number(COUNT, at),
      associations: this.#number(ASSOCIATIONS, at),
      writtenMs: this.#number(WRITTEN_MS, at),
    };
  }

  #keptRow(row: unknown, count: number, associations: number): KeptRow {
    return { row, count, associations, writtenMs: this.#nowMs() };
  }

  #nowMs(): number {
    return this.ttlMs > 0 ? this.#clock.nowMs() : 0;
  }

  #set(at: number, place: number, row: unknown, count: number, associations: number): void {
    this.#touch(at);
    if (place === 0) this.#setFirst(at, row, count, associations);
    else this.#rest(at)[place - 1] = this.#keptRow(row, count, associations);
  }

  #setFirst(at: number, row: unknown, count: number, associations: number): void {
    this.#setNumber(COUNT, at, count);
    if (associations !== 0 || this.#number(ASSOCIATIONS, at) !== 0)
      this.#setNumber(ASSOCIATIONS, at, associations);
    if (this.ttlMs > 0) this.#setNumber(WRITTEN_MS, at, this.#nowMs());
    this.#values(ROW)[at] = row;
  }

  #remove(at: number, place: number, count: number): void {
    if (count === 1) return this.#clear(at);
    this.#touch(at);
    const rest = this.#rest(at);
    if (place > 0) rest.splice(place - 1, 1);
    else {
      const [first] = rest.splice(0, 1) as [KeptRow];
      this.#setNumber(COUNT, at, first.count);
      this.#setNumber(ASSOCIATIONS, at, first.associations);
      this.#setNumber(WRITTEN_MS, at, first.writtenMs);
      this.#values(ROW)[at] = first.row;
    }
    this.#setNumber(ROWS, at, count - 1);
  }

  /** This side has no rows any more; when the other has none either the row of the table goes. */
  #clear(at: number): void {
    const table = this.#table;
    if ((table.columns[this.#otherFrom + ROWS] as Float64Array)[at] === 0)
      return table.remove(this.#backend.currentKey, this.#backend.currentKeyHash, 0);
    this.#touch(at);
    for (const column of [ROWS, COUNT, ASSOCIATIONS, WRITTEN_MS]) this.#setNumber(column, at, 0);
    for (const column of [ROW, REST]) this.#values(column)[at] = undefined;
  }

  #restOf(at: number): readonly KeptRow[] | undefined {
    return this.#values(REST)[at] as readonly KeptRow[] | undefined;
  }

  /** Before a change: the row counts as changed then, so that what a snapshot has of either side is copied first. */
  #touch(at: number): void {
    const table = this.#table;
    if (!table.isOwn(at)) {
      this.#copyRest(this.#from, at);
      this.#copyRest(this.#otherFrom, at);
    }
    table.markDirty(at);
  }

  #copyRest(from: number, at: number): void {
    const cells = this.#table.columns[from + REST] as (KeptRow[] | undefined)[];
    const rest = cells[at];
    if (rest !== undefined) cells[at] = [...rest];
  }

  /** The further rows, to be changed in place; `#touch` comes before. */
  #rest(at: number): KeptRow[] {
    return ((this.#values(REST) as (KeptRow[] | undefined)[])[at] ??= []);
  }

  #isAlive(writtenMs: number): boolean {
    return this.ttlMs === 0 || this.#clock.nowMs() < writtenMs + this.ttlMs;
  }

  #moveToMap(at: number, count: number): void {
    for (let place = 0; place < count; place++) {
      const kept = this.#keptAt(at, place);
      const id = this.#idOf(kept.row);
      // Rows that nobody compared may be equal.
      const before = this.#isUncompared ? this.#getFromMap(id) : undefined;
      this.#map.put(id, before === undefined ? kept : { ...kept, count: before.count + kept.count });
    }
    this.#touch(at);
    this.#setNumber(ROWS, at, IN_MAP);
    this.#values(ROW)[at] = undefined;
    this.#values(REST)[at] = undefined;
  }

  #idOf(row: unknown): unknown {
    return this.#uniqueKey === undefined ? rowText(row) : this.#uniqueKey(row);
  }

  #getFromMap(id: unknown): KeptRow | undefined {
    const kept = this.#map.get(id) as KeptRow | undefined;
    return kept !== undefined && this.#isAlive(kept.writtenMs) ? kept : undefined;
  }

  #putIntoMap(id: unknown, row: unknown, count: number, associations: number): void {
    this.#map.put(id, this.#keptRow(row, count, associations));
  }

  #addToMap(row: unknown, associations: number): void {
    const id = this.#idOf(row);
    const before = this.#hasUniqueKey ? undefined : this.#getFromMap(id);
    this.#putIntoMap(id, row, (before?.count ?? 0) + 1, associations);
  }

  #retractFromMap(row: unknown): void {
    const id = this.#idOf(row);
    const before = this.#hasUniqueKey ? undefined : this.#getFromMap(id);
    if (before === undefined || before.count <= 1) this.#removeFromMap(id);
    else this.#putIntoMap(id, before.row, before.count - 1, before.associations);
  }

  #removeFromMap(id: unknown): void {
    this.#map.remove(id);
    if (!this.#map.isEmpty()) return;
    const at = this.#find();
    if (at >= 0) this.#clear(at);
  }

  #dropFromMap(): number {
    let nextMs = Infinity;
    for (const [id, kept] of this.#map.entries()) {
      const { writtenMs } = kept as KeptRow;
      if (this.#isAlive(writtenMs)) nextMs = Math.min(nextMs, writtenMs + this.ttlMs);
      else this.#removeFromMap(id);
    }
    return nextMs;
  }
}
