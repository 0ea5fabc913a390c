// Rules as data: patterns that come over a broadcast stream, change and are retired while the job runs.
import { MillraceError } from '@millrace/common';
import type { PatternJson } from '@millrace/api';
import { parsePatternRule, patternOfJson } from '@millrace/api';
import type { MatcherOptions } from './matcher.ts';
import { RuleIndex } from './rule-index.ts';
import { runningPattern, type RunningPattern } from './running-pattern.ts';

/** Versions that no longer start matches, but whose partial matches may end, at most: the oldest is dropped for one more. */
const DRAINING_MAX = 100;

/** Rules at once. What they say must fit into the broadcast state as well. */
const RULES_MAX = 100_000;

/** A version of a rule as the broadcast state has it, by its number. */
interface RuleVersion {
  readonly rule: string;
  readonly version: number;
  readonly pattern: unknown;
  /** Event times between which it starts matches; null: from its arrival on, and until nothing took its place. */
  readonly sinceMs: number | null;
  readonly untilMs: number | null;
  readonly isDraining: boolean;
}

/** The broadcast state: versions by number, and the next number under {@link NEXT}. */
export interface RuleMap {
  get(key: unknown): unknown;
  put(key: unknown, value: unknown): void;
  remove(key: unknown): void;
  entries(): Iterable<[unknown, unknown]>;
}

interface Known {
  version: RuleVersion;
  /** Once an event needs it. */
  running: RunningPattern | undefined;
}

const NEXT = 'next';

/**
 * The rules of an operator.
 * Contract: what `take` does depends on the rules before it and the record alone, so that all subtasks have the same. A version
 * that another takes the place of goes on with the partial matches that it has. `learn` comes before all else.
 * Complexity: `take` costs a step a draining version, however many rules there are. Threading: the task's thread.
 */
export class PatternRules {
  readonly #options: (rule: string) => MatcherOptions;
  readonly #dropPattern: (patternNumber: number) => void;
  /** What follows is derived from the broadcast state. */
  readonly #known = new Map<number, Known>();
  /** By rule, the number of the version that starts matches. */
  readonly #active = new Map<string, number>();
  /** Ascending. */
  #draining: number[] = [];
  readonly #index = new RuleIndex();
  #hasLearned = false;

  constructor(options: (rule: string) => MatcherOptions, dropPattern: (patternNumber: number) => void) {
    this.#options = options;
    this.#dropPattern = dropPattern;
  }

  /** Takes in what was restored, once. */
  learn(map: Pick<RuleMap, 'entries'>): void {
    if (this.#hasLearned) return;
    this.#hasLearned = true;
    const versions = [...map.entries()].filter(([number]) => typeof number === 'number');
    for (const [number, version] of versions.sort(([a], [b]) => Number(a) - Number(b)))
      this.#set(number as number, version as RuleVersion);
  }

  /** Numbers of the versions that the event may begin a match of, ascending. */
  starting(event: unknown): readonly number[] {
    return this.#index.starting(event);
  }

  /** undefined: it was dropped. */
  byNumber(number: number): RunningPattern | undefined {
    const known = this.#known.get(number);
    if (known === undefined) return undefined;
    return (known.running ??= this.#run(number, known.version));
  }

  /**
   * Adds, changes or retires a rule, from `timestampMs` on, or if that is NaN from now on.
   * @throws {MillraceError} MR_PATTERN_INVALID for one that cannot be run, or one rule too many
   */
  take(record: unknown, map: RuleMap, timestampMs: number): void {
    const { rule, version: given, pattern } = parsePatternRule(record);
    const fromMs = Number.isFinite(timestampMs) ? timestampMs : null;
    const number = this.#active.get(rule);
    const active = number === undefined ? undefined : this.#known.get(number)?.version;
    if (pattern === null && active === undefined) return;
    if (pattern !== null && active !== undefined && isSame(active, { version: given, pattern })) return;
    if (pattern !== null) {
      if (active === undefined) checkCount(this.#active.size);
      const version = given ?? (active?.version ?? 0) + 1;
      this.#add(map, { rule, version, pattern, sinceMs: fromMs, untilMs: null, isDraining: false });
    }
    if (number !== undefined && active !== undefined) {
      const draining = { ...active, isDraining: true, untilMs: fromMs };
      map.put(number, draining);
      this.#set(number, draining);
      if (pattern === null) this.#active.delete(rule);
    }
    this.#dropOldest(map);
  }

  #add(map: RuleMap, version: RuleVersion): void {
    const number = (map.get(NEXT) as number | undefined) ?? 1;
    map.put(number, version);
    map.put(NEXT, number + 1);
    this.#set(number, version);
  }

  #set(number: number, version: RuleVersion): void {
    const { rule, pattern, isDraining } = version;
    const known = this.#known.get(number);
    if (known === undefined) this.#known.set(number, { version, running: undefined });
    else {
      known.version = version;
      known.running &&= { ...known.running, ...timesOf(version) };
    }
    if (isDraining) {
      this.#draining = [...this.#draining, number].sort((a, b) => a - b);
    } else {
      this.#active.set(rule, number);
    }
    // A version with an end in event time starts matches of events that are still to come from before it.
    if (!isDraining || version.untilMs !== null) {
      if (known === undefined) this.#index.add(number, pattern as PatternJson);
    } else {
      this.#index.remove(number);
    }
  }

  #dropOldest(map: RuleMap): void {
    const dropped = this.#draining.splice(0, Math.max(0, this.#draining.length - DRAINING_MAX));
    for (const number of dropped) {
      map.remove(number);
      this.#dropPattern(number);
      this.#known.delete(number);
      this.#index.remove(number);
    }
  }

  #run(number: number, version: RuleVersion): RunningPattern {
    const { rule, pattern } = version;
    const of = { number, ...timesOf(version), rule, version: version.version };
    return runningPattern(patternOfJson(pattern, rule), of, this.#options(rule));
  }
}

function timesOf({ sinceMs, untilMs, isDraining }: RuleVersion): {
  readonly sinceMs: number;
  readonly untilMs: number;
} {
  return { sinceMs: sinceMs ?? -Infinity, untilMs: untilMs ?? (isDraining ? -Infinity : Infinity) };
}

function checkCount(count: number): void {
  if (count < RULES_MAX) return;
  throw new MillraceError(
    'MR_PATTERN_INVALID',
    `Cannot add a rule: there are ${RULES_MAX}, and more are not possible`,
  );
}

/** A rule that comes again, as after a restart of whoever sends it, is no change. */
function isSame(
  active: RuleVersion,
  next: { readonly version: number | undefined; readonly pattern: unknown },
): boolean {
  return (
    (next.version === undefined || next.version === active.version) &&
    JSON.stringify(next.pattern) === JSON.stringify(active.pattern)
  );
}
