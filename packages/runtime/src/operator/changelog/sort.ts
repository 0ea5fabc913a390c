// Records in the order of their event time, each when the watermark has passed it.
import type { SortOperator } from '@millrace/api';
import type { KeyedStateBackend } from '@millrace/state';
import type { ChainOperator } from '../chain-stage.ts';
import type { OperatorSetup } from '../operator-setup.ts';
import { PendingRows, type ReleaseRows } from './pending-rows.ts';
import { LATE, rowOperator, RowOutput, type RowFunction, type RowInput } from './row-operator.ts';
import { rowOrder } from './row-order.ts';

export async function openSort(setup: OperatorSetup, spec: SortOperator): Promise<ChainOperator> {
  const backend = await setup.openBackend();
  return rowOperator(setup, backend, { fn: new Sort(setup, backend, spec), isOfChanges: spec.isOfChanges });
}

/** Source: Flink's RowTimeSortOperator. */
class Sort implements RowFunction {
  readonly #setup: OperatorSetup;
  readonly #output: RowOutput;
  readonly #pending: PendingRows;
  readonly #late: string | undefined;

  constructor(setup: OperatorSetup, backend: KeyedStateBackend, spec: SortOperator) {
    this.#setup = setup;
    this.#output = new RowOutput(setup);
    this.#pending = new PendingRows(
      setup,
      backend,
      spec.orderBy.length === 0 ? undefined : rowOrder(setup, spec.orderBy),
    );
    this.#late = spec.lateOutput;
  }

  onRow(input: RowInput): void {
    if (this.#pending.add(input)) return;
    const { emission, output, tally } = this.#setup;
    tally.countLate(1, input.row, input.at, LATE);
    const side = this.#late === undefined ? undefined : output.sides.get(this.#late);
    if (side === undefined) return;
    emission.count++;
    side(input.row, input.timestampMs);
  }

  advanceWatermark(watermarkMs: number): boolean {
    return this.#pending.advance(watermarkMs, this.#release);
  }

  readonly #release: ReleaseRows = ({ rows, timesMs, to }) => {
    for (let index = 0; index < to; index++) {
      this.#output.row(rows[index], timesMs[index] as number);
      if (this.#setup.emission.mustStop()) return index + 1;
    }
    return to;
  };
}
