// Running aggregates as a table that changes: one row a key.
import type { AggregateSpec, GroupAggregateOperator } from '@millrace/api';
import type { KeyedStateBackend, RowCursor } from '@millrace/state';
import { aggregateFields } from '../../chain/fields/graph-fields.ts';
import { aggregateLayout, retractingLayout, type AggregateLayout } from '../aggregate/aggregate-layout.ts';
import { compileAggregates, type CompiledAggregates, type RowKey } from '../aggregate/compiled-aggregates.ts';
import { openDistinctStores } from '../aggregate/distinct-stores.ts';
import type { ChainOperator } from '../chain-stage.ts';
import type { OperatorSetup } from '../operator-setup.ts';
import { KeyStates } from './key-states.ts';
import { MiniBatch, type EmitChanged } from './mini-batch.ts';
import { sharedLatencyMs } from './partial-batch.ts';
import { isRetraction, rowOperator, RowOutput, type RowFunction, type RowInput } from './row-operator.ts';
import { rowsEqual } from './row-order.ts';

/** In the place of a result that nobody asks for. */
const WAS_THERE = true;

function countsAll({ kind, where }: AggregateSpec): boolean {
  return kind === 'count' && where === undefined;
}

/** Opens a running aggregate. */
export async function openGroupAggregate(
  setup: OperatorSetup,
  spec: GroupAggregateOperator,
): Promise<ChainOperator> {
  const backend = await setup.openBackend();
  const fn = new GroupAggregate(setup, backend, spec);
  const { isOfChanges } = spec;
  const isPartial = setup.node.inputs[0]?.isPreAggregated === true;
  return rowOperator(setup, backend, {
    fn,
    isOfChanges,
    ...(isOfChanges || isPartial ? {} : { fields: aggregateFields(spec.aggregates) }),
  });
}

/**
 * [HOT] A record is folded into its key's accumulators, or taken out of them; what the results were and are goes on.
 * A result that stays the same is not sent on, unless state expires: then those behind would forget it. A key without records
 * is deleted. Taking out of a key that is not there does nothing. Source: Flink's GroupAggFunction.
 */
class GroupAggregate implements RowFunction {
  readonly #setup: OperatorSetup;
  readonly #spec: GroupAggregateOperator;
  readonly #layout: AggregateLayout;
  readonly #aggregates: CompiledAggregates;
  readonly #states: KeyStates;
  readonly #output: RowOutput;
  /** Cell that counts records; -1: none are taken out. */
  readonly #count: number;
  readonly #batch: MiniBatch | undefined;
  /** Each input changes the result, and nobody is told what it was: it counts all records, and none is taken back. */
  readonly #differs: boolean;
  /** Rows are sums of records. */
  readonly #isPartial: boolean;
  /** Of the row at hand. */
  readonly #of: RowKey = { key: undefined, hash: 0 };
  /** All results are being sent. */
  #sending: RowCursor | undefined;

