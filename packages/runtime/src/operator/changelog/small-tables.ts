// Limit, and distinct rows of a changelog: what needs no more than a count a key.
import type { DistinctOperator, LimitOperator } from '@millrace/api';
import type { ColumnKind, KeyedStateBackend } from '@millrace/state';
import { cutLoose } from '../aggregate/cut-loose.ts';
import type { ChainOperator } from '../chain-stage.ts';
import type { OperatorSetup } from '../operator-setup.ts';
import { KeyStates } from './key-states.ts';
import { isRetraction, rowOperator, RowOutput, type RowFunction, type RowInput } from './row-operator.ts';

export async function openLimit(setup: OperatorSetup, spec: LimitOperator): Promise<ChainOperator> {
  const backend = await setup.openBackend();
  const fn = new Limit(setup, backend, spec.recordsMax);
  return rowOperator(setup, backend, { fn, isOfChanges: spec.isOfChanges });
}

export async function openDistinct(setup: OperatorSetup, spec: DistinctOperator): Promise<ChainOperator> {
  const backend = await setup.openBackend();
  const fn = new Distinct(setup, backend, spec);
  return rowOperator(setup, backend, { fn, isOfChanges: spec.isOfChanges });
}

/** [HOT] Lets so many records of each key through. */
class Limit implements RowFunction {
  readonly #recordsMax: number;
  readonly #states: KeyStates;
  readonly #output: RowOutput;

  constructor(setup: OperatorSetup, backend: KeyedStateBackend, recordsMax: number) {
    this.#recordsMax = recordsMax;
    this.#output = new RowOutput(setup);
    this.#states = countsOf(setup, backend, Infinity);
  }

  onRow(input: RowInput): void {
    const { key, hash } = input;
    const found = this.#states.find(key, hash);
    const counts = this.#states.table.columns[0] as Float64Array;
    if ((found < 0 ? 0 : (counts[found] as number)) >= this.#recordsMax) return;
    added(this.#states, found, input, 1);
    this.#output.row(input.row, input.timestampMs);
  }
}

/** [HOT] How often each row is there; the first time inserts it, and when it is there no more it is deleted. */
class Distinct implements RowFunction {
  readonly #keepsRow: boolean;
  readonly #states: KeyStates;
  readonly #output: RowOutput;

  constructor(setup: OperatorSetup, backend: KeyedStateBackend, spec: DistinctOperator) {
    this.#keepsRow = spec.keepsRow;
    this.#output = new RowOutput(setup);
    this.#states = countsOf(setup, backend, spec.stateTtlMs, spec.keepsRow ? ['value'] : []);
  }

  onRow(input: RowInput): void {
    const { key, hash, timestampMs } = input;
    const found = this.#states.find(key, hash);
    if (!isRetraction(input.kind)) {
      added(this.#states, found, input, 1);
      if (found < 0) this.#insert(input);
      return;
    }
    if (found < 0) return;
    if (((this.#states.table.columns[0] as Float64Array)[found] as number) > 1) {
      added(this.#states, found, input, -1);
      return;
    }
    const row = this.#keepsRow ? (this.#states.table.columns[1] as unknown[])[found] : input.row;
    this.#states.remove(key, hash);
    this.#output.change('delete', row, timestampMs);
  }

  #insert({ key, hash, row, timestampMs }: RowInput): void {
    if (this.#keepsRow)
      (this.#states.table.columns[1] as unknown[])[this.#states.find(key, hash)] = cutLoose(row);
    this.#output.change('insert', row, timestampMs);
  }

  advanceProcessingTime(nowMs: number): boolean {
    return this.#states.advanceProcessingTime(nowMs);
  }

  nextProcessingTimeMs(): number {
    return this.#states.nextProcessingTimeMs();
  }
}

function countsOf(
  setup: OperatorSetup,
  backend: KeyedStateBackend,
  ttlMs: number,
  more: readonly ColumnKind[] = [],
): KeyStates {
  const { clock } = setup.environment;
  return new KeyStates({ backend, clock, name: 'counts', columns: ['f64', ...more], ttlMs });
}

/** Adds to the count of a key whose row `found` is, -1: it has none. */
function added(states: KeyStates, found: number, { key, hash }: RowInput, by: number): void {
  const row = found < 0 ? states.write(key, hash) : found;
  if (found >= 0) states.touch(row, key, hash);
  const counts = states.table.columns[0] as Float64Array;
  counts[row] = (counts[row] as number) + by;
}
