// Changes as an upsert by key, where several rows may have the key: the one that came last counts.
import type { UpsertMaterializeOperator } from '@millrace/api';
import type { KeyedStateBackend } from '@millrace/state';
import { cutLoose } from '../aggregate/cut-loose.ts';
import type { ChainOperator } from '../chain-stage.ts';
import type { OperatorSetup } from '../operator-setup.ts';
import { KeyStates } from './key-states.ts';
import { changeableArray } from './own-cells.ts';
import { isRetraction, rowOperator, RowOutput, type RowFunction, type RowInput } from './row-operator.ts';
import { rowsEqual } from './row-order.ts';

export async function openUpsertMaterialize(
  setup: OperatorSetup,
  spec: UpsertMaterializeOperator,
): Promise<ChainOperator> {
  const backend = await setup.openBackend();
  const fn = new UpsertMaterialize(setup, backend, spec);
  return rowOperator(setup, backend, { fn, isOfChanges: spec.isOfChanges });
}

/** The rows of each key that are there, in the order in which they came. Source: Flink's SinkUpsertMaterializer. */
class UpsertMaterialize implements RowFunction {
  readonly #upsertKey: ((row: unknown) => unknown) | undefined;
  readonly #states: KeyStates;
  readonly #output: RowOutput;

  constructor(setup: OperatorSetup, backend: KeyedStateBackend, spec: UpsertMaterializeOperator) {
    this.#upsertKey = spec.upsertKey as ((row: unknown) => unknown) | undefined;
    this.#output = new RowOutput(setup);
    this.#states = new KeyStates({
      backend,
      clock: setup.environment.clock,
      name: 'rows',
      columns: ['value'],
      hasLists: true,
      ttlMs: spec.stateTtlMs,
    });
  }

  onRow(input: RowInput): void {
    const found = this.#states.find(input.key, input.hash);
    if (isRetraction(input.kind)) {
      if (found >= 0) this.#remove(input, found);
    } else {
      this.#add(input, found);
    }
  }

  #add(input: RowInput, found: number): void {
    const rows = changeableArray<unknown>(this.#states.table, 0, found);
    const at = this.#upsertKey === undefined ? -1 : this.#indexOf(rows, input.row);
    cutLoose(input.row);
    if (at < 0) rows.push(input.row);
    else rows[at] = input.row;
    this.#keep(input, found, rows);
    this.#output.change(found < 0 ? 'insert' : 'updateAfter', input.row, input.timestampMs);
  }

  #remove(input: RowInput, found: number): void {
    const rows = changeableArray<unknown>(this.#states.table, 0, found);
    const at = this.#indexOf(rows, input.row);
    if (at < 0) return;
    const wasLast = at === rows.length - 1;
    rows.splice(at, 1);
    if (rows.length === 0) {
      this.#states.remove(input.key, input.hash);
      this.#output.change('delete', input.row, input.timestampMs);
      return;
    }
    this.#keep(input, found, rows);
    if (wasLast) this.#output.change('updateAfter', rows[rows.length - 1], input.timestampMs);
  }

  #keep({ key, hash }: RowInput, found: number, rows: unknown[]): void {
    const row = found < 0 ? this.#states.write(key, hash) : found;
    if (found >= 0) this.#states.touch(row, key, hash);
    (this.#states.table.columns[0] as unknown[])[row] = rows;
  }

  #indexOf(rows: readonly unknown[], row: unknown): number {
    const of = this.#upsertKey;
    if (of === undefined) return rows.findIndex((one) => rowsEqual(one, row));
    const upsertKey = of(row);
    return rows.findIndex((one) => rowsEqual(of(one), upsertKey));
  }

  advanceProcessingTime(nowMs: number): boolean {
    return this.#states.advanceProcessingTime(nowMs);
  }

  nextProcessingTimeMs(): number {
    return this.#states.nextProcessingTimeMs();
  }
}
