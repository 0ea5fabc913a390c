// [HOT] The join of two tables that change: each change of a row becomes the changes of the join.
import type { TableJoinSpec } from '@millrace/api';
import { isNullKey } from '@millrace/common';
import type { KeyedStateBackend } from '@millrace/state';
import type { OperatorSetup } from '../operator-setup.ts';
import { isAccumulate, type Change } from './change.ts';
import { EarlierRows } from './earlier-rows.ts';
import { JoinFunction } from './join-function.ts';
import type { JoinLogic } from './join-logic.ts';
import { JoinedChanges } from './joined-changes.ts';
import { openPackedTable, PackedSide } from './packed-side.ts';
import { identityOf } from './row-identity.ts';
import { openRowTable, RowSet, type FoundRow } from './row-set.ts';

/** Timers of rows that expire stand at multiples of this part of the time to live, so that many rows share one. */
const TIMERS_PER_TTL = 8;

/** One of the two tables. */
interface Side {
  readonly isLeft: boolean;
  readonly rows: RowSet;
  /** Its rows are kept without a partner. */
  readonly isOuter: boolean;
  /** Its rows wait for the one row that they can meet, and go when they have met it. */
  readonly isWaiting: boolean;
  /** Its updates come without the row as it was: the one of the same unique key. */
  readonly isUpsert: boolean;
}

type Kind = Change['kind'];

/** Rows of the other side that a row and the one before it match. */
interface Partners {
  readonly before: readonly FoundRow[];
  readonly matches: readonly FoundRow[];
  /** Those that only the one before matched, and only the new one. */
  readonly gone: readonly FoundRow[];
  readonly come: readonly FoundRow[];
}

/**
 * The join of two changelogs.
 * Contract: the changes that come out make the table that the join of both tables is. A row is taken back with the values that it
 * was given with, so that `select` has to be deterministic. Bounds: state is both tables, less what its time to live has ended.
 * Source: Flink's StreamingJoinOperator and StreamingSemiAntiJoinOperator; other than there, an update of an upsert input counts
 * as no second partner, and what the row as it was had matched alone is taken back.
 */
export class TableJoin implements JoinLogic {
  readonly watermarkDelayMs = 0;
  readonly firesClockAtEnd = false;
  readonly #backend: KeyedStateBackend;
  readonly #setup: OperatorSetup;
  readonly #fn: JoinFunction;
  readonly #left: Side;
  readonly #right: Side;
  /** A semi or anti join: what it emits when a left row has a partner, or has none. */
  readonly #once: 'semi' | 'anti' | undefined;
  readonly #changes: JoinedChanges;
  readonly #earlier: EarlierRows;
  #timestampMs = NaN;

