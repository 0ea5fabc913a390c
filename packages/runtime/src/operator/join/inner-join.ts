// [HOT] The inner join of two tables that only grow, whose rows need not be compared. They are packed.
import type { TableJoinSpec } from '@millrace/api';
import { isNullKey } from '@millrace/common';
import type { KeyedStateBackend, RowTable } from '@millrace/state';
import type { RowInput } from '../changelog/row-operator.ts';
import type { OperatorSetup } from '../operator-setup.ts';
import { EarlierRows } from './earlier-rows.ts';
import { JoinFunction } from './join-function.ts';
import { JoinedChanges } from './joined-changes.ts';
import { MEETS_NOBODY, openPackedTable, PackedSide } from './packed-side.ts';
import { decidingSide, identityOf } from './row-identity.ts';
import { openRowTable, RowSet } from './row-set.ts';

/** One of the two tables. */
interface Side {
  readonly isLeft: boolean;
  readonly rows: PackedSide;
  /** Its rows wait for the one row that they can meet, and go when they have met it. */
  readonly isWaiting: boolean;
  /** The condition reads rows of this side alone: one that it refuses meets nobody. */
  readonly decides: boolean;
}

const NOT_LOOKED_AT = -2;
const NONE: readonly unknown[] = [];

/** Contract and source: see {@link TableJoin}. Bounds: state is both tables. */
export class InnerJoin {
  readonly #table: RowTable;
  readonly #backend: KeyedStateBackend;
  readonly #fn: JoinFunction;
  readonly #changes: JoinedChanges;
  readonly #left: Side;
  readonly #right: Side;
  readonly #earlier: EarlierRows;
  /** Where the key of the row that was admitted last is in the table; NOT_LOOKED_AT: none was. */
  #found = NOT_LOOKED_AT;

