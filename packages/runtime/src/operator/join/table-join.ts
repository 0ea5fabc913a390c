// [HOT] The join of two tables that change: each change of a row becomes the changes of the join.
import type { TableJoinSpec } from '@millrace/api';
import { isNullKey } from '@millrace/common';
import type { KeyedStateBackend } from '@millrace/state';
import type { OperatorSetup } from '../operator-setup.ts';
import { isAccumulate, type Change } from './change.ts';
import { JoinFunction } from './join-function.ts';
import type { JoinLogic } from './join-logic.ts';
import { RowSet, type FoundRow } from './row-set.ts';

/** Timers of rows that expire stand at multiples of this part of the time to live, so that many rows share one. */
const TIMERS_PER_TTL = 8;

/** One of the two tables. */
interface Side {
  readonly isLeft: boolean;
  readonly rows: RowSet;
  /** Its rows are kept without a partner. */
  readonly isOuter: boolean;
}

type Kind = Change['kind'];

/**
 * The join of two changelogs.
 * Contract: the changes that come out make the table that the join of both tables is. A row is taken back with the values that it
 * was given with, so that `select` has to be deterministic. Bounds: state is both tables, less what its time to live has ended.
 * Source: Flink's StreamingJoinOperator and StreamingSemiAntiJoinOperator.
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
  #changes: Change[] = [];
  #timestampMs = NaN;

  constructor(setup: OperatorSetup, backend: KeyedStateBackend, spec: TableJoinSpec) {
    const { joinType } = spec;
    const { clock } = setup.environment;
    this.#setup = setup;
    this.#backend = backend;
    this.#fn = new JoinFunction(setup, spec);
    this.#once = joinType === 'semi' || joinType === 'anti' ? joinType : undefined;
    this.#left = {
      isLeft: true,
      isOuter: joinType === 'left' || joinType === 'full',
      rows: new RowSet(backend, {
        name: 'left',
        uniqueKey: spec.leftUniqueKey,
        ttlMs: spec.leftTtlMs,
        clock,
      }),
    };
    this.#right = {
      isLeft: false,
      isOuter: joinType === 'right' || joinType === 'full',
      rows: new RowSet(backend, {
        name: 'right',
        uniqueKey: spec.rightUniqueKey,
        ttlMs: spec.rightTtlMs,
        clock,
      }),
    };
  }

  onLeft(key: unknown, _keyHash: number, record: unknown, timestampMs: number): void {
    this.#timestampMs = timestampMs;
    if (isNullKey(key)) return this.#onNullKey(this.#left, record as Change);
    if (this.#once === undefined) this.#onChange(this.#left, this.#right, record as Change);
    else this.#onLeftOnce(record as Change, this.#once);
    this.#finish(this.#left);
  }

  onRight(key: unknown, _keyHash: number, record: unknown, timestampMs: number): void {
    this.#timestampMs = timestampMs;
    if (isNullKey(key)) return this.#onNullKey(this.#right, record as Change);
    if (this.#once === undefined) this.#onChange(this.#right, this.#left, record as Change);
    else this.#onRightOnce(record as Change, this.#once);
    this.#finish(this.#right);
  }

  onTimer(): void {
    for (const { rows } of [this.#left, this.#right]) {
      if (rows.ttlMs > 0) this.#schedule(rows.ttlMs, rows.dropExpired());
    }
  }

  /** A row that has no partner and never will: it goes out alone, and nothing is kept of it. */
  #onNullKey(side: Side, change: Change): void {
    if (this.#once === undefined && side.isOuter)
      this.#addAlone(isAccumulate(change) ? 'insert' : 'delete', side, change.row);
    else if (this.#once === 'anti' && side.isLeft) this.#addAlone(change.kind, side, change.row);
    this.#emit();
  }

  #finish({ rows }: Side): void {
    if (rows.ttlMs > 0) this.#schedule(rows.ttlMs, this.#setup.environment.clock.nowMs() + rows.ttlMs);
    this.#emit();
  }

  #emit(): void {
    const changes = this.#changes;
    if (changes.length === 0) return;
    this.#changes = [];
    this.#fn.emitResults(changes, this.#timestampMs);
  }

  #schedule(ttlMs: number, dueMs: number): void {
    if (dueMs === Infinity) return;
    const stepMs = Math.max(1, Math.floor(ttlMs / TIMERS_PER_TTL));
    this.#backend.timers.register('processing', Math.ceil(dueMs / stepMs) * stepMs);
  }

  #onChange(from: Side, to: Side, change: Change): void {
    const { row } = change;
    const matches = this.#matches(from, to, row);
    if (isAccumulate(change)) this.#accumulate(from, to, change, matches);
    else this.#retract(from, to, change, matches);
  }

  #accumulate(from: Side, to: Side, { kind, row }: Change, matches: readonly FoundRow[]): void {
    const count = countOf(matches);
    from.rows.add(row, from.isOuter ? count : 0);
    if (count === 0) {
      if (from.isOuter) this.#addAlone('insert', from, row);
      return;
    }
    if (to.isOuter) {
      for (const match of matches) {
        // What stood alone is taken back.
        if (match.kept.associations === 0) this.#repeatAlone('delete', to, match);
        to.rows.setAssociations(match, match.kept.associations + 1);
      }
    }
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
    if (!to.isOuter) return;
    for (const match of matches) {
      if (match.kept.associations === 1) this.#repeatAlone('insert', to, match);
      to.rows.setAssociations(match, match.kept.associations - 1);
    }
  }

  #onLeftOnce(change: Change, once: 'semi' | 'anti'): void {
    const { row, kind } = change;
    const count = countOf(this.#matches(this.#left, this.#right, row));
    if (isAccumulate(change)) this.#left.rows.add(row, count);
    else this.#left.rows.retract(row);
    if (count > 0 === (once === 'semi')) this.#addAlone(kind, this.#left, row);
  }

  #onRightOnce(change: Change, once: 'semi' | 'anti'): void {
    const { row, kind } = change;
    const matches = this.#matches(this.#right, this.#left, row);
    const isAdded = isAccumulate(change);
    if (isAdded) this.#right.rows.add(row, 0);
    else this.#right.rows.retract(row);
    for (const match of matches) {
      const { associations } = match.kept;
      if (associations === (isAdded ? 0 : 1)) {
        const kindOfAnti = isAdded ? 'delete' : 'insert';
        this.#repeatAlone(once === 'semi' ? kind : kindOfAnti, this.#left, match);
      }
      this.#left.rows.setAssociations(match, associations + (isAdded ? 1 : -1));
    }
  }

  #matches(from: Side, to: Side, row: unknown): readonly FoundRow[] {
    const found = to.rows.found();
    if (!this.#fn.hasCondition) return found;
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
    const row = this.#fn.result(left, right, this.#timestampMs);
    if (!this.#fn.wasLeftOut) this.#changes.push({ kind, row });
  }
}

function countOf(matches: readonly FoundRow[]): number {
  let count = 0;
  for (const { kept } of matches) count += kept.count;
  return count;
}
