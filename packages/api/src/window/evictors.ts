// Evictors: records that leave a window before or after its function sees it.
import type { Duration } from '@millrace/common';
import { recordFunction } from '../function/check-function.ts';
import type { EvictorSpec } from '../graph/window-spec.ts';
import {
  integerOption,
  invalidOption,
  oneOf,
  refuseUnknownOptions,
  wholeMs,
} from '../options/check-options.ts';
import type { Window } from './window-function.ts';

declare const inputType: unique symbol;

/** An evictor over records `In` (as functions see them). A window with one keeps all its records. Source: Flink's Evictor. */
export type Evictor<In = unknown> = EvictorSpec & { readonly [inputType]?: (record: In) => void };

/** A record in a window, in the order in which they came. */
export interface WindowElement<In> {
  readonly record: In;
  /** Event time, ms since the epoch, UTC; NaN if it has none. */
  readonly timestamp: number;
}

/** What an evictor knows while it is called. */
export interface EvictorContext {
  readonly watermark: number;
  /** The wall clock, ms since the epoch. */
  now(): number;
}

/** Which records stay. Contract: returns some of `elements`, in their order. */
export type Evict<In> = (
  elements: readonly WindowElement<In>[],
  window: Window,
  context: EvictorContext,
) => readonly WindowElement<In>[];

/** Options of the built-in evictors. */
export interface EvictorOptions {
  /** Whether they leave before the window's function is called, or after it. Default `before`. */
  readonly when?: 'before' | 'after';
}

/** Keeps the newest `count` records. */
export function countEvictor(count: number, options: EvictorOptions = {}): Evictor {
  integerOption('the count of countEvictor()', count, { min: 0 });
  return builtIn('countEvictor()', `newest ${count} records`, options, (elements) =>
    elements.length <= count ? elements : elements.slice(elements.length - count),
  );
}

/** Drops records whose event time is `size` or more before the greatest in the window; those without event time stay. */
export function timeEvictor(size: Duration, options: EvictorOptions = {}): Evictor {
  const sizeMs = wholeMs('the size of timeEvictor()', size);
  return builtIn('timeEvictor()', `records of the last ${sizeMs} ms`, options, (elements) => {
    let newest = -Infinity;
    for (const { timestamp } of elements) if (timestamp > newest) newest = timestamp;
    // Of NaN neither is true.
    return elements.filter(({ timestamp }) => !(timestamp <= newest - sizeMs));
  });
}

/** Drops records whose delta to the newest one is `threshold` or more. */
export function deltaEvictor<In>(
  threshold: number,
  delta: (record: In, newest: In) => number,
  options: EvictorOptions = {},
): Evictor<In> {
  if (typeof threshold !== 'number' || Number.isNaN(threshold))
    throw invalidOption('Cannot use deltaEvictor() without a threshold: write a number');
  recordFunction('the delta of deltaEvictor()', delta);
  return builtIn('deltaEvictor()', `delta to the newest below ${threshold}`, options, (elements) => {
    const newest = elements.at(-1);
    if (newest === undefined) return elements;
    return elements.filter(({ record }) => !(delta(record as In, newest.record as In) >= threshold));
  });
}

/** An evictor of one's own. */
export function evictor<In>(functions: {
  readonly evictBefore?: Evict<In>;
  readonly evictAfter?: Evict<In>;
}): Evictor<In> {
  refuseUnknownOptions('evictor()', functions, ['evictBefore', 'evictAfter']);
  const { evictBefore, evictAfter } = functions;
  if (evictBefore === undefined && evictAfter === undefined)
    throw invalidOption('Cannot make an evictor of nothing: write evictor({ evictBefore: … })');
  return Object.freeze({
    description: 'custom',
    ...(evictBefore === undefined
      ? {}
      : { evictBefore: recordFunction('`evictBefore` of evictor()', evictBefore) }),
    ...(evictAfter === undefined
      ? {}
      : { evictAfter: recordFunction('`evictAfter` of evictor()', evictAfter) }),
  });
}

function builtIn(
  what: string,
  description: string,
  options: EvictorOptions,
  evict: Evict<unknown>,
): EvictorSpec {
  refuseUnknownOptions(what, options, ['when']);
  const when = oneOf(`\`when\` of ${what}`, options.when ?? 'before', ['before', 'after']);
  return Object.freeze(
    when === 'before'
      ? { description, evictBefore: evict }
      : { description: `${description}, after the function`, evictAfter: evict },
  );
}
