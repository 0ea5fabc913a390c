// Which slice an event time is in, and which windows a slice is in. Pure arithmetic on milliseconds; a window or slice is
// named by its end, and is half-open: [end − length, end).
import { invariant } from '@millrace/common';
import type { SlicedAssignerSpec } from '@millrace/api';

/**
 * Windows of one length that start every slide, or that start together and grow by it, cut into slices that no window's edge
 * divides.
 */
export class SliceAssigner {
  readonly sizeMs: number;
  readonly slideMs: number;
  readonly offsetMs: number;
  /** Length of a slice: the greatest common divisor of length and slide. */
  readonly sliceMs: number;
  readonly #isCumulating: boolean;

  constructor(spec: SlicedAssignerSpec) {
    invariant(
      spec.sizeMs > 0 && spec.slideMs > 0 && spec.slideMs <= spec.sizeMs,
      'a window has a length and a slide',
    );
    this.sizeMs = spec.sizeMs;
    this.slideMs = spec.slideMs;
    this.offsetMs = spec.offsetMs;
    this.sliceMs = greatestCommonDivisor(spec.sizeMs, spec.slideMs);
    this.#isCumulating = spec.kind === 'cumulating';
  }

  /** End of the slice that `timestampMs` is in. */
  sliceEnd(timestampMs: number): number {
    return endAfter(timestampMs, this.sliceMs, this.offsetMs);
  }

  /** End of the first window that ends after `timestampMs`. */
  windowEndAfter(timestampMs: number): number {
    // Cumulating windows end where their slices do.
    return endAfter(
      timestampMs,
      this.slideMs,
      this.#isCumulating ? this.offsetMs : this.offsetMs + this.sizeMs,
    );
  }

  windowStart(windowEnd: number): number {
    return this.#isCumulating
      ? endAfter(windowEnd - 1, this.sizeMs, this.offsetMs) - this.sizeMs
      : windowEnd - this.sizeMs;
  }

  firstWindowEnd(sliceEnd: number): number {
    return this.windowEndAfter(sliceEnd - 1);
  }

  lastWindowEnd(sliceEnd: number): number {
    return this.#isCumulating
      ? endAfter(sliceEnd - 1, this.sizeMs, this.offsetMs)
      : this.windowEndAfter(sliceEnd - this.sliceMs + this.sizeMs - this.slideMs);
  }

  /** End of the first slice of which a window ends after `timestampMs`. */
  firstSliceAlive(timestampMs: number): number {
    if (!this.#isCumulating) return this.windowEndAfter(timestampMs) - this.sizeMs + this.sliceMs;
    return endAfter(timestampMs, this.sizeMs, this.offsetMs) - this.sizeMs + this.sliceMs;
  }

  /** End of the earliest window of a slice that ends after `afterMs`, or NaN when it has none. */
  nextWindowEnd(sliceEnd: number, afterMs: number): number {
    if (afterMs === Infinity) return NaN;
    const end = this.windowEndAfter(Math.max(sliceEnd - 1, afterMs));
    return end <= this.lastWindowEnd(sliceEnd) ? end : NaN;
  }
}

/** The first of the points that lie `period` apart, `phase` being one, after `timestampMs`. */
function endAfter(timestampMs: number, period: number, phase: number): number {
  return (Math.floor((timestampMs - phase) / period) + 1) * period + phase;
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
