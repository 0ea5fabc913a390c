// The operator of a pattern, or of patterns that come as data.
import type { JobParameters } from '../job/job-parameters.ts';
import type { PatternSpec } from '../pattern/pattern-spec.ts';
import type { UserFunction } from './operator.ts';

/**
 * Emits what `onMatch` makes of matches. Without a pattern it has a second input, which is broadcast: rules that come as data,
 * whose matches are `{ rule, version, key, match }`.
 */
export interface PatternOperatorSpec {
  readonly kind: 'pattern';
  readonly pattern: PatternSpec | undefined;
  readonly params: JobParameters;
  readonly timeDomain: 'event' | 'processing';
  /** False: all records have one key. */
  readonly isKeyed: boolean;
  /** Order of events of equal event time. */
  readonly compare?: UserFunction;
  readonly partialMatchesMax: number;
  /** Names of side outputs. */
  readonly lateOutput?: string;
  readonly timedOutOutput?: string;
  /** `(partial match, context)` → record for the side output; unset: `{ match, timedOutAt }`. */
  readonly onTimedOut?: UserFunction;
  /** `(match, context)` → a record, or with `isFlat` an iterable of them; unset: the match. */
  readonly onMatch?: UserFunction;
  readonly isFlat: boolean;
}
