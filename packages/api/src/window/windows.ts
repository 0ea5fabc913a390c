// Window assigners.
import type { Duration } from '@millrace/common';
import type { WindowAssignerSpec } from '../graph/operator.ts';
import { invalidOption, positiveMs, refuseUnknownOptions, wholeMs } from '../options/check-options.ts';

/** Slices that one window may consist of: its length divided by the greatest common divisor of length and slide. */
const SLICES_PER_WINDOW_MAX = 100_000;

/** Options of {@link tumbling} and {@link sliding}. */
export interface WindowOptions {
  /** Moves the windows' starts, which otherwise are at multiples of the slide since the epoch, UTC. 0 ≤ offset < slide. */
  readonly offset?: Duration;
  /** `processing`: windows of the wall clock. Results then depend on when records come. Default `event`. */
  readonly time?: 'event' | 'processing';
}

/** Windows of equal length, one after the other. */
export function tumbling(length: Duration, options: WindowOptions = {}): WindowAssignerSpec {
  return assigner('tumbling', { length, slide: length }, options);
}

/** Windows of equal length, one starting every `slide`: a record is in length / slide of them. */
export function sliding(length: Duration, slide: Duration, options: WindowOptions = {}): WindowAssignerSpec {
  return assigner('sliding', { length, slide }, options);
}

/** One window over everything, which fires at the end of a bounded input. It needs no watermarks. */
export function endOfInput(): WindowAssignerSpec {
  return Object.freeze({ kind: 'endOfInput', timeDomain: 'event', sizeMs: 0, slideMs: 0, offsetMs: 0 });
}

function assigner(
  kind: 'tumbling' | 'sliding',
  { length, slide }: { readonly length: Duration; readonly slide: Duration },
  options: WindowOptions,
): WindowAssignerSpec {
  refuseUnknownOptions(`${kind}()`, options, ['offset', 'time']);
  const sizeMs = positiveMs(`the length of a ${kind} window`, length);
  const slideMs = positiveMs(`the slide of a ${kind} window`, slide);
  const offsetMs = wholeMs(`the offset of a ${kind} window`, options.offset ?? 0);
  const timeDomain = options.time ?? 'event';
  if (slideMs > sizeMs) {
    throw invalidOption(
      `Cannot slide a window of ${sizeMs} ms by ${slideMs} ms: the slide must not be longer than the window`,
    );
  }
  if (sizeMs / greatestCommonDivisor(sizeMs, slideMs) > SLICES_PER_WINDOW_MAX) {
    throw invalidOption(
      `Cannot slice a window of ${sizeMs} ms that slides by ${slideMs} ms: it would have more than ${SLICES_PER_WINDOW_MAX} ` +
        'slices; use a slide that divides the length, or a longer one',
    );
  }
  if (offsetMs >= slideMs) {
    throw invalidOption(
      `Cannot offset windows by ${offsetMs} ms: the offset must be less than ${slideMs} ms, when the next one starts`,
    );
  }
  if (timeDomain !== 'event' && timeDomain !== 'processing') {
    throw invalidOption(
      `Cannot use "${String(timeDomain)}" as the time of a window: write 'event' or 'processing'`,
    );
  }
  return Object.freeze({ kind, timeDomain, sizeMs, slideMs, offsetMs });
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
