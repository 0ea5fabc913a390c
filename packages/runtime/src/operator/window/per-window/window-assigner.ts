// Which windows a record is in, as bounds. Pure arithmetic; the sliced operator does without it.
import { unreachable } from '@millrace/common';
import type { SlicedAssignerSpec, WindowAssignerSpec } from '@millrace/api';
import type { Bounds } from './window-key.ts';

/** `at`: event time or clock in milliseconds, or the number of the record within its key. */
export type AssignWindows = (at: number, gapMs: number) => readonly Bounds[];

const GLOBAL: readonly Bounds[] = [Object.freeze({ start: -Infinity, end: Infinity })];

/**
 * Returns the function that assigns windows: in the order in which a record meets them, which is Flink's, of sliding windows the
 * newest first. Sessions are not yet merged.
 */
export function windowAssigner(spec: WindowAssignerSpec): AssignWindows {
  switch (spec.kind) {
    case 'tumbling':
    case 'sliding':
      return (at) => slidingWindows(at, spec);
    case 'cumulating':
      return (at) => cumulatingWindows(at, spec);
    case 'session':
      return (at, gapMs) => [{ start: at, end: at + gapMs }];
    case 'count':
      return (at) => countWindows(at, spec.size, spec.slide);
    case 'global':
    case 'endOfInput':
      return () => GLOBAL;
    default:
      return unreachable(spec);
  }
}

function slidingWindows(at: number, { sizeMs, slideMs, offsetMs }: SlicedAssignerSpec): readonly Bounds[] {
  const windows: Bounds[] = [];
  for (let start = startOf(at, slideMs, offsetMs); start > at - sizeMs; start -= slideMs)
    windows.push({ start, end: start + sizeMs });
  return windows;
}

function cumulatingWindows(at: number, { sizeMs, slideMs, offsetMs }: SlicedAssignerSpec): readonly Bounds[] {
  const start = startOf(at, sizeMs, offsetMs);
  const windows: Bounds[] = [];
  for (let end = startOf(at, slideMs, offsetMs) + slideMs; end <= start + sizeMs; end += slideMs)
    windows.push({ start, end });
  return windows;
}

function countWindows(number: number, size: number, slide: number): readonly Bounds[] {
  const windows: Bounds[] = [];
  const first = Math.max(0, (Math.floor((number - size) / slide) + 1) * slide);
  for (let start = first; start <= number; start += slide) windows.push({ start, end: start + size });
  return windows;
}

function startOf(at: number, period: number, offset: number): number {
  return Math.floor((at - offset) / period) * period + offset;
}
