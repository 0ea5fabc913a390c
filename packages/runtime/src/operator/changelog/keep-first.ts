// The first record of each key, once: by arrival at once, by event time when the watermark has passed it.
import { hashKey } from '@millrace/common';
import type { DeduplicateOperator } from '@millrace/api';
import type { KeyedStateBackend } from '@millrace/state';
import { cutLoose } from '../aggregate/cut-loose.ts';
import type { OperatorSetup } from '../operator-setup.ts';
import { KeyStates } from './key-states.ts';
import { MiniBatch, type EmitChanged } from './mini-batch.ts';
import { LATE, RowOutput, type RowFunction, type RowInput } from './row-operator.ts';

/**
 * [HOT] Emits the first record of a key that comes, and keeps that there was one: for ever, for a time to live, or until the
 * watermark is `withinMs` behind its event time. What comes that far behind the watermark is late, because nobody
 * knows any more. Source: Flink's ProcTimeDeduplicateKeepFirstRowFunction, Spark's dropDuplicatesWithinWatermark.
 */
export class FirstByArrival implements RowFunction {
  readonly #setup: OperatorSetup;
  readonly #backend: KeyedStateBackend;
  readonly #spec: DeduplicateOperator;
  readonly #states: KeyStates;
  readonly #output: RowOutput;
  readonly #batch: MiniBatch | undefined;
  #watermarkMs: number;

