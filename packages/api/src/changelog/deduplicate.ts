// One row a key: Flink's deduplication, Spark's dropDuplicates.
import type { Duration } from '@millrace/common';
import { recordFunction } from '../function/check-function.ts';
import type { Transformation } from '../graph/transformation.ts';
import { invalidOption, oneOf, positiveMs, refuseUnknownOptions } from '../options/check-options.ts';
import type { DeepReadonly } from '../readonly.ts';
import { changelogRefused, isAppendOnly, type ChangelogMode } from './changelog-mode.ts';
import { addRunning, type KeyedInput } from './keyed-input.ts';
import {
  miniBatchSpec,
  ttlMs,
  updateBefore,
  type MiniBatchOptions,
  type StateTtlOption,
  type UpdateBeforeOption,
} from './running-options.ts';
import { checkFinal } from './top-n.ts';

/** Options of `deduplicate()` that gives final records. */
export interface KeepFirstOptions extends StateTtlOption {
  readonly keep?: 'first';
  /**
   * `processing` (default): the record that comes first, at once. `event`: the one with the least event time, when the
   * watermark has passed it; later ones are late.
   */
  readonly time?: 'processing' | 'event';
  readonly emit?: 'append';
  /**
   * Bounds the state: a key is forgotten when the watermark has come this far behind its first record, and records that far
   * behind the watermark are late. Duplicates farther apart than this are not found. Source: Spark's
   * dropDuplicatesWithinWatermark.
   */
  readonly within?: Duration;
  /** By arrival only. */
  readonly miniBatch?: MiniBatchOptions;
}

/** Options of `deduplicate()` whose result changes: the newest record of a key, or the first by event time so far. */
export type KeepLatestOptions = UpdatingOptions &
  (
    | { readonly keep: 'last'; readonly emit?: 'update' }
    | { readonly keep?: 'first'; readonly emit: 'update' }
  );

/** What goes with either of {@link KeepLatestOptions}. */
export interface UpdatingOptions extends StateTtlOption, UpdateBeforeOption {
  /** What is first and last: by arrival (default) or by event time. */
  readonly time?: 'processing' | 'event';
  /** False: a key's first record comes as `updateAfter` as well, if `updateBefore` is left out. Default true. */
  readonly generateInsert?: boolean;
  readonly miniBatch?: MiniBatchOptions;
}

/** Options of `deduplicate()` by window. */
export interface WindowDeduplicateOptions<T> {
  /** By event time; of equal ones the first, or last, that came. Default `first`. */
  readonly keep?: 'first' | 'last';
  /** Time at which the record's window ends, ms since the epoch, exclusive; records come out when the watermark is there. */
  readonly windowEnd: (record: DeepReadonly<T>) => number;
}

/** All options of `deduplicate()`. */
export interface DeduplicateOptions extends UpdatingOptions {
  readonly keep?: 'first' | 'last';
  readonly emit?: 'append' | 'update';
  readonly within?: Duration;
}

/** Options of `normalize()`. */
export interface NormalizeOptions<T> extends StateTtlOption, UpdateBeforeOption {
  /** Rows that do not pass are not there: one that no longer passes is deleted. */
  readonly filter?: (row: DeepReadonly<T>) => boolean;
  readonly miniBatch?: MiniBatchOptions;
}

const OPTIONS = [
  'keep',
  'time',
  'emit',
  'within',
  'stateTtl',
  'generateUpdateBefore',
  'generateInsert',
  'miniBatch',
];

/** Result of deduplicating: records, where the mode is undefined, or changes. */
export interface Deduplicated {
  readonly added: Transformation;
  readonly mode: ChangelogMode | undefined;
}

