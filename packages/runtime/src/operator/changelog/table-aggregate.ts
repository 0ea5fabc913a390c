// Aggregates of several rows a key: at each change all old rows leave and all new ones enter.
import type { TableAggregateOperator } from '@millrace/api';
import type { KeyedStateBackend } from '@millrace/state';
import { OwnedAccumulators } from '../aggregate/owned-accumulators.ts';
import type { ChainOperator } from '../chain-stage.ts';
import type { OperatorSetup } from '../operator-setup.ts';
import { KeyStates } from './key-states.ts';
import { isRetraction, rowOperator, RowOutput, type RowFunction, type RowInput } from './row-operator.ts';

const ACCUMULATOR = 0;
const COUNT = 1;

export async function openTableAggregate(
  setup: OperatorSetup,
  spec: TableAggregateOperator,
): Promise<ChainOperator> {
  const backend = await setup.openBackend();
  const fn = new TableAggregate(setup, backend, spec);
  return rowOperator(setup, backend, { fn, isOfChanges: spec.isOfChanges });
}

function neverMerged(a: unknown): unknown {
  return a;
}

/** Source: Flink's GroupTableAggFunction, which takes all rows back as deletions. */
class TableAggregate implements RowFunction {
  readonly #spec: TableAggregateOperator;
  readonly #owned: OwnedAccumulators;
  readonly #rows: (accumulator: unknown) => readonly unknown[];
  readonly #states: KeyStates;
  readonly #output: RowOutput;

  constructor(setup: OperatorSetup, backend: KeyedStateBackend, spec: TableAggregateOperator) {
    this.#spec = spec;
    this.#owned = new OwnedAccumulators({ ...spec, merge: neverMerged });
    this.#rows = spec.rows as (accumulator: unknown) => readonly unknown[];
    this.#output = new RowOutput(setup);
    this.#states = new KeyStates({
      backend,
      clock: setup.environment.clock,
      name: 'accumulators',
      columns: ['value', 'f64'],
      ttlMs: spec.stateTtlMs,
    });
  }

  onRow(input: RowInput): void {
    const states = this.#states;
    const { key, hash, timestampMs } = input;
    const takesBack = isRetraction(input.kind);
    let row = states.find(key, hash);
    const isNew = row < 0;
    if (isNew && takesBack) return;
    const { columns } = states.table;
    const known = isNew ? undefined : (columns[ACCUMULATOR] as unknown[])[row];
    const before = isNew ? [] : this.#rows(known);
    // Rows may be parts of it: those that went out, and those that are taken back, stay as they are.
    this.#owned.share(known);
    const accumulator = takesBack
      ? this.#owned.retract(known, input.row)
      : this.#owned.add(isNew, known, input.row);
    const counted = isNew ? 0 : ((columns[COUNT] as Float64Array)[row] as number);
    const count = counted + (takesBack ? -1 : 1);
    const after = count === 0 ? [] : this.#rows(accumulator);
    if (count === 0) {
      states.remove(key, hash);
    } else {
      if (isNew) row = states.write(key, hash);
      else states.touch(row, key, hash);
      (states.table.columns[ACCUMULATOR] as unknown[])[row] = accumulator;
      (states.table.columns[COUNT] as Float64Array)[row] = count;
    }
    for (const gone of before) this.#output.change('delete', this.#withKey(gone, key), timestampMs);
    for (const there of after) this.#output.change('insert', this.#withKey(there, key), timestampMs);
  }

  #withKey(row: unknown, key: unknown): unknown {
    return this.#spec.isKeyed ? { key, ...(row as object) } : row;
  }

  advanceProcessingTime(nowMs: number): boolean {
    return this.#states.advanceProcessingTime(nowMs);
  }

  nextProcessingTimeMs(): number {
    return this.#states.nextProcessingTimeMs();
  }

  freeze(): void {
    this.#owned.disown();
  }
}