  constructor(setup: OperatorSetup, backend: KeyedStateBackend, spec: TableJoinSpec) {
    this.#backend = backend;
    this.#fn = new JoinFunction(setup, spec);
    this.#changes = new JoinedChanges(this.#fn);
    const table = openPackedTable(backend);
    this.#table = table;
    const rowsOf = (side: 'left' | 'right') =>
      new PackedSide(backend, { table, side, isOnlyRow: identityOf(spec, side) === 'join key' });
    this.#left = {
      isLeft: true,
      rows: rowsOf('left'),
      isWaiting: spec.isRightKeyUnique,
      decides: decidingSide(spec) === 'left',
    };
    this.#right = {
      isLeft: false,
      rows: rowsOf('right'),
      isWaiting: spec.isLeftKeyUnique,
      decides: decidingSide(spec) === 'right',
    };
    this.#earlier = this.#openEarlier(setup, spec);
  }

  /** A first look at rows of a side by what the condition reads of them is worth it. */
  isAdmitted(side: 'left' | 'right'): boolean {
    const { isWaiting, decides } = side === 'left' ? this.#left : this.#right;
    return this.#fn.hasCondition && (isWaiting || decides);
  }

  /**
   * A first look at a row, of which `part` has what the condition reads. False: it meets nobody, and nothing more is to be done.
   * Contract: right before the call with the row itself, which is left out where it is false; the backend has the key.
   */
  admitsLeft(key: unknown, part: unknown): boolean {
    return this.#admits(this.#left, this.#right, key, part);
  }

  admitsRight(key: unknown, part: unknown): boolean {
    return this.#admits(this.#right, this.#left, key, part);
  }

  onLeft(input: RowInput): void {
    this.#onInput(this.#left, this.#right, input);
  }

  onRight(input: RowInput): void {
    this.#onInput(this.#right, this.#left, input);
  }

  // oxlint-disable-next-line max-params -- for each row
  #admits(from: Side, to: Side, key: unknown, part: unknown): boolean {
    const at = this.#find(key);
    if (at === NOT_LOOKED_AT) return false;
    if (from.decides && !this.#mayMatch(from, part, undefined)) {
      this.#keepUseless(from, to, at);
      return false;
    }
    if (from.isWaiting) {
      const count = to.rows.countAt(at);
      if (count === MEETS_NOBODY) return false;
      if (count === 1 && !this.#mayMatch(from, part, to.rows.rowAt(at))) return false;
    }
    this.#found = at;
    return true;
  }

  /** Where the table has the current key, which is not to be looked for where it is null. */
  #find(key: unknown): number {
    if (typeof key !== 'number' && isNullKey(key)) return NOT_LOOKED_AT;
    this.#earlier.moveCurrent();
    return this.#table.find(key, this.#backend.currentKeyHash, 0);
  }

  #onInput(from: Side, to: Side, input: RowInput): void {
    const at = this.#found === NOT_LOOKED_AT ? this.#find(input.key) : this.#found;
    this.#found = NOT_LOOKED_AT;
    if (at === NOT_LOOKED_AT) return;
    if (from.decides && !this.#mayMatch(from, input.row, undefined)) this.#keepUseless(from, to, at);
    else this.#onRow(from, to, input, at);
    this.#changes.flush(input.timestampMs);
  }

  // oxlint-disable-next-line max-params -- for each row
  #onRow(from: Side, to: Side, input: RowInput, at: number): void {
    const count = to.rows.countAt(at);
    if (count === 1) {
      const other = to.rows.rowAt(at);
      this.#keep(from, to, input, at);
      this.#pair(from, input, other);
      return;
    }
    const others = count === 0 ? NONE : to.rows.rowsAt(at);
    this.#keep(from, to, input, at);
    for (const other of others) this.#pair(from, input, other);
  }

  /** A row that waits is kept where nobody is there yet; those that waited for this one go. */
  // oxlint-disable-next-line max-params -- for each row
  #keep(from: Side, to: Side, { row, batch, at: batchRow }: RowInput, at: number): void {
    const isAlone = to.rows.isEmptyAt(at);
    if (!from.isWaiting || isAlone) from.rows.add(at, row, batch, batchRow);
    if (to.isWaiting && !isAlone) to.rows.clear(at);
  }

  /** A row that meets nobody. */
  #keepUseless(from: Side, to: Side, at: number): void {
    const isAlone = to.rows.isEmptyAt(at);
    const place = from.rows.addUseless(at);
    if (to.isWaiting && !isAlone) to.rows.clear(place);
  }

  #pair(from: Side, { kind, row, timestampMs }: RowInput, other: unknown): void {
    if (this.#isMatch(from, row, other, timestampMs)) this.#add(kind, from, row, other, timestampMs);
  }

  // oxlint-disable-next-line max-params -- for each pair
  #isMatch({ isLeft }: Side, row: unknown, other: unknown, timestampMs: number): boolean {
    return isLeft ? this.#fn.isMatch(row, other, timestampMs) : this.#fn.isMatch(other, row, timestampMs);
  }

  #mayMatch({ isLeft }: Side, row: unknown, other: unknown): boolean {
    return isLeft ? this.#fn.mayMatch(row, other) : this.#fn.mayMatch(other, row);
  }

  // oxlint-disable-next-line max-params -- for each pair
  #add(kind: RowInput['kind'], { isLeft }: Side, row: unknown, other: unknown, timestampMs: number): void {
    if (isLeft) this.#changes.add(kind, row, other, timestampMs);
    else this.#changes.add(kind, other, row, timestampMs);
  }

  /** Rows were kept as values. */
  #openEarlier(setup: OperatorSetup, spec: TableJoinSpec): EarlierRows {
    const { clock } = setup.environment;
    const table = openRowTable(this.#backend);
    const from = (side: 'left' | 'right') =>
      new RowSet(this.#backend, { table, side, identity: identityOf(spec, side), ttlMs: 0, clock });
    return new EarlierRows(this.#backend, table, [
      { from: from('left'), to: this.#left.rows },
      { from: from('right'), to: this.#right.rows },
    ]);
  }
}
