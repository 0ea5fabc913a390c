// After-match skip strategies: how many matches an event may be in.
import { refuseUnknownOptions } from '../options/check-options.ts';
import type { SkipSpec } from './pattern-spec.ts';

declare const skipName: unique symbol;

/** A strategy; `Name` is a step that it needs. Source: Flink's AfterMatchSkipStrategy. */
export type SkipStrategy<Name extends string = never> = SkipSpec & {
  readonly [skipName]?: Name;
};

/** Options of {@link skipToFirst} and {@link skipToLast}. */
export interface SkipOptions {
  /**
   * Fail when the match has no event of that name, or when the event is the first one of the match, so that nothing would be
   * skipped. Default: such a match skips nothing.
   */
  readonly throwOnMiss?: boolean;
}

/** Every possible match is emitted; the default. */
export function noSkip(): SkipStrategy {
  return strategy('noSkip');
}

/** Drops every partial match that started with the same event as the emitted one. */
export function skipToNext(): SkipStrategy {
  return strategy('skipToNext');
}

/** Drops every partial match that started before the emitted one ended: no event is in two matches. */
export function skipPastLastEvent(): SkipStrategy {
  return strategy('skipPastLastEvent');
}

/** Drops every partial match that started before the first event of step `name` in the emitted one. */
export function skipToFirst<const Name extends string>(
  name: Name,
  options: SkipOptions = {},
): SkipStrategy<Name> {
  return strategy('skipToFirst', name, options);
}

/** Drops every partial match that started before the last event of step `name` in the emitted one. */
export function skipToLast<const Name extends string>(
  name: Name,
  options: SkipOptions = {},
): SkipStrategy<Name> {
  return strategy('skipToLast', name, options);
}

function strategy(kind: SkipSpec['kind'], name = '', options: SkipOptions = {}): SkipSpec {
  refuseUnknownOptions(`${kind}()`, options, ['throwOnMiss']);
  return Object.freeze({ kind, name, throwsOnMiss: options.throwOnMiss === true });
}
