// One row a key: the first or the last, by arrival or by event time.
import type { DeduplicateOperator, NormalizeOperator } from '@millrace/api';
import type { KeyedStateBackend, PackedColumn } from '@millrace/state';
import type { ChainOperator } from '../chain-stage.ts';
import type { OperatorSetup } from '../operator-setup.ts';
import { KeyStates } from './key-states.ts';
import { MiniBatch, type EmitChanged } from './mini-batch.ts';
import { isRetraction, rowOperator, RowOutput, type RowFunction, type RowInput } from './row-operator.ts';
import { rowsEqual } from './row-order.ts';
import { FirstByArrival, FirstByEventTime } from './keep-first.ts';

export async function openDeduplicate(
  setup: OperatorSetup,
  spec: DeduplicateOperator,
): Promise<ChainOperator> {
  const backend = await setup.openBackend();
  let fn: RowFunction;
  if (spec.time === 'event' && spec.output === 'append') fn = new FirstByEventTime(setup, backend, spec);
  else if (spec.time === 'processing' && spec.keep === 'first') fn = new FirstByArrival(setup, backend, spec);
  else
    fn = new LatestRow(setup, backend, {
      ...spec,
      replaces: replacesOf(spec),
      tellsEqual: spec.time === 'event' || !(spec.generateUpdateBefore || spec.generateInsert),
    });
  return rowOperator(setup, backend, { fn, isOfChanges: spec.isOfChanges });
}

/** Opens what makes a changelog by key whole. */
export async function openNormalize(setup: OperatorSetup, spec: NormalizeOperator): Promise<ChainOperator> {
  const backend = await setup.openBackend();
  const filter = filterOf(setup, spec);
  const of = { ...spec, generateInsert: true, replaces: always, tellsEqual: false, filter };
  const fn = new LatestRow(setup, backend, of);
  return rowOperator(setup, backend, { fn, isOfChanges: spec.isOfChanges });
}

/** A promise would pass always. */
function filterOf(
  { sites, node }: OperatorSetup,
  spec: NormalizeOperator,
): ((row: unknown) => boolean) | undefined {
  if (spec.filter === undefined) return undefined;
  const site = sites.register(node, 'filter function');
  const filter = spec.filter as (row: unknown) => unknown;
  return (row) => {
    const passes = filter(row);
    if (typeof passes !== 'boolean') sites.refusePromise(passes, site);
    return Boolean(passes);
  };
}

/** Whether a row with event time `nextMs` takes the place of one with `knownMs`. */
type Replaces = (knownMs: number, nextMs: number) => boolean;

function always(): boolean {
  return true;
}

function replacesOf({ keep, time }: DeduplicateOperator): Replaces {
  if (time === 'processing') return always;
  return keep === 'last' ? (knownMs, nextMs) => knownMs <= nextMs : (knownMs, nextMs) => nextMs < knownMs;
}

interface LatestRowSpec {
  readonly generateUpdateBefore: boolean;
  readonly generateInsert: boolean;
  readonly stateTtlMs: number;
  readonly miniBatch?: DeduplicateOperator['miniBatch'];
  readonly replaces: Replaces;
  /** A row that is as the one before goes out all the same. */
  readonly tellsEqual: boolean;
  /** A row that does not pass is as one that is deleted. */
  readonly filter?: ((row: unknown) => boolean) | undefined;
}

const ROW = 0;
const TIME = 1;

/**
 * [HOT] The row of each key that counts at the time; a row that is not it changes nothing. A row that is deleted is the one
 * that is known: what comes may have its key only. Source: Flink's DeduplicateFunctionHelper.
 */
class LatestRow implements RowFunction {
  readonly #spec: LatestRowSpec;
  readonly #states: KeyStates;
  readonly #rows: PackedColumn;
  readonly #output: RowOutput;
  readonly #batch: MiniBatch | undefined;
  /** An update tells, or asks, what the row was before. */
  readonly #needsBefore: boolean;

