// [HOT] Finds what is over without looking at everything: keys by the span of time in which their state ends. Rows of a table
// with a namespace a span, so that they leave memory, are in snapshots and follow their key groups like all others.
import type { RowCursor } from '../keyed-state-backend.ts';
import type { KeyedTable } from '../table/keyed-table.ts';
import type { StateTtl } from './state-ttl.ts';

/** Spans of time that a TTL is cut into: what is over is found so much of it late at most. */
const SPANS_PER_TTL = 16;

/** What a look at a key's state found. */
export interface ExpiryVisit {
  /** Stamp of the oldest that is left; NaN: nothing is. */
  oldestMs: number;
  removedCount: number;
  /** Items or entries that were looked at. */
  lookedCount: number;
}

/** Removes what is over of the state of one key, looking at about `budget` pieces; false: there is more to look at. */
export type VisitKey = (key: unknown, hash: number, budget: number, visit: ExpiryVisit) => boolean;

/**
 * Keys of one state with a TTL, by the time at which something of theirs may be over.
 * Contract: whoever makes something new for a key calls `register`; that a key's time begins anew need not be said: it is found
 * when its span is over, and put into another. A key may be in several spans. Bounds: one row a key and span, SPANS_PER_TTL + 2
 * spans with rows, and those by which writes in event time are ahead of the watermark. Threading: the task's thread.
 */
export class Expiry {
  expiredCount = 0;
  readonly #table: KeyedTable;
  readonly #ttl: StateTtl;
  readonly #visit: VisitKey;
  readonly #spanMs: number;
  /** Of the span that is being cleaned. */
  #cursor: RowCursor | undefined;
  #cursorSpan = NaN;
  /** Key whose state is looked at piece by piece. */
  #key: unknown = undefined;
  #hash = 0;
  #isAtKey = false;
  readonly #found: ExpiryVisit = { oldestMs: NaN, removedCount: 0, lookedCount: 0 };

  constructor(table: KeyedTable, ttl: StateTtl, visit: VisitKey) {
    this.#table = table;
    this.#ttl = ttl;
    this.#visit = visit;
    this.#spanMs = Math.max(1, Math.ceil(ttl.ttlMs / SPANS_PER_TTL));
  }

  register(key: unknown, hash: number, stampMs: number): void {
    const own = (Math.floor((stampMs + this.#ttl.ttlMs) / this.#spanMs) + 1) * this.#spanMs;
    // Nothing may be put where the cursor is; a late timer may write what is over already.
    const span = own <= this.#cursorSpan ? this.#cursorSpan + this.#spanMs : own;
    this.#table.markDirty(this.#table.upsert(key, hash, span));
  }

  /** When there is something to clean next, by the clock of the TTL; Infinity: nothing is kept. */
  get dueMs(): number {
    return this.#table.namespaces()[0] ?? Infinity;
  }

  get isWallClock(): boolean {
    return this.#ttl.isWallClock;
  }

  get isDue(): boolean {
    return this.dueMs <= this.#ttl.clock.nowMs();
  }

  /** Looks at `budget` keys, or pieces of their state, at most; returns how many are left of it. */
  clean(budget: number): number {
    let left = budget;
    while (left > 0 && this.isDue) {
      this.#open(this.dueMs);
      left = this.#cleanSpan(left);
    }
    return left;
  }

  #open(span: number): void {
    if (this.#cursor !== undefined && this.#cursorSpan === span) return;
    this.#cursor = this.#table.openCursor(span);
    this.#cursorSpan = span;
    this.#isAtKey = false;
  }

  #cleanSpan(budget: number): number {
    let left = budget;
    while (left > 0) {
      if (!this.#isAtKey && !this.#nextKey()) {
        this.#table.removeNamespace(this.#cursorSpan);
        this.#cursor = undefined;
        this.#cursorSpan = NaN;
        return left - 1;
      }
      left--;
      const found = this.#found;
      const isWhole = this.#visit(this.#key, this.#hash, left, found);
      this.expiredCount += found.removedCount;
      left -= found.lookedCount;
      found.removedCount = 0;
      found.lookedCount = 0;
      if (!isWhole) return 0;
      this.#isAtKey = false;
      if (!Number.isNaN(found.oldestMs)) this.register(this.#key, this.#hash, found.oldestMs);
      this.#key = undefined;
    }
    return Math.max(0, left);
  }

  #nextKey(): boolean {
    const row = this.#cursor?.next() ?? -1;
    if (row < 0) return false;
    this.#key = this.#table.keyOf(row);
    this.#hash = this.#table.keyHashOf(row);
    this.#isAtKey = true;
    this.#found.oldestMs = NaN;
    return true;
  }
}