  constructor(setup: OperatorSetup, backend: KeyedStateBackend, spec: DeduplicateOperator) {
    this.#setup = setup;
    this.#backend = backend;
    this.#spec = spec;
    this.#output = new RowOutput(setup);
    this.#watermarkMs = setup.environment.restoredWatermarkMs;
    this.#states = new KeyStates({
      backend,
      clock: setup.environment.clock,
      name: 'seen',
      columns: spec.miniBatch === undefined ? ['f64'] : ['f64', 'value'],
      ttlMs: spec.stateTtlMs,
    });
    this.#batch =
      spec.miniBatch === undefined
        ? undefined
        : new MiniBatch(setup, backend, { spec: spec.miniBatch, emit: this.#emitFirst });
  }

  onRow(input: RowInput): void {
    const { key, hash } = input;
    const { withinMs } = this.#spec;
    if (withinMs !== Infinity && !(input.timestampMs + withinMs > this.#watermarkMs)) {
      this.#setup.tally.countLate(1, input.row, input.at, LATE);
      return;
    }
    const states = this.#states;
    const found = states.find(key, hash);
    const isKnown = found >= 0;
    const at = isKnown ? found : this.#remember(input);
    if (this.#batch !== undefined) this.#batch.note(input, undefined, at, !isKnown);
    else if (!isKnown) this.#emit(input.row, input.timestampMs);
  }

  /** Returns its row. */
  #remember(input: RowInput): number {
    const { key, hash } = input;
    const { table } = this.#states;
    const row = this.#states.write(key, hash);
    (table.columns[0] as Float64Array)[row] = 1;
    if (this.#batch !== undefined) (table.columns[1] as unknown[])[row] = cutLoose(input.row);
    if (this.#spec.withinMs === Infinity) return row;
    this.#backend.setCurrentKey(key, hash);
    this.#backend.timers.register('event', input.timestampMs + this.#spec.withinMs);
    return row;
  }

  readonly #emitFirst: EmitChanged = ({ key, hash, timestampMs, at }) => {
    const row = this.#states.find(key, hash, at);
    if (row < 0) return;
    const rows = this.#states.table.columns[1] as unknown[];
    const first = rows[row];
    rows[row] = undefined;
    this.#states.table.markDirty(row);
    this.#emit(first, timestampMs);
  };

  #emit(row: unknown, timestampMs: number): void {
    if (this.#spec.output === 'append') this.#output.row(row, timestampMs);
    else this.#output.change('insert', row, timestampMs);
  }

  advanceWatermark(watermarkMs: number): boolean {
    if (this.#batch !== undefined && !this.#batch.flush()) return false;
    this.#watermarkMs = watermarkMs;
    if (this.#spec.withinMs === Infinity) return true;
    const { timers } = this.#backend;
    while (timers.pollDue('event', watermarkMs) !== undefined) {
      const key = this.#backend.currentKey;
      this.#states.remove(key, hashKey(key));
    }
    return true;
  }

  advanceProcessingTime(nowMs: number): boolean {
    if (this.#batch !== undefined && this.#batch.deadlineMs <= nowMs && !this.#batch.flush()) return false;
    return this.#states.advanceProcessingTime(nowMs);
  }

  nextProcessingTimeMs(): number {
    return Math.min(this.#states.nextProcessingTimeMs(), this.#batch?.deadlineMs ?? Infinity);
  }
}

const WAITING_ROW = 0;
const WAITING_TIME = 1;

/**
 * Emits the record of a key with the least event time when the watermark has passed it, and keeps that it did. What is
 * behind the watermark is late. Source: Flink's RowTimeDeduplicateKeepFirstRowFunction.
 */
export class FirstByEventTime implements RowFunction {
  readonly #setup: OperatorSetup;
  readonly #backend: KeyedStateBackend;
  readonly #output: RowOutput;
  readonly #seen: KeyStates;
  /** The first record so far of keys that wait: not subject to a time to live, since the watermark ends it. */
  readonly #waiting: KeyStates;
  #watermarkMs: number;

  constructor(setup: OperatorSetup, backend: KeyedStateBackend, spec: DeduplicateOperator) {
    this.#setup = setup;
    this.#backend = backend;
    this.#output = new RowOutput(setup);
    this.#watermarkMs = setup.environment.restoredWatermarkMs;
    const { clock } = setup.environment;
    this.#seen = new KeyStates({ backend, clock, name: 'seen', columns: [], ttlMs: spec.stateTtlMs });
    this.#waiting = new KeyStates({
      backend,
      clock,
      name: 'waiting',
      columns: ['value', 'f64'],
      ttlMs: Infinity,
    });
  }

  onRow(input: RowInput): void {
    const { key, hash, timestampMs } = input;
    if (!(timestampMs >= this.#watermarkMs)) {
      this.#setup.tally.countLate(1, input.row, input.at, LATE);
      return;
    }
    if (this.#seen.find(key, hash) >= 0) return;
    const waiting = this.#waiting;
    const found = waiting.find(key, hash);
    const { timers } = this.#backend;
    this.#backend.setCurrentKey(key, hash);
    if (found >= 0) {
      const knownMs = (waiting.table.columns[WAITING_TIME] as Float64Array)[found] as number;
      if (knownMs <= timestampMs) return;
      timers.unregister('event', knownMs);
    }
    timers.register('event', timestampMs);
    const row = waiting.write(key, hash);
    (waiting.table.columns[WAITING_ROW] as unknown[])[row] = cutLoose(input.row);
    (waiting.table.columns[WAITING_TIME] as Float64Array)[row] = timestampMs;
  }

  /** False when it stopped; the timers that are left are state. */
  advanceWatermark(watermarkMs: number): boolean {
    this.#watermarkMs = watermarkMs;
    const { timers } = this.#backend;
    for (;;) {
      const dueMs = timers.pollDue('event', watermarkMs);
      if (dueMs === undefined) return true;
      const key = this.#backend.currentKey;
      const hash = hashKey(key);
      const row = this.#waiting.find(key, hash);
      if (row < 0) continue;
      const first = (this.#waiting.table.columns[WAITING_ROW] as unknown[])[row];
      this.#waiting.remove(key, hash);
      this.#seen.write(key, hash);
      this.#output.row(first, dueMs);
      if (this.#setup.emission.mustStop()) return false;
    }
  }

  advanceProcessingTime(nowMs: number): boolean {
    return this.#seen.advanceProcessingTime(nowMs);
  }

  nextProcessingTimeMs(): number {
    return this.#seen.nextProcessingTimeMs();
  }
}