  constructor(setup: OperatorSetup, backend: KeyedStateBackend, spec: TableJoinSpec) {
    const { joinType } = spec;
    const { clock } = setup.environment;
    const table = openRowTable(backend);
    this.#setup = setup;
    this.#backend = backend;
    this.#fn = new JoinFunction(setup, spec);
    this.#changes = new JoinedChanges(this.#fn);
    this.#once = joinType === 'semi' || joinType === 'anti' ? joinType : undefined;
    const isAppendOnly =
      joinType === 'inner' &&
      spec.isLeftAppendOnly &&
      spec.isRightAppendOnly &&
      spec.leftTtlMs + spec.rightTtlMs === 0;
    this.#left = {
      isLeft: true,
      isOuter: joinType === 'left' || joinType === 'full',
      isWaiting: isAppendOnly && spec.isRightKeyUnique,
      isUpsert: spec.leftIsUpsert,
      rows: new RowSet(backend, {
        table,
        side: 'left',
        identity: identityOf(spec, 'left'),
        ttlMs: spec.leftTtlMs,
        clock,
      }),
    };
    this.#right = {
      isLeft: false,
      isOuter: joinType === 'right' || joinType === 'full',
      isWaiting: isAppendOnly && spec.isLeftKeyUnique,
      isUpsert: spec.rightIsUpsert,
      rows: new RowSet(backend, {
        table,
        side: 'right',
        identity: identityOf(spec, 'right'),
        ttlMs: spec.rightTtlMs,
        clock,
      }),
    };
    this.#earlier = this.#openEarlier();
  }

  onLeft(key: unknown, _keyHash: number, record: unknown, timestampMs: number): void {
    this.#timestampMs = timestampMs;
    if (isNullKey(key)) return this.#onNullKey(this.#left, record as Change);
    this.#moveEarlier();
    const change = knownChange(this.#left, record as Change);
    if (this.#once === undefined) this.#onChange(this.#left, this.#right, change);
    else this.#onLeftOnce(change, this.#once);
    this.#finish(this.#left);
  }

  onRight(key: unknown, _keyHash: number, record: unknown, timestampMs: number): void {
    this.#timestampMs = timestampMs;
    if (isNullKey(key)) return this.#onNullKey(this.#right, record as Change);
    this.#moveEarlier();
    const change = knownChange(this.#right, record as Change);
    if (this.#once === undefined) this.#onChange(this.#right, this.#left, change);
    else this.#onRightOnce(change, this.#once);
    this.#finish(this.#right);
  }

  onTimer(): void {
    for (const { rows } of [this.#left, this.#right]) {
      if (rows.ttlMs > 0) this.#schedule(rows.ttlMs, rows.dropExpired());
    }
  }

  /** The program joined both tables for good, without rows that stand alone, when the state was saved. */
  #openEarlier(): EarlierRows {
    const table = openPackedTable(this.#backend);
    const from = (side: 'left' | 'right') => new PackedSide(this.#backend, { table, side, isOnlyRow: false });
    return new EarlierRows(this.#backend, table, [
      { from: from('left'), to: this.#left.rows },
      { from: from('right'), to: this.#right.rows },
    ]);
  }

  #moveEarlier(): void {
    if (!this.#earlier.moveCurrent()) return;
    const nowMs = this.#setup.environment.clock.nowMs();
    for (const { rows } of [this.#left, this.#right])
      if (rows.ttlMs > 0) this.#schedule(rows.ttlMs, nowMs + rows.ttlMs);
  }

  /** A row that has no partner and never will: it goes out alone, and nothing is kept of it. */
  #onNullKey(side: Side, change: Change): void {
    if (this.#once === undefined && side.isOuter)
      this.#addAlone(isAccumulate(change) ? 'insert' : 'delete', side, change.row);
    else if (this.#once === 'anti' && side.isLeft) this.#addAlone(change.kind, side, change.row);
    this.#changes.flush(this.#timestampMs);
  }

  #finish({ rows }: Side): void {
    if (rows.ttlMs > 0) this.#schedule(rows.ttlMs, this.#setup.environment.clock.nowMs() + rows.ttlMs);
    this.#changes.flush(this.#timestampMs);
  }

  #schedule(ttlMs: number, dueMs: number): void {
    if (dueMs === Infinity) return;
    const stepMs = Math.max(1, Math.floor(ttlMs / TIMERS_PER_TTL));
    this.#backend.timers.register('processing', Math.ceil(dueMs / stepMs) * stepMs);
  }

  #onChange(from: Side, to: Side, change: Change): void {
    const { row } = change;
    if (!from.isOuter && !to.isOuter && !from.isUpsert) return this.#onInner(from, to, change);
    const before = from.isUpsert && isAccumulate(change) ? from.rows.replacedBy(row) : undefined;
    if (before !== undefined) return this.#replace(from, to, change, before.row);
    const matches = this.#matches(from, to, row);
    if (isAccumulate(change)) this.#accumulate(from, to, change, matches);
    else this.#retract(from, to, change, matches);
  }

  /** Nobody counts partners, and a row comes or goes by itself. */
  #onInner(from: Side, to: Side, change: Change): void {
    const { row, kind } = change;
    const known = to.rows.look();
    const matches = known < 0 ? this.#matches(from, to, row) : undefined;
    if (!isAccumulate(change)) from.rows.retract(row);
    else if (!from.isWaiting || known === 0) from.rows.add(row, 0);
    if (to.isWaiting) to.rows.clear();
    if (matches !== undefined) for (const match of matches) this.#addPairs(kind, from, row, match);
    if (known !== 1) return;
    const other = to.rows.onlyRow;
    const left = from.isLeft ? row : other;
    const right = from.isLeft ? other : row;
    if (this.#fn.isMatch(left, right, this.#timestampMs)) this.#add(kind, left, right);
  }

  #accumulate(from: Side, to: Side, { kind, row }: Change, matches: readonly FoundRow[]): void {
    const count = countOf(matches);
    from.rows.add(row, from.isOuter ? count : 0);
    if (count === 0) {
      if (from.isOuter) this.#addAlone('insert', from, row);
      return;
    }
    for (const match of matches) this.#meet(to, match);
    const isOuter = from.isOuter || to.isOuter;
    for (const match of matches) this.#addPairs(isOuter ? 'insert' : kind, from, row, match);
  }

  #retract(from: Side, to: Side, { kind, row }: Change, matches: readonly FoundRow[]): void {
    from.rows.retract(row);
    if (matches.length === 0) {
      if (from.isOuter) this.#addAlone('delete', from, row);
      return;
    }
    for (const match of matches) this.#addPairs(from.isOuter ? 'delete' : kind, from, row, match);
    for (const match of matches) this.#part(to, match);
  }

  /** A row takes the place of `old`: only what one of them matches and the other does not has another partner, or one less. */
  #replace(from: Side, to: Side, { kind, row }: Change, old: unknown): void {
    const { before, matches, gone, come } = this.#partners(from, to, row, old);
    const count = countOf(matches);
    from.rows.add(row, from.isOuter ? count : 0);
    for (const match of gone) {
      this.#addPairs('delete', from, old, match);
      this.#part(to, match);
    }
    if (count === 0) {
      if (from.isOuter) this.#addAlone('insert', from, row);
      return;
    }
    if (from.isOuter && before.length === 0) this.#addAlone('delete', from, old);
    for (const match of come) this.#meet(to, match);
    const isOuter = from.isOuter || to.isOuter;
    for (const match of matches) this.#addPairs(isOuter ? 'insert' : kind, from, row, match);
  }

  #partners(from: Side, to: Side, row: unknown, old: unknown): Partners {
    const found = to.rows.found();
    if (!this.#fn.hasCondition) return { before: found, matches: found, gone: [], come: [] };
    const before = new Set(this.#matching(from, old, found));
    const matches = new Set(this.#matching(from, row, found));
    return {
      before: [...before],
      matches: [...matches],
      gone: [...before].filter((match) => !matches.has(match)),
      come: [...matches].filter((match) => !before.has(match)),
    };
  }

  /** A row gets a partner: if it stood alone, that is taken back. */
  #meet(side: Side, match: FoundRow): void {
    if (!side.isOuter) return;
    const { associations } = match.kept;
    if (associations === 0) this.#repeatAlone('delete', side, match);
    side.rows.setAssociations(match, associations + 1);
  }

  #part(side: Side, match: FoundRow): void {
    if (!side.isOuter) return;
    const { associations } = match.kept;
    if (associations === 1) this.#repeatAlone('insert', side, match);
    side.rows.setAssociations(match, associations - 1);
  }

  #onLeftOnce(change: Change, once: 'semi' | 'anti'): void {
    const { row, kind } = change;
    const isAdded = isAccumulate(change);
    const old = this.#left.isUpsert && isAdded ? this.#left.rows.replacedBy(row) : undefined;
    const count = countOf(this.#matches(this.#left, this.#right, row));
    if (isAdded) this.#left.rows.add(row, count);
    else this.#left.rows.retract(row);
    if (count > 0 === (once === 'semi')) this.#addAlone(kind, this.#left, row);
    else if (old !== undefined && old.associations > 0 === (once === 'semi'))
      this.#addAlone('delete', this.#left, old.row);
  }

  #onRightOnce(change: Change, once: 'semi' | 'anti'): void {
    const { row, kind } = change;
    const isAdded = isAccumulate(change);
    const old = this.#right.isUpsert && isAdded ? this.#right.rows.replacedBy(row) : undefined;
    if (isAdded) this.#right.rows.add(row, 0);
    else this.#right.rows.retract(row);
    if (old === undefined) {
      const by = isAdded ? 1 : -1;
      for (const match of this.#matches(this.#right, this.#left, row)) this.#countOnce(match, by, kind, once);
      return;
    }
    const { gone, come } = this.#partners(this.#right, this.#left, row, old.row);
    for (const match of gone) this.#countOnce(match, -1, 'delete', once);
    for (const match of come) this.#countOnce(match, 1, kind, once);
  }

  /** A left row of a semi or anti join has a partner more, or less. */
  #countOnce(match: FoundRow, by: 1 | -1, kind: Kind, once: 'semi' | 'anti'): void {
    const { associations } = match.kept;
    if (associations === (by === 1 ? 0 : 1)) {
      const kindOfAnti = by === 1 ? 'delete' : 'insert';
      this.#repeatAlone(once === 'semi' ? kind : kindOfAnti, this.#left, match);
    }
    this.#left.rows.setAssociations(match, associations + by);
  }

  #matches(from: Side, to: Side, row: unknown): readonly FoundRow[] {
    const found = to.rows.found();
    return this.#fn.hasCondition ? this.#matching(from, row, found) : found;
  }

  #matching(from: Side, row: unknown, found: readonly FoundRow[]): readonly FoundRow[] {
    return found.filter(({ kept }) =>
      from.isLeft
        ? this.#fn.isMatch(row, kept.row, this.#timestampMs)
        : this.#fn.isMatch(kept.row, row, this.#timestampMs),
    );
  }

  /** As many changes as there are equal rows. */
  #addPairs(kind: Kind, from: Side, row: unknown, { kept }: FoundRow): void {
    const left = from.isLeft ? row : kept.row;
    const right = from.isLeft ? kept.row : row;
    for (let copy = 0; copy < kept.count; copy++) this.#add(kind, left, right);
  }

  #repeatAlone(kind: Kind, side: Side, { kept }: FoundRow): void {
    for (let copy = 0; copy < kept.count; copy++) this.#addAlone(kind, side, kept.row);
  }

  #addAlone(kind: Kind, side: Side, row: unknown): void {
    if (side.isLeft) this.#add(kind, row, undefined);
    else this.#add(kind, undefined, row);
  }

  #add(kind: Kind, left: unknown, right: unknown): void {
    this.#changes.add(kind, left, right, this.#timestampMs);
  }
}

/** What an upsert input deletes is the row that is known: the change may have its key only. */
function knownChange({ isUpsert, rows }: Side, change: Change): Change {
  if (!isUpsert || isAccumulate(change)) return change;
  const known = rows.replacedBy(change.row);
  return known === undefined ? change : { kind: change.kind, row: known.row };
}

function countOf(matches: readonly FoundRow[]): number {
  let count = 0;
  for (const { kept } of matches) count += kept.count;
  return count;
}
