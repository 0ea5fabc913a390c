// A pattern that runs: the one of the program, or a rule that came as data.
import { compilePattern } from './compile-pattern.ts';
import { Matcher, type MatcherOptions } from './matcher.ts';
import type { PatternSpec } from '@millrace/api';

/** One pattern of an operator. */
export interface RunningPattern {
  /** Names its state. Never given twice. */
  readonly number: number;
  readonly matcher: Matcher;
  /** Only events from this time on start matches. Of a rule: its own event time, or -Infinity. */
  readonly sinceMs: number;
  /** From this time on no more do: another version took its place, or its rule was retired. */
  readonly untilMs: number;
  /** Of a rule; the program's own pattern has an empty name. */
  readonly rule: string;
  readonly version: number;
}

export function runningPattern(
  spec: PatternSpec,
  of: Omit<RunningPattern, 'matcher'>,
  options: MatcherOptions,
): RunningPattern {
  return { ...of, matcher: new Matcher(compilePattern(spec), options) };
}
