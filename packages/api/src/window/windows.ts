// Window assigners: which windows a record is in.
import type { Duration } from '@millrace/common';
import { recordFunction } from '../function/check-function.ts';
import type { SlicedAssignerSpec, WindowAssignerSpec } from '../graph/window-spec.ts';
import {
  describe,
  integerOption,
  invalidOption,
  positiveMs,
  refuseUnknownOptions,
  wholeMs,
} from '../options/check-options.ts';

declare const inputType: unique symbol;

/** Assigns records `In` (as functions see them) to windows. */
export type WindowAssigner<In = unknown> = WindowAssignerSpec & {
  readonly [inputType]?: (record: In) => void;
};

/** Slices that one window may consist of: its length divided by the greatest common divisor of length and slide. */
const SLICES_PER_WINDOW_MAX = 100_000;
/** Records of a count window at most. */
const COUNT_SIZE_MAX = 10_000_000;
/** Count windows that a record may be in. */
const COUNT_WINDOWS_MAX = 1_000;

/** Which clock a window is about. */
interface TimeOptions {
  /** `processing`: windows of the wall clock. Results then depend on when records come. Default `event`. */
  readonly time?: 'event' | 'processing';
}

/** Options of {@link tumbling}, {@link sliding} and {@link cumulating}. */
export interface WindowOptions extends TimeOptions {
  /**
   * Moves the windows' starts, which otherwise are at multiples of the slide since the epoch, UTC; by a negative number of
   * milliseconds to earlier times. −slide < offset < slide: `-8 * 3_600_000` for days of UTC+8.
   */
  readonly offset?: Duration;
}

/** Options of {@link session}. */
export type SessionOptions = TimeOptions;

/** Windows of equal length, one after the other. */
export function tumbling(length: Duration, options: WindowOptions = {}): WindowAssigner {
  return sliced('tumbling', { length, slide: length }, options);
}

/**
 * Windows of equal length, one starting every `slide`: a record is in length / slide of them. With a slide longer than the
 * length there are gaps, whose records are in no window. Source: Flink's SlidingEventTimeWindows.
 */
export function sliding(length: Duration, slide: Duration, options: WindowOptions = {}): WindowAssigner {
  return sliced('sliding', { length, slide }, options);
}

/**
 * Windows that start together and grow by `step` up to `maxLength`, when the next ones start: the day so far, every hour.
 * `step` divides `maxLength`. Source: Flink's CUMULATE.
 */
export function cumulating(maxLength: Duration, step: Duration, options: WindowOptions = {}): WindowAssigner {
  return sliced('cumulating', { length: maxLength, slide: step }, options);
}

/**
 * Windows that end when a key has had no record for the gap; a record between two of them makes them one. With a function each
 * record has its own gap, in milliseconds; 0: it only belongs to sessions that it touches. A gap that is no number of 0 or
 * more is a failure of its record.
 */
export function session<In>(
  gap: Duration | ((record: In) => number),
  options: SessionOptions = {},
): WindowAssigner<In> {
  refuseUnknownOptions('session()', options, ['time']);
  const timeDomain = timeOf(options);
  return Object.freeze(
    typeof gap === 'function'
      ? { kind: 'session', timeDomain, gap: recordFunction('the gap of session()', gap) }
      : { kind: 'session', timeDomain, gapMs: positiveMs('the gap of session()', gap) },
  );
}

/** One window over everything, which fires at the end of a bounded input. It needs no watermarks. */
export function endOfInput(): WindowAssigner {
  return Object.freeze({ kind: 'endOfInput', timeDomain: 'event', sizeMs: 0, slideMs: 0, offsetMs: 0 });
}

/** One window over everything, which fires when its trigger says so: `.trigger(…)` has to be given. Source: Flink's GlobalWindows. */
export function globalWindow(): WindowAssigner {
  return Object.freeze({ kind: 'global', timeDomain: 'none' });
}