  constructor(setup: OperatorSetup, backend: KeyedStateBackend, spec: LatestRowSpec) {
    this.#spec = spec;
    this.#output = new RowOutput(setup);
    this.#needsBefore = spec.generateUpdateBefore || !(spec.tellsEqual || spec.stateTtlMs !== Infinity);
    this.#states = new KeyStates({
      backend,
      clock: setup.environment.clock,
      name: 'rows',
      columns: ['packed', 'f64'],
      ttlMs: spec.stateTtlMs,
    });
    this.#rows = this.#states.table.packed(ROW);
    this.#batch =
      spec.miniBatch === undefined
        ? undefined
        : new MiniBatch(setup, backend, { spec: spec.miniBatch, emit: this.#emitChanged });
  }

  onRow(input: RowInput): void {
    const states = this.#states;
    const { key, hash, timestampMs } = input;
    const found = states.find(key, hash);
    const times = states.table.columns[TIME] as Float64Array;
    const isThere =
      !isRetraction(input.kind) && (this.#spec.filter === undefined || this.#spec.filter(input.row));
    const isLatest = !isThere || found < 0 || this.#spec.replaces(times[found] as number, timestampMs);
    if (!isLatest && this.#batch === undefined) return;
    const known = found >= 0 && this.#wantsKnown(input, isThere) ? this.#rows.get(found) : undefined;
    if (!isLatest) {
      this.#batch?.note(input, known, found, false);
      return;
    }
    let at = -1;
    if (isThere) at = this.#keep(input, found);
    else if (found >= 0) states.remove(key, hash);
    const isChanged = isThere || found >= 0;
    if (this.#batch !== undefined) this.#batch.note(input, known, at, isChanged);
    else if (isThere && found >= 0 && !this.#needsBefore)
      this.#output.change('updateAfter', input.row, timestampMs);
    else this.#changed(known, isThere ? input.row : undefined, timestampMs);
  }

  #wantsKnown(input: RowInput, isThere: boolean): boolean {
    return this.#batch === undefined ? this.#needsBefore || !isThere : this.#batch.wantsBefore(input);
  }

  /** Puts the row at hand in the place of the one that is known, in `found`; -1: there is none. Returns where it is. */
  #keep({ key, hash, row, timestampMs, batch, at: batchRow }: RowInput, found: number): number {
    const states = this.#states;
    const at = found < 0 ? states.write(key, hash) : found;
    if (found >= 0) states.touch(at, key, hash);
    try {
      if (batch === undefined || !this.#rows.setFrom(at, batch, batchRow)) this.#rows.set(at, row);
    } catch (error) {
      // What cannot be encoded leaves no key without a row.
      if (found < 0) states.remove(key, hash);
      throw error;
    }
    (states.table.columns[TIME] as Float64Array)[at] = timestampMs;
    return at;
  }

  readonly #emitChanged: EmitChanged = ({ key, hash, before, timestampMs, at }) => {
    const row = this.#states.find(key, hash, at);
    const after = row < 0 ? undefined : this.#rows.get(row);
    this.#changed(before, after, timestampMs);
  };

  #changed(before: unknown, after: unknown, timestampMs: number): void {
    const output = this.#output;
    const { generateUpdateBefore, generateInsert, tellsEqual } = this.#spec;
    if (after === undefined) {
      if (before !== undefined) output.change('delete', before, timestampMs);
    } else if (before === undefined) {
      const kind = generateInsert || generateUpdateBefore ? 'insert' : 'updateAfter';
      output.change(kind, after, timestampMs);
    } else if (tellsEqual || this.#states.expires || !rowsEqual(before, after)) {
      if (generateUpdateBefore) output.change('updateBefore', before, timestampMs);
      output.change('updateAfter', after, timestampMs);
    }
  }

  advanceWatermark(): boolean {
    return this.#batch === undefined || this.#batch.flush();
  }

  advanceProcessingTime(nowMs: number): boolean {
    if (this.#batch !== undefined && this.#batch.deadlineMs <= nowMs && !this.#batch.flush()) return false;
    return this.#states.advanceProcessingTime(nowMs);
  }

  nextProcessingTimeMs(): number {
    return Math.min(this.#states.nextProcessingTimeMs(), this.#batch?.deadlineMs ?? Infinity);
  }
}