/** @throws {MillraceError} MR_OPTION_INVALID, MR_CHANGELOG_REFUSED for rows that change */
export function addDeduplicate(input: KeyedInput, options: DeduplicateOptions): Deduplicated {
  const what = 'deduplicate()';
  refuseUnknownOptions(what, options, OPTIONS);
  checkFinal(what, input.mode);
  const keep = oneOf('`keep` of deduplicate()', options.keep ?? 'first', ['first', 'last']);
  const time = oneOf('`time` of deduplicate()', options.time ?? 'processing', ['processing', 'event']);
  const emit = oneOf('`emit` of deduplicate()', options.emit ?? (keep === 'last' ? 'update' : 'append'), [
    'append',
    'update',
  ]);
  if (keep === 'last' && emit === 'append')
    throw invalidOption(
      "Cannot emit the last record of a key once and for all: a later one may come; write emit: 'update'",
    );
  const isBounded = options.within !== undefined;
  if (isBounded && (emit === 'update' || time === 'event'))
    throw invalidOption(
      "Cannot bound this deduplicate() by `within`: it goes with keep: 'first' by arrival; use `stateTtl` here",
    );
  if (options.miniBatch !== undefined && time === 'event' && emit === 'append')
    throw invalidOption(
      'Cannot use `miniBatch` of deduplicate() here: a record by event time comes out with the watermark',
    );
  const generateUpdateBefore = updateBefore(what, options);
  const added = addRunning(
    input,
    {
      kind: 'deduplicate',
      keep,
      time,
      output: emit === 'append' ? 'append' : 'changelog',
      withinMs:
        options.within === undefined ? Infinity : positiveMs('`within` of deduplicate()', options.within),
      generateUpdateBefore,
      generateInsert: options.generateInsert ?? true,
      stateTtlMs: ttlMs(what, options.stateTtl),
      ...(options.miniBatch === undefined ? {} : { miniBatch: miniBatchSpec(what, options.miniBatch) }),
    },
    'deduplicate',
  );
  if (emit === 'append') return { added, mode: undefined };
  return { added, mode: { updateBefore: generateUpdateBefore, updateAfter: true, delete: false } };
}

/** @throws {MillraceError} MR_OPTION_INVALID */
export function addWindowDeduplicate(
  input: KeyedInput,
  options: WindowDeduplicateOptions<never>,
): Transformation {
  refuseUnknownOptions('deduplicate()', options, ['keep', 'windowEnd']);
  const keep = oneOf('`keep` of deduplicate()', options.keep ?? 'first', ['first', 'last']);
  return addRunning(
    input,
    {
      kind: 'windowTopN',
      limit: 1,
      firstRank: 1,
      orderBy: [],
      isLatestFirst: keep === 'last',
      windowEnd: recordFunction('`windowEnd` of deduplicate()', options.windowEnd),
    },
    'window deduplicate',
  );
}

/** @throws {MillraceError} MR_OPTION_INVALID */
export function addNormalize(input: KeyedInput, options: NormalizeOptions<never>): Deduplicated {
  const what = 'normalize()';
  refuseUnknownOptions(what, options, ['filter', 'stateTtl', 'generateUpdateBefore', 'miniBatch']);
  const generateUpdateBefore = updateBefore(what, options);
  const added = addRunning(
    input,
    {
      kind: 'normalize',
      ...(options.filter === undefined
        ? {}
        : { filter: recordFunction('`filter` of normalize()', options.filter) }),
      generateUpdateBefore,
      stateTtlMs: ttlMs(what, options.stateTtl),
      ...(options.miniBatch === undefined ? {} : { miniBatch: miniBatchSpec(what, options.miniBatch) }),
    },
    'normalize',
  );
  return { added, mode: { updateBefore: generateUpdateBefore, updateAfter: true, delete: true } };
}

/** Adds what makes the rows of a changelog distinct. */
export function addDistinct(input: KeyedInput, options: StateTtlOption, keepsRow: boolean): Deduplicated {
  refuseUnknownOptions('distinct()', options, ['stateTtl']);
  const stateTtlMs = ttlMs('distinct()', options.stateTtl);
  const { mode } = input;
  if (mode === undefined || isAppendOnly(mode)) {
    const added = addRunning(
      input,
      {
        kind: 'deduplicate',
        keep: 'first',
        time: 'processing',
        output: mode === undefined ? 'append' : 'changelog',
        withinMs: Infinity,
        generateUpdateBefore: false,
        generateInsert: true,
        stateTtlMs,
      },
      'distinct',
    );
    return { added, mode };
  }
  if (mode.updateAfter && !mode.updateBefore)
    throw changelogRefused(
      'Cannot make rows distinct that are updated without `updateBefore`: write .normalize((row) => row.id) before it',
    );
  const added = addRunning(input, { kind: 'distinct', keepsRow, stateTtlMs }, 'distinct');
  return { added, mode: { updateBefore: false, updateAfter: false, delete: true } };
}