/**
 * Windows of `size` records of a key, in the order in which they come; one starts every `slide` records, `size` unless given.
 * Only full windows fire. `windowStart` and `windowEnd` are numbers of records, the first being 0. A record is added to
 * size / slide windows; with aggregates or `reduce` once, to a pane that windows share, where size and slide have a common divisor
 * (of at least a thousandth of the size). Bounds: size ≤ 10,000,000, size / slide ≤ 1,000. Source: Flink's Table API, windows over rows.
 */
export function countWindow(size: number, slide: number = size): WindowAssigner {
  integerOption('the size of countWindow()', size, { min: 1, max: COUNT_SIZE_MAX });
  integerOption('the slide of countWindow()', slide, { min: 1, max: size });
  if (size / slide > COUNT_WINDOWS_MAX)
    throw invalidOption(
      `Cannot slide a window of ${size} records by ${slide}: a record would be in more than ${COUNT_WINDOWS_MAX} windows`,
    );
  return Object.freeze({ kind: 'count', timeDomain: 'none', size, slide });
}

const KINDS: ReadonlySet<unknown> = new Set<WindowAssignerSpec['kind']>([
  'tumbling',
  'sliding',
  'cumulating',
  'session',
  'global',
  'count',
  'endOfInput',
]);

/** @throws {MillraceError} MR_OPTION_INVALID for what is no assigner */
export function checkAssigner(assigner: WindowAssignerSpec): void {
  if (KINDS.has(assigner?.kind)) return;
  throw invalidOption(
    `Cannot use ${describe(assigner)} as a window: write tumbling(…), sliding(…), cumulating(…), session(…), countWindow(…), ` +
      'globalWindow() or endOfInput()',
  );
}

function sliced(
  kind: 'tumbling' | 'sliding' | 'cumulating',
  { length, slide }: { readonly length: Duration; readonly slide: Duration },
  options: WindowOptions,
): SlicedAssignerSpec {
  refuseUnknownOptions(`${kind}()`, options, ['offset', 'time']);
  const step = kind === 'cumulating' ? 'step' : 'slide';
  const sizeMs = positiveMs(`the length of a ${kind} window`, length);
  const slideMs = positiveMs(`the ${step} of a ${kind} window`, slide);
  const offsetMs = offsetOf(kind, options.offset ?? 0);
  const timeDomain = timeOf(options);
  if (kind === 'cumulating' && sizeMs % slideMs !== 0)
    throw invalidOption(
      `Cannot let a window of ${sizeMs} ms grow by ${slideMs} ms: the step has to divide the length`,
    );
  if (slideMs < sizeMs && sizeMs / greatestCommonDivisor(sizeMs, slideMs) > SLICES_PER_WINDOW_MAX) {
    throw invalidOption(
      `Cannot slice a window of ${sizeMs} ms that slides by ${slideMs} ms: it would have more than ${SLICES_PER_WINDOW_MAX} ` +
        'slices; use a slide that divides the length, or a longer one',
    );
  }
  const period = kind === 'cumulating' ? sizeMs : slideMs;
  if (Math.abs(offsetMs) >= period) {
    throw invalidOption(
      `Cannot offset windows by ${offsetMs} ms: the offset must be less than ${period} ms, when the next one starts`,
    );
  }
  return Object.freeze({ kind, timeDomain, sizeMs, slideMs, offsetMs });
}

function offsetOf(kind: string, offset: Duration): number {
  return typeof offset === 'number' && offset < 0
    ? -wholeMs(`the offset of a ${kind} window`, -offset)
    : wholeMs(`the offset of a ${kind} window`, offset);
}

function timeOf({ time = 'event' }: TimeOptions): 'event' | 'processing' {
  if (time === 'event' || time === 'processing') return time;
  throw invalidOption(`Cannot use "${String(time)}" as the time of a window: write 'event' or 'processing'`);
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
