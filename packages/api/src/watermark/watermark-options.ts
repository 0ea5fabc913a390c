// What a watermark strategy says besides where event time comes from: when a split counts as idle, records from the future, and
// how far its source may run ahead of others.
import type { Duration } from '@millrace/common';
import {
  givenOptions,
  oneOf,
  positiveMs,
  refuseUnknownOptions,
  textOption,
} from '../options/check-options.ts';

/** Options of every strategy that gives watermarks. */
export interface WatermarkOptions {
  /**
   * A split of an unbounded source that was asked for so long and had nothing does not hold the watermark back any more. It counts only
   * while the source is caught up and able to read. Default 30 seconds; `never`: a silent split holds it back for ever.
   */
  readonly idleAfter?: Duration;
  /**
   * A record whose event time is more than this ahead of the wall clock does not move the watermark, so that one wrong date does not close
   * all windows. Such records are counted. Unset: any event time moves it.
   */
  readonly maxAhead?: Duration;
  /**
   * What becomes of records further ahead than `maxAhead`. `hold` (the default): they go on with their event time, and wait in their
   * windows. `error`: the operator fails on them (MR_EVENT_TIME_AHEAD), and `.onError(…)` says what follows.
   */
  readonly onAhead?: 'hold' | 'error';
  /**
   * Sources of one group wait for each other: a split whose watermark is more than `maxDrift` ahead of the least of the group is not read
   * until the others have come closer. Directly behind a source only. The least `maxDrift` of a group counts for all of it.
   */
  readonly alignment?: AlignmentOptions;
}

/** Which sources wait for each other, and how far apart they may be. */
export interface AlignmentOptions {
  readonly group: string;
  readonly maxDrift: Duration;
}

/** The same as the engine reads it. Units: ms. */
export interface WatermarkTiming {
  /** null: never. Absent: the engine's default. */
  readonly idleAfterMs?: number | null;
  readonly ahead?: { readonly maxMs: number; readonly action: 'hold' | 'error' };
  readonly alignment?: { readonly group: string; readonly maxDriftMs: number };
}

const OPTIONS = ['idleAfter', 'maxAhead', 'onAhead', 'alignment'] as const;

/** @throws {MillraceError} MR_OPTION_INVALID */
export function watermarkTiming(
  strategy: string,
  options: WatermarkOptions,
  known: readonly (typeof OPTIONS)[number][] = OPTIONS,
): WatermarkTiming {
  refuseUnknownOptions(strategy, options, known);
  const { idleAfter, maxAhead, onAhead, alignment } = givenOptions(options);
  const action = oneOf('`onAhead` of watermarks', onAhead ?? 'hold', ['hold', 'error']);
  return {
    ...(idleAfter === undefined
      ? {}
      : { idleAfterMs: idleAfter === 'never' ? null : positiveMs('`idleAfter` of watermarks', idleAfter) }),
    ...(maxAhead === undefined
      ? {}
      : { ahead: { maxMs: positiveMs('`maxAhead` of watermarks', maxAhead), action } }),
    ...(alignment === undefined ? {} : { alignment: alignmentOf(alignment) }),
  };
}

function alignmentOf(options: AlignmentOptions): NonNullable<WatermarkTiming['alignment']> {
  refuseUnknownOptions('`alignment` of watermarks', options, ['group', 'maxDrift']);
  return {
    group: textOption('`group` of alignment', options.group),
    maxDriftMs: positiveMs('`maxDrift` of alignment', options.maxDrift),
  };
}
