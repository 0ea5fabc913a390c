// [HOT] Each record with its table row as it is at that moment; the table is kept up to date by the second input.
import type { LatestJoinSpec } from '@millrace/api';
import { hashKey, isNullKey } from '@millrace/common';
import type { KeyedStateBackend, RowTable } from '@millrace/state';
import { cutLoose } from '../aggregate/cut-loose.ts';
import type { OperatorSetup } from '../operator-setup.ts';
import { isAccumulate, type Change } from './change.ts';
import { JoinFunction } from './join-function.ts';
import type { JoinLogic } from './join-logic.ts';

const ROW = 0;
/** When the row was written or read last, by the clock, ms; kept only where rows are forgotten. */
const USED_MS = 1;
/** Time of the row's timer. */
const TIMER_MS = 2;

/**
 * The join with a table as it is.
 * Contract: there is no order between the inputs: what a record meets depends on what has come before it. Bounds: a row a key; with
 * a TTL, of keys that were used within it.
 * Source: Flink's TemporalProcessTimeJoinOperator; Kafka Streams' KStream–KTable join.
 */
export class LatestJoin implements JoinLogic {
  readonly watermarkDelayMs = 0;
  readonly firesClockAtEnd = false;
  readonly #setup: OperatorSetup;
  readonly #backend: KeyedStateBackend;
  readonly #table: RowTable;
  readonly #fn: JoinFunction;
  readonly #spec: LatestJoinSpec;

  constructor(setup: OperatorSetup, backend: KeyedStateBackend, spec: LatestJoinSpec) {
    this.#setup = setup;
    this.#backend = backend;
    this.#spec = spec;
    this.#fn = new JoinFunction(setup, spec);
    this.#table = backend.table({ name: 'right', columns: ['value', 'f64', 'f64'], hasNamespaces: false });
  }

  onLeft(key: unknown, keyHash: number, record: unknown, timestampMs: number): void {
    const found = this.#rowOf(key, keyHash);
    const row = found !== undefined && this.#fn.isMatch(record, found, timestampMs) ? found : undefined;
    if (row === undefined && this.#spec.joinType === 'inner') return;
    this.#fn.emit(record, row, timestampMs);
  }

  onRight(key: unknown, keyHash: number, record: unknown): void {
    if (isNullKey(key)) return;
    if (this.#spec.isChangelog && !isAccumulate(record as Change)) {
      this.#remove(key, keyHash);
      return;
    }
    const tableRow = this.#spec.isChangelog ? (record as Change).row : record;
    const at = this.#table.upsert(key, keyHash, 0);
    const isNew = this.#table.wasAbsent;
    (this.#table.columns[ROW] as unknown[])[at] = cutLoose(tableRow);
    this.#table.markDirty(at);
    if (this.#spec.stateTtlMs > 0) this.#use(at, isNew);
  }

  onTimer(key: unknown): void {
    const keyHash = hashKey(key);
    const at = this.#table.find(key, keyHash, 0);
    if (at < 0) return;
    const dueMs = this.#expiryOf(at);
    if (dueMs <= this.#nowMs()) this.#table.remove(key, keyHash, 0);
    else this.#schedule(at, dueMs);
  }

  /** The timer goes with its row: the next row of the key has its own. */
  #remove(key: unknown, keyHash: number): void {
    if (this.#spec.stateTtlMs > 0) {
      const at = this.#table.find(key, keyHash, 0);
      if (at < 0) return;
      const timerMs = (this.#table.columns[TIMER_MS] as Float64Array)[at] as number;
      this.#backend.timers.unregister('processing', timerMs);
    }
    this.#table.remove(key, keyHash, 0);
  }

  #rowOf(key: unknown, keyHash: number): unknown {
    const at = this.#table.find(key, keyHash, 0);
    if (at < 0) return undefined;
    const found = (this.#table.columns[ROW] as unknown[])[at];
    if (this.#spec.stateTtlMs === 0) return found;
    if (this.#expiryOf(at) <= this.#nowMs()) return undefined;
    this.#use(at, false);
    return found;
  }

  /** Writes down that the row was used. Its timer, one a key, comes too early then, and looks again. */
  #use(at: number, isNew: boolean): void {
    const nowMs = this.#nowMs();
    (this.#table.columns[USED_MS] as Float64Array)[at] = nowMs;
    this.#table.markDirty(at);
    if (isNew) this.#schedule(at, nowMs + this.#spec.stateTtlMs);
  }

  #schedule(at: number, dueMs: number): void {
    (this.#table.columns[TIMER_MS] as Float64Array)[at] = dueMs;
    this.#table.markDirty(at);
    this.#backend.timers.register('processing', dueMs);
  }

  #expiryOf(at: number): number {
    return ((this.#table.columns[USED_MS] as Float64Array)[at] as number) + this.#spec.stateTtlMs;
  }

  #nowMs(): number {
    return this.#setup.environment.clock.nowMs();
  }
}
