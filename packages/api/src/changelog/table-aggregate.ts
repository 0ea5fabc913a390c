// Aggregates of several rows a key: Flink's table aggregate functions.
import { recordFunction } from '../function/check-function.ts';
import type { Transformation } from '../graph/transformation.ts';
import { refuseUnknownOptions } from '../options/check-options.ts';
import type { DeepReadonly } from '../readonly.ts';
import { changelogRefused, type ChangelogMode } from './changelog-mode.ts';
import { retracts } from './group-aggregate.ts';
import { addRunning, type KeyedInput } from './keyed-input.ts';
import { ttlMs, type StateTtlOption } from './running-options.ts';

/** Functions of `flatAggregate()`. Contract: deterministic. Source: Flink's TableAggregateFunction. */
export interface TableAggregator<T, Accumulator, Out> {
  /** A fresh accumulator; it must be a value that structured clone takes. */
  readonly create: () => Accumulator;
  /** Returns the new accumulator; the old one may be changed and returned. */
  readonly add: (accumulator: Accumulator, row: DeepReadonly<T>) => Accumulator;
  /** Takes a row back; needed when the input's rows change. */
  readonly retract?: (accumulator: Accumulator, row: DeepReadonly<T>) => Accumulator;
  /** All result rows, in order. */
  readonly rows: (accumulator: Accumulator) => readonly Out[];
}

/** @throws {MillraceError} MR_OPTION_INVALID, MR_CHANGELOG_REFUSED without a `retract` where rows may leave */
export function addTableAggregate(
  input: KeyedInput,
  functions: TableAggregator<never, never, unknown>,
  options: StateTtlOption,
): { readonly added: Transformation; readonly mode: ChangelogMode } {
  const what = 'flatAggregate()';
  refuseUnknownOptions(what, functions, ['create', 'add', 'retract', 'rows']);
  refuseUnknownOptions(what, options, ['stateTtl']);
  const isRetracting = retracts(what, input.mode);
  if (isRetracting && functions.retract === undefined)
    throw changelogRefused(
      'Cannot use flatAggregate() over a stream whose rows change: its functions have no `retract`',
    );
  const added = addRunning(
    input,
    {
      kind: 'tableAggregate',
      create: recordFunction('`create` of flatAggregate()', functions.create),
      add: recordFunction('`add` of flatAggregate()', functions.add),
      rows: recordFunction('`rows` of flatAggregate()', functions.rows),
      ...(functions.retract === undefined
        ? {}
        : { retract: recordFunction('`retract` of flatAggregate()', functions.retract) }),
      input: isRetracting ? 'retract' : 'append',
      isKeyed: input.isKeyed,
      stateTtlMs: ttlMs(what, options.stateTtl),
    },
    'flatAggregate',
  );
  return { added, mode: { updateBefore: false, updateAfter: false, delete: true } };
}
