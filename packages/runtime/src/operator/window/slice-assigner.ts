// Which slice an event time is in, and which windows a slice is in. Pure arithmetic on milliseconds; a window or slice is
// named by its end, and is half-open: [end − length, end).
import { invariant } from '@millrace/common';
import type { WindowAssignerSpec } from '@millrace/api';

/** Windows of one length that start every slide, cut into slices that no window's edge divides. */
export class SliceAssigner {
  readonly sizeMs: number;
  readonly slideMs: number;
  readonly offsetMs: number;
  /** Length of a slice: the greatest common divisor of length and slide. */
  readonly sliceMs: number;

  constructor(spec: WindowAssignerSpec) {
    invariant(
      spec.sizeMs > 0 && spec.slideMs > 0 && spec.slideMs <= spec.sizeMs,
      'a window has a length and a slide',
    );
    this.sizeMs = spec.sizeMs;
    this.slideMs = spec.slideMs;
    this.offsetMs = spec.offsetMs;
    this.sliceMs = greatestCommonDivisor(spec.sizeMs, spec.slideMs);
  }

  /** End of the slice that `timestampMs` is in. */
  sliceEnd(timestampMs: number): number {
    return (Math.floor((timestampMs - this.offsetMs) / this.sliceMs) + 1) * this.sliceMs + this.offsetMs;
  }

  /** End of the first window that ends after `timestampMs`. */
  windowEndAfter(timestampMs: number): number {
    const phase = this.offsetMs + this.sizeMs;
    return (Math.floor((timestampMs - phase) / this.slideMs) + 1) * this.slideMs + phase;
  }

  firstWindowEnd(sliceEnd: number): number {
    return this.windowEndAfter(sliceEnd - 1);
  }

  lastWindowEnd(sliceEnd: number): number {
    return this.windowEndAfter(sliceEnd - this.sliceMs + this.sizeMs - this.slideMs);
  }

  /** End of the earliest window of a slice that ends after `afterMs`, or NaN when it has none. */
  nextWindowEnd(sliceEnd: number, afterMs: number): number {
    if (afterMs === Infinity) return NaN;
    const end = this.windowEndAfter(Math.max(sliceEnd - 1, afterMs));
    return end <= this.lastWindowEnd(sliceEnd) ? end : NaN;
  }
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
