// [HOT] Sessions of each key, with accumulators: a key's sessions are numbered 0, 1, 2, … without gaps, in no order; most keys
// have one. Bounds and accumulators are two tables, so that folding a record knows whether it is a session's first.
import type { KeyedStateBackend, RowTable, TimerDomain } from '@millrace/state';
import type { AggregateLayout } from '../../aggregate/aggregate-layout.ts';
import { AccumulatorCode, type ResultHead } from '../per-window/accumulator-code.ts';

/**
 * Columns of the bounds: start, end, 1 when it has fired; and in number 0 only, which is the session that ends last or was added
 * last, the number of the key's sessions and the latest end of the others.
 */
const START = 0;
const END = 1;
const FIRED = 2;
const COUNT = 3;
const OTHERS_END = 4;

/** What a session came to when it fires. */
export type FireSession = (key: unknown, result: unknown, start: number, end: number) => void;

export interface KeySessionsOptions {
  readonly backend: KeyedStateBackend;
  readonly layout: AggregateLayout;
  readonly codegenId: string;
  readonly head: ResultHead;
  readonly domain: TimerDomain;
  readonly latenessMs: number;
  readonly watermarkMs: number;
  readonly fire: FireSession;
  /** Takes what an aggregate of the user's threw while a session fired. */
  readonly onError: (error: unknown, key: unknown, start: number, end: number) => void;
}

/**
 * Contract: `place` gives the number of the session that a record belongs to, merged and extended, or LATE; the record is then
 * folded into `accumulators` under this number, and `fireLate` called when `mustFire` is set. Timers are at most one too
 * early for each session: they are registered when it begins, and moved on when they fire. Until a session has fired, one of its key's
 * timers is at its end or before. Source: Flink's EventTimeSessionWindows with MergingWindowSet.
 */
export class KeySessions {
  /** Accumulators by (number of the session, key). */
  readonly accumulators: RowTable;
  /** The record at hand came after its session fired. */
  mustFire = false;
  /** Sessions that end at this time + 1 or earlier have fired; of the clock's none is late. */
  watermarkMs: number;
  readonly #bounds: RowTable;
  readonly #code: AccumulatorCode;
  readonly #of: KeySessionsOptions;