  constructor(setup: OperatorSetup, backend: KeyedStateBackend, spec: GroupAggregateOperator) {
    this.#setup = setup;
    this.#spec = spec;
    this.#differs =
      spec.input === 'append' && !spec.generateUpdateBefore && Object.values(spec.aggregates).some(countsAll);
    this.#isPartial = setup.node.inputs[0]?.isPreAggregated === true;
    if (spec.input === 'retract') {
      const layout = retractingLayout(spec.aggregates, setup);
      this.#layout = layout;
      this.#count = layout.count;
    } else {
      this.#layout = aggregateLayout(spec.aggregates, { ...setup, hasGroups: true });
      this.#count = -1;
    }
    // What is taken back or forgotten with its key has to be found by it.
    const keepsAll = spec.input === 'append' && spec.stateTtlMs === Infinity;
    const distinct = openDistinctStores(backend, this.#layout, { keepsAll });
    this.#aggregates = compileAggregates(this.#layout, {
      codegenId: `${setup.codegenId} node ${setup.node.id}`,
      isKeyed: spec.isKeyed,
      isMerging: this.#isPartial,
    });
    this.#states = new KeyStates({
      backend,
      clock: setup.environment.clock,
      name: 'accumulators',
      columns: this.#layout.cells.map((cell) => cell.column),
      // Distinct values share the keys.
      hasOwnKeys: this.#layout.groups.length === 0,
      ttlMs: spec.stateTtlMs,
      onRemove: distinct === undefined ? undefined : (key, hash) => distinct.clear(key, hash),
    });
    this.#output = new RowOutput(setup);
    this.#batch =
      spec.miniBatch === undefined
        ? undefined
        : new MiniBatch(setup, backend, {
            spec: this.#isPartial ? { ...spec.miniBatch, latencyMs: sharedLatencyMs(spec) } : spec.miniBatch,
            emit: this.#emitChanged,
            emitAll: spec.emit === 'complete' ? { resume: () => this.#sendAll() } : undefined,
          });
  }

  onRow(input: RowInput): void {
    const states = this.#states;
    const { key, hash } = input;
    const takesBack = isRetraction(input.kind);
    let row = states.find(key, hash);
    const isNew = row < 0;
    if (isNew && takesBack) {
      this.#batch?.note(input, undefined, row, false);
      return;
    }
    const emits = this.#spec.emit === 'update';
    const wantsBefore =
      emits && !isNew && (this.#batch === undefined || this.#differs || this.#batch.wantsBefore(input));
    const before = wantsBefore ? (this.#differs ? WAS_THERE : this.#resultOf(row, key)) : undefined;
    if (isNew) row = states.write(key, hash);
    else states.touch(row, key, hash);
    const { columns } = states.table;
    if (takesBack) this.#aggregates.retractFromRow(columns, row, input.row, this.#ownerOf(row, hash));
    else this.#add(row, input, isNew);
    const isGone = this.#count >= 0 && (columns[this.#count] as Float64Array)[row] === 0;
    if (this.#batch !== undefined) {
      if (isGone) states.remove(key, hash);
      this.#batch.note(input, before, row);
      return;
    }
    if (emits) this.#changed(before, isGone ? undefined : this.#resultOf(row, key), input.timestampMs);
    if (isGone) states.remove(key, hash);
  }

  /** A function that fails leaves the key as it was: the accumulators are written when all are computed. */
  #add(row: number, { key, hash, row: record }: RowInput, isNew: boolean): void {
    try {
      const { columns } = this.#states.table;
      const of = this.#ownerOf(row, hash);
      if (this.#isPartial) this.#aggregates.mergeIntoRow(columns, row, record, isNew, of);
      else this.#aggregates.addToRow(columns, row, record, isNew, of);
    } catch (error) {
      if (isNew) this.#states.remove(key, hash);
      throw error;
    }
  }

  #ownerOf(row: number, hash: number): RowKey {
    const of = this.#of;
    // As the table has it, so that all that is kept of a key elsewhere shares it.
    if (this.#layout.groups.length > 0) of.key = this.#states.table.keyOf(row);
    of.hash = hash;
    return of;
  }

  readonly #emitChanged: EmitChanged = ({ key, hash, before, timestampMs, at }) => {
    if (this.#spec.emit !== 'update') return;
    const row = this.#states.find(key, hash, at);
    this.#changed(before, row < 0 ? undefined : this.#resultOf(row, key), timestampMs);
  };

  #changed(before: unknown, after: unknown, timestampMs: number): void {
    const output = this.#output;
    if (before === undefined) {
      if (after !== undefined) output.change('insert', after, timestampMs);
    } else if (after === undefined) {
      output.change('delete', before, timestampMs);
    } else if (this.#differs || this.#states.expires || !rowsEqual(before, after)) {
      // A snapshot of the same job without `generateUpdateBefore` does not have it.
      if (this.#spec.generateUpdateBefore && before !== WAS_THERE)
        output.change('updateBefore', before, timestampMs);
      output.change('updateAfter', after, timestampMs);
    }
  }

  #resultOf(row: number, key: unknown): unknown {
    return this.#aggregates.resultsOfRow(this.#states.table.columns, row, key);
  }

  advanceWatermark(): boolean {
    return this.#flush();
  }

  advanceProcessingTime(nowMs: number): boolean {
    if ((this.#batch?.deadlineMs ?? Infinity) <= nowMs && !this.#flush()) return false;
    return this.#states.advanceProcessingTime(nowMs);
  }

  nextProcessingTimeMs(): number {
    return Math.min(this.#states.nextProcessingTimeMs(), this.#batch?.deadlineMs ?? Infinity);
  }

  endInput(): boolean {
    if (!this.#flush()) return false;
    return this.#spec.emit !== 'append' || this.#sendAll();
  }

  #flush(): boolean {
    return this.#batch === undefined || this.#batch.flush();
  }

  /** Sends every result; false when it stopped, and goes on when it is called again. */
  #sendAll(): boolean {
    const { table } = this.#states;
    this.#sending ??= table.openCursor(0);
    for (let row = this.#sending.next(); row >= 0; row = this.#sending.next()) {
      this.#output.row(this.#resultOf(row, table.keyOf(row)), NaN);
      if (this.#setup.emission.mustStop()) return false;
    }
    this.#sending = undefined;
    return true;
  }

  freeze(): void {
    this.#layout.freeze();
  }
}
