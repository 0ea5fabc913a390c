// The first rows of each key in an order: Flink's Top-N, running and by window.
import { recordFunction } from '../function/check-function.ts';
import type { Transformation } from '../graph/transformation.ts';
import { describe, integerOption, invalidOption, refuseUnknownOptions } from '../options/check-options.ts';
import type { DeepReadonly, Flat } from '../readonly.ts';
import type { Key } from '../state/keyed-state.ts';
import type { ChangeInput } from './changelog-operator.ts';
import { changelogRefused, isAppendOnly, isUpsert, modeText, type ChangelogMode } from './changelog-mode.ts';
import { addRunning, type KeyedInput } from './keyed-input.ts';
import { orderingSpecs, type OrderBy, type Ordering } from './ordering.ts';
import { ttlMs, updateBefore, type StateTtlOption, type UpdateBeforeOption } from './running-options.ts';

/** Rows that a top-N keeps at most. */
const TOP_N_ROWS_MAX = 100_000;

/** A row with its rank in the field `R`, or without one. */
export type Ranked<T, R extends string | undefined> = R extends string
  ? Flat<T & { readonly [Field in R]: number }>
  : T;

interface RankOptions<T, R extends string | undefined> {
  /** Name of a field that gets the rank, from 1. Unset: rows enter and leave without one. */
  readonly rank?: R;
  /** The first rank that is given out. Default 1. */
  readonly firstRank?: number;
  /** Rows that are equal by it stay in the order of arrival. */
  readonly orderBy: OrderBy<T>;
}

/** Options of a running top-N. */
export interface TopNRowsOptions<T, R extends string | undefined>
  extends Omit<RankOptions<T, R>, 'orderBy'>, StateTtlOption, UpdateBeforeOption {
  /** `'processingTime'`: the first rows that arrive. */
  readonly orderBy: OrderBy<T> | 'processingTime';
  /** Which row an update is of: for changes without `updateBefore`, where rows are known by this key, within the partition. */
  readonly uniqueKey?: (row: DeepReadonly<T>) => Key;
  /**
   * With `uniqueKey`: rows only move up (a growing count, the greatest first) and never leave, so that rows behind the last
   * rank need not be kept. Default false: all rows of the key are kept.
   */
  readonly monotonic?: boolean;
}

/** Options of a top-N by window. */
export interface WindowTopNOptions<T, R extends string | undefined> extends RankOptions<T, R> {
  /**
   * Time at which the row's window ends, ms since the epoch, exclusive: `(row) => row.windowEnd`. Rows come out when the
   * watermark is there; rows that come later are late.
   */
  readonly windowEnd: (row: DeepReadonly<T>) => number;
}

const OPTIONS = [
  'rank',
  'firstRank',
  'orderBy',
  'uniqueKey',
  'monotonic',
  'stateTtl',
  'generateUpdateBefore',
];

/** @throws {MillraceError} MR_OPTION_INVALID, MR_CHANGELOG_REFUSED for updates without a unique key */
export function addTopN(
  input: KeyedInput,
  limit: number | ((row: never) => number),
  options: TopNRowsOptions<never, string | undefined>,
): { readonly added: Transformation; readonly mode: ChangelogMode } {
  const what = 'topN()';
  refuseUnknownOptions(what, options, OPTIONS);
  const { rank, firstRank = 1, orderBy, uniqueKey, monotonic = false } = options;
  const isByArrival = orderBy === 'processingTime';
  const changeInput = inputOf(input.mode, uniqueKey !== undefined);
  if (isByArrival && changeInput === 'upsert')
    throw invalidOption(
      "Cannot rank changes by a key with orderBy: 'processingTime': write asc(…) or desc(…)",
    );
  const generateUpdateBefore = updateBefore(what, options);
  const added = addRunning(
    input,
    {
      kind: 'topN',
      limit: limitOf(limit),
      firstRank: firstRankOf(firstRank, limit),
      orderBy: isByArrival ? [] : orderingSpecs(what, orderBy as Ordering<never>),
      ...(rank === undefined ? {} : { rankField: rankFieldOf(rank) }),
      input: changeInput,
      ...(uniqueKey === undefined ? {} : { uniqueKey: recordFunction('`uniqueKey` of topN()', uniqueKey) }),
      isMonotonic: monotonic,
      generateUpdateBefore,
      stateTtlMs: ttlMs(what, options.stateTtl),
    },
    'topN',
  );
  const isFinal = isByArrival && changeInput === 'append';
  return {
    added,
    mode: isFinal
      ? { updateBefore: false, updateAfter: false, delete: false }
      : { updateBefore: generateUpdateBefore, updateAfter: true, delete: true },
  };
}

/** @throws {MillraceError} MR_OPTION_INVALID, MR_CHANGELOG_REFUSED for rows that change */
export function addWindowTopN(
  input: KeyedInput,
  limit: number,
  options: WindowTopNOptions<never, string | undefined>,
): Transformation {
  const what = 'topN()';
  refuseUnknownOptions(what, options, ['rank', 'firstRank', 'orderBy', 'windowEnd']);
  checkFinal('topN() by window', input.mode);
  return addRunning(
    input,
    {
      kind: 'windowTopN',
      limit: integerOption('the limit of topN()', limit, { min: 1, max: TOP_N_ROWS_MAX }),
      firstRank: firstRankOf(options.firstRank ?? 1, limit),
      orderBy: orderingSpecs(what, options.orderBy as Ordering<never>),
      ...(options.rank === undefined ? {} : { rankField: rankFieldOf(options.rank) }),
      windowEnd: recordFunction('`windowEnd` of topN()', options.windowEnd),
      isLatestFirst: false,
    },
    'window topN',
  );
}

/** @throws {MillraceError} MR_CHANGELOG_REFUSED when rows may change */
export function checkFinal(what: string, mode: ChangelogMode | undefined): void {
  if (mode === undefined || isAppendOnly(mode)) return;
  throw changelogRefused(
    `Cannot use ${what} on changes of the kinds ${modeText(mode)}: it takes rows that stay as they are`,
  );
}

function inputOf(mode: ChangelogMode | undefined, hasUniqueKey: boolean): ChangeInput {
  if (mode === undefined || isAppendOnly(mode)) return 'append';
  if (hasUniqueKey) return 'upsert';
  if (!isUpsert(mode)) return 'retract';
  throw changelogRefused(
    `Cannot rank changes of the kinds ${modeText(mode)}: say which row an update is of with uniqueKey: (row) => row.id`,
  );
}

function limitOf(limit: unknown): number | ((row: never) => number) {
  if (typeof limit === 'function')
    return recordFunction('the limit of topN()', limit as (row: never) => number);
  return integerOption('the limit of topN()', limit, { min: 1, max: TOP_N_ROWS_MAX });
}

function firstRankOf(firstRank: unknown, limit: unknown): number {
  return integerOption('`firstRank` of topN()', firstRank, {
    min: 1,
    max: typeof limit === 'number' ? limit : TOP_N_ROWS_MAX,
  });
}

function rankFieldOf(rank: unknown): string {
  if (typeof rank === 'string' && rank !== '') return rank;
  throw invalidOption(`Cannot use ${describe(rank)} as \`rank\` of topN(): write the name of a field`);
}