  constructor(options: KeySessionsOptions) {
    const { backend, layout } = options;
    this.#of = options;
    this.watermarkMs = options.watermarkMs;
    this.#bounds = backend.table({
      name: 'bounds',
      columns: ['f64', 'f64', 'f64', 'f64', 'f64'],
      hasNamespaces: true,
    });
    this.accumulators = backend.table({
      name: 'sessions',
      columns: layout.cells.map((cell) => cell.column),
      hasNamespaces: true,
    });
    this.#code = new AccumulatorCode(options.codegenId, this.accumulators, layout, options.head);
  }

  /** Number of the session of a record that spans [start, end), or LATE. */
  place(key: unknown, keyHash: number, start: number, end: number): number {
    this.mustFire = false;
    const row = this.#bounds.find(key, keyHash, 0);
    if (row < 0) return this.#begin(key, keyHash, { start, end, count: 0 });
    const count = this.#column(COUNT)[row] as number;
    // Most records come after all sessions but the newest: only that one is looked at.
    if (count > 1 && start <= (this.#column(OTHERS_END)[row] as number))
      return this.#placeAmong(key, keyHash, { start, end, count });
    if (start > (this.#column(END)[row] as number)) return this.#begin(key, keyHash, { start, end, count });
    if (end < (this.#column(START)[row] as number))
      return this.#placeAmong(key, keyHash, { start, end, count });
    this.#extend(key, keyHash, { row, start, end });
    return 0;
  }

  /** A session of its own. One that ends after all others becomes number 0. */
  #begin(
    key: unknown,
    keyHash: number,
    { start, end, count }: { readonly start: number; readonly end: number; readonly count: number },
  ): number {
    const hasFired = end - 1 <= this.watermarkMs;
    if (hasFired && end - 1 + this.#of.latenessMs <= this.watermarkMs) return LATE;
    let number = count;
    let othersEnd = -Infinity;
    if (count > 0) {
      const head = this.#bounds.find(key, keyHash, 0);
      const headEnd = this.#column(END)[head] as number;
      othersEnd = this.#column(OTHERS_END)[head] as number;
      if (start > headEnd && start > othersEnd) {
        this.#move(key, keyHash, 0, count);
        number = 0;
        othersEnd = Math.max(headEnd, othersEnd);
      } else {
        othersEnd = Math.max(end, othersEnd);
      }
    }
    const row = this.#bounds.upsert(key, keyHash, number);
    this.#column(START)[row] = start;
    this.#column(END)[row] = end;
    this.#column(FIRED)[row] = hasFired ? 1 : 0;
    this.#bounds.markDirty(row);
    this.#setHead(key, keyHash, count + 1, othersEnd);
    this.#register(key, keyHash, hasFired ? end - 1 + this.#of.latenessMs : end - 1);
    this.mustFire = hasFired;
    return number;
  }

  #extend(
    key: unknown,
    keyHash: number,
    { row, start, end }: { readonly row: number; readonly start: number; readonly end: number },
  ): void {
    const starts = this.#column(START);
    const ends = this.#column(END);
    const fired = this.#column(FIRED);
    if (start < (starts[row] as number)) {
      starts[row] = start;
      this.#bounds.markDirty(row);
    }
    if (end > (ends[row] as number)) {
      ends[row] = end;
      this.#bounds.markDirty(row);
      if (fired[row] === 1 && end - 1 > this.watermarkMs) {
        fired[row] = 0;
        this.#register(key, keyHash, end - 1);
      }
    }
    this.mustFire = fired[row] === 1;
  }

  /** A key with several sessions: those that the record touches become one, the one of the least number. */
  #placeAmong(
    key: unknown,
    keyHash: number,
    of: { readonly start: number; readonly end: number; readonly count: number },
  ): number {
    let { start, end } = of;
    const touching: Touching[] = [];
    for (let number = 0; number < of.count; number++) {
      const row = this.#bounds.find(key, keyHash, number);
      const from = this.#column(START)[row] as number;
      const to = this.#column(END)[row] as number;
      if (of.start > to || of.end < from) continue;
      touching.push({ number, start: from });
      start = Math.min(start, from);
      end = Math.max(end, to);
    }
    const into = touching[0];
    if (into === undefined) return this.#begin(key, keyHash, of);
    if (touching.length === 1) {
      const row = this.#bounds.find(key, keyHash, into.number);
      this.#extend(key, keyHash, { row, start: of.start, end: of.end });
      this.#settle(key, keyHash, of.count);
      return into.number;
    }
    const left = this.#merge(key, keyHash, touching, of.count);
    const row = this.#bounds.find(key, keyHash, into.number);
    const hasFired = end - 1 <= this.watermarkMs;
    this.#column(START)[row] = start;
    this.#column(END)[row] = end;
    this.#column(FIRED)[row] = hasFired ? 1 : 0;
    this.#bounds.markDirty(row);
    this.#settle(key, keyHash, left);
    this.#register(key, keyHash, hasFired ? end - 1 + this.#of.latenessMs : end - 1);
    this.mustFire = hasFired;
    return into.number;
  }

  /** Accumulators of all go to the first; the others' numbers go. Returns how many sessions are left. */
  #merge(key: unknown, keyHash: number, touching: readonly Touching[], count: number): number {
    const table = this.accumulators;
    const into = touching[0] as Touching;
    let isLoaded = false;
    for (const { number } of touching.toSorted((a, b) => a.start - b.start)) {
      const row = table.find(key, keyHash, number);
      if (row < 0) continue;
      if (isLoaded) this.#code.merge(row);
      else this.#code.load(row);
      isLoaded = true;
      table.remove(key, keyHash, number);
    }
    if (isLoaded) this.#storeAs(key, keyHash, into.number);
    let left = count;
    for (const { number } of touching.slice(1).toReversed()) this.#remove(key, keyHash, number, left--);
    return left;
  }

  /** Fires the session that a late record changed. */
  fireLate(key: unknown, keyHash: number, number: number): void {
    const row = this.#bounds.find(key, keyHash, number);
    this.#fire(key, keyHash, number, row);
  }

  /** A timer of a key fires at `nowMs`: its sessions that are over fire, the earliest first, and those that are kept no longer go. */
  onTimer(key: unknown, keyHash: number, nowMs: number): void {
    let count = this.#countOf(key, keyHash);
    for (const number of this.#dueNumbers(key, keyHash, { count, nowMs })) {
      const row = this.#bounds.find(key, keyHash, number);
      this.#column(FIRED)[row] = 1;
      this.#bounds.markDirty(row);
      this.#fire(key, keyHash, number, row);
    }
    for (let number = count - 1; number >= 0; number--) {
      const row = this.#bounds.find(key, keyHash, number);
      const last = (this.#column(END)[row] as number) - 1;
      if (last + this.#of.latenessMs <= nowMs) this.#remove(key, keyHash, number, count--);
      else this.#register(key, keyHash, this.#column(FIRED)[row] === 1 ? last + this.#of.latenessMs : last);
    }
    this.#settle(key, keyHash, count);
  }

  /** Numbers of the sessions that are due and have not fired, the one that ends first first. */
  #dueNumbers(
    key: unknown,
    keyHash: number,
    of: { readonly count: number; readonly nowMs: number },
  ): readonly number[] {
    const due: Due[] = [];
    for (let number = 0; number < of.count; number++) {
      const row = this.#bounds.find(key, keyHash, number);
      const end = this.#column(END)[row] as number;
      if (this.#column(FIRED)[row] === 0 && end - 1 <= of.nowMs) due.push({ number, end });
    }
    return due.sort((a, b) => a.end - b.end).map(({ number }) => number);
  }

  #fire(key: unknown, keyHash: number, number: number, boundsRow: number): void {
    const start = this.#column(START)[boundsRow] as number;
    const end = this.#column(END)[boundsRow] as number;
    const row = this.accumulators.find(key, keyHash, number);
    // A session of which every record failed has no accumulator.
    if (row < 0) return;
    let result: unknown;
    try {
      result = this.#code.rowResult(row, key, start, end);
    } catch (error) {
      this.#of.onError(error, key, start, end);
      return;
    }
    this.#of.fire(key, result, start, end);
  }

  /** Takes session `number` of `count` out; the last one takes its number. `#settle` has to follow. */
  #remove(key: unknown, keyHash: number, number: number, count: number): void {
    const last = count - 1;
    this.accumulators.remove(key, keyHash, number);
    if (last !== number) this.#move(key, keyHash, last, number);
    else this.#bounds.remove(key, keyHash, last);
  }

  /** Gives a session another number, which is free but for the bounds. */
  #move(key: unknown, keyHash: number, from: number, to: number): void {
    const source = this.#bounds.find(key, keyHash, from);
    const start = this.#column(START)[source] as number;
    const end = this.#column(END)[source] as number;
    const fired = this.#column(FIRED)[source] as number;
    const row = this.#bounds.upsert(key, keyHash, to);
    this.#column(START)[row] = start;
    this.#column(END)[row] = end;
    this.#column(FIRED)[row] = fired;
    this.#bounds.markDirty(row);
    const accumulator = this.accumulators.find(key, keyHash, from);
    if (accumulator >= 0) {
      this.#code.load(accumulator);
      this.#storeAs(key, keyHash, to);
      this.accumulators.remove(key, keyHash, from);
    }
    // Number 0 keeps its row, for what is only there.
    if (from !== 0) this.#bounds.remove(key, keyHash, from);
  }

  #storeAs(key: unknown, keyHash: number, number: number): void {
    const row = this.accumulators.upsert(key, keyHash, number);
    this.#code.store(row, true);
    this.accumulators.markDirty(row);
  }

  #countOf(key: unknown, keyHash: number): number {
    const row = this.#bounds.find(key, keyHash, 0);
    return row < 0 ? 0 : (this.#column(COUNT)[row] as number);
  }

  /** Writes what number 0 says of a key's `count` sessions, after any of them changed. */
  #settle(key: unknown, keyHash: number, count: number): void {
    let othersEnd = -Infinity;
    for (let number = 1; number < count; number++) {
      const row = this.#bounds.find(key, keyHash, number);
      othersEnd = Math.max(othersEnd, this.#column(END)[row] as number);
    }
    if (count > 0) this.#setHead(key, keyHash, count, othersEnd);
  }

  #setHead(key: unknown, keyHash: number, count: number, othersEnd: number): void {
    const row = this.#bounds.find(key, keyHash, 0);
    this.#column(COUNT)[row] = count;
    this.#column(OTHERS_END)[row] = othersEnd;
    this.#bounds.markDirty(row);
  }

  #register(key: unknown, keyHash: number, timestampMs: number): void {
    const { backend, domain } = this.#of;
    backend.setCurrentKey(key, keyHash);
    backend.timers.register(domain, timestampMs);
  }

  #column(index: number): Float64Array {
    return this.#bounds.columns[index] as Float64Array;
  }
}

/** A record whose session is gone. */
const LATE = -1;

/** A session that a record touches. */
interface Touching {
  readonly number: number;
  readonly start: number;
}

/** A session whose time has come. */
interface Due {
  readonly number: number;
  readonly end: number;
}
