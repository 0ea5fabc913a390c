// Aggregates over the rows up to each row: SQL's OVER.
import type { Duration } from '@millrace/common';
import { aggregateSpecs } from '../aggregate/aggregate-specs.ts';
import type { Aggregate } from '../aggregate/aggregates.ts';
import type { Transformation } from '../graph/transformation.ts';
import { integerOption, invalidOption, refuseUnknownOptions, wholeMs } from '../options/check-options.ts';
import type { ChangelogMode } from './changelog-mode.ts';
import { retracts } from './group-aggregate.ts';
import { addRunning, type KeyedInput } from './keyed-input.ts';
import { orderingSpecs, type OrderBy, type Ordering } from './ordering.ts';
import { ttlMs, updateBefore, type StateTtlOption, type UpdateBeforeOption } from './running-options.ts';

/** Which rows before the current one count: give one of them. Default: all, by `range`. */
export interface OverFrame {
  /** ROWS BETWEEN so many PRECEDING AND CURRENT ROW. */
  readonly rows?: number | 'unbounded';
  /** RANGE BETWEEN so much time (or `'unbounded'`) PRECEDING AND CURRENT ROW: rows of the same time count for each other. */
  readonly range?: Duration;
}

/** Options of `over()` in the order of time. Source: Flink's OVER aggregation. */
export interface TimeOverOptions extends OverFrame, StateTtlOption {
  /**
   * `eventTime` (default): a record comes out when the watermark has passed it; later ones are late. `processingTime`: in the
   * order of arrival.
   */
  readonly orderBy?: 'eventTime' | 'processingTime';
}

/** Options of `over()` in an order of rows, from the first row to the current one: a row that comes between updates those behind it. */
export interface RowOverOptions<T> extends StateTtlOption, UpdateBeforeOption {
  readonly orderBy: OrderBy<T>;
  readonly rows?: 'unbounded';
  readonly range?: 'unbounded';
}

/** Rows before the current one at most. */
const OVER_ROWS_MAX = 1_000_000;
const OPTIONS = ['orderBy', 'rows', 'range', 'stateTtl', 'generateUpdateBefore'];

/**
 * Adds an OVER aggregate; by time its result is records, where the mode is undefined, else changes.
 * @throws {MillraceError} MR_OPTION_INVALID, MR_CHANGELOG_REFUSED
 */
export function addOver(
  input: KeyedInput,
  aggregates: { readonly [name: string]: Aggregate<never, unknown> },
  options: TimeOverOptions | RowOverOptions<never>,
): { readonly added: Transformation; readonly mode: ChangelogMode | undefined } {
  const what = 'over()';
  refuseUnknownOptions(what, options, OPTIONS);
  const { orderBy = 'eventTime', rows, range } = options;
  if (rows !== undefined && range !== undefined)
    throw invalidOption('Cannot use `rows` and `range` of over() at once: give one of them');
  const isByTime = orderBy === 'eventTime' || orderBy === 'processingTime';
  const isRetracting = retracts(what, input.mode);
  if (isByTime && isRetracting)
    throw invalidOption(
      'Cannot use over() by time on rows that change: order them by asc((row) => row.time), or use the stream before its changes',
    );
  const preceding = precedingOf(options);
  if (!isByTime && preceding !== Infinity)
    throw invalidOption(
      "Cannot bound over() in an order of rows: write rows: 'unbounded' or range: 'unbounded', or order by time",
    );
  const generateUpdateBefore = updateBefore('over()', options as UpdateBeforeOption);
  const added = addRunning(
    input,
    {
      kind: 'over',
      aggregates: aggregateSpecs(aggregates, []),
      order: isByTime ? orderBy : 'rows',
      orderBy: isByTime ? [] : orderingSpecs(what, orderBy as Ordering<never>),
      frame: rows === undefined ? 'range' : 'rows',
      preceding,
      input: isRetracting ? 'retract' : 'append',
      generateUpdateBefore,
      stateTtlMs: ttlMs(what, options.stateTtl),
    },
    'over',
  );
  return {
    added,
    mode: isByTime
      ? undefined
      : { updateBefore: generateUpdateBefore, updateAfter: true, delete: isRetracting },
  };
}

function precedingOf({ rows, range }: OverFrame): number {
  if (rows !== undefined)
    return rows === 'unbounded'
      ? Infinity
      : integerOption('`rows` of over()', rows, { min: 0, max: OVER_ROWS_MAX });
  return range === undefined || range === 'unbounded' ? Infinity : wholeMs('`range` of over()', range);
}
