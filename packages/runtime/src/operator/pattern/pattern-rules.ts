// Rules as data: patterns that come over a broadcast stream, change and are retired while the job runs.
import { MillraceError } from '@millrace/common';
import type { PatternRule } from '@millrace/api';
import { parsePatternRule, patternOfJson } from '@millrace/api';
import type { MatcherOptions } from './matcher.ts';
import { runningPattern, type RunningPattern } from './running-pattern.ts';

/** Versions that no longer start matches, but whose partial matches may end, at most: the oldest is dropped for one more. */
const DRAINING_MAX = 100;

/** Rules at once: each event goes through all of them. */
const RULES_MAX = 1_000;

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

const NEXT = 'next';

/**
 * The rules of an operator.
 * Contract: what `take` does depends on the rules before it and the record alone, so that all subtasks have the same. A version
 * that another takes the place of goes on with the partial matches that it has. Threading: the task's thread.
 */
export class PatternRules {
  readonly #options: (rule: string) => MatcherOptions;
  readonly #dropPattern: (patternNumber: number) => void;
  readonly #compiled = new Map<number, RunningPattern>();
  #running: readonly RunningPattern[] | undefined;

  constructor(options: (rule: string) => MatcherOptions, dropPattern: (patternNumber: number) => void) {
    this.#options = options;
    this.#dropPattern = dropPattern;
  }

  /** All versions that have matches or may have, the oldest first. */
  running(map: Pick<RuleMap, 'entries'>): readonly RunningPattern[] {
    return (this.#running ??= this.#compileAll(map));
  }

  /**
   * Adds, changes or retires a rule, from `timestampMs` on, or if that is NaN from now on.
   * @throws {MillraceError} MR_PATTERN_INVALID for one that cannot be run, or one rule too many
   */
  take(record: unknown, map: RuleMap, timestampMs: number): void {
    const rule: PatternRule = parsePatternRule(record);
    const fromMs = Number.isFinite(timestampMs) ? timestampMs : null;
    const versions = versionsOf(map);
    const active = versions.find(([, each]) => each.rule === rule.rule && !each.isDraining);
    if (rule.pattern === null && active === undefined) return;
    const version = rule.version ?? (active?.[1].version ?? 0) + 1;
    if (
      rule.pattern !== null &&
      active !== undefined &&
      isSame(active[1], { version: rule.version, pattern: rule.pattern })
    )
      return;
    if (rule.pattern !== null && active === undefined) checkCount(versions);
    if (active !== undefined) map.put(active[0], { ...active[1], isDraining: true, untilMs: fromMs });
    if (rule.pattern !== null) {
      // Checked whole before it is kept.
      const number = (map.get(NEXT) as number | undefined) ?? 1;
      map.put(number, newVersion({ rule: rule.rule, version, pattern: rule.pattern, sinceMs: fromMs }));
      map.put(NEXT, number + 1);
    }
    this.#dropOldest(map);
    this.#running = undefined;
  }

  #dropOldest(map: RuleMap): void {
    const draining = versionsOf(map).filter(([, { isDraining }]) => isDraining);
    for (const [number] of draining.slice(0, Math.max(0, draining.length - DRAINING_MAX))) {
      map.remove(number);
      this.#compiled.delete(number);
      this.#dropPattern(number);
    }
  }

  #compileAll(map: Pick<RuleMap, 'entries'>): readonly RunningPattern[] {
    return versionsOf(map).map(([number, { rule, version, pattern, sinceMs, untilMs, isDraining }]) => {
      const known = this.#compiled.get(number);
      const times = {
        sinceMs: sinceMs ?? -Infinity,
        untilMs: untilMs ?? (isDraining ? -Infinity : Infinity),
      };
      const running =
        known === undefined
          ? runningPattern(
              patternOfJson(pattern, rule),
              { number, ...times, rule, version },
              this.#options(rule),
            )
          : { ...known, ...times };
      this.#compiled.set(number, running);
      return running;
    });
  }
}

function checkCount(versions: readonly (readonly [number, RuleVersion])[]): void {
  if (versions.filter(([, { isDraining }]) => !isDraining).length < RULES_MAX) return;
  throw new MillraceError(
    'MR_PATTERN_INVALID',
    `Cannot add a rule: there are ${RULES_MAX}, and more are not possible`,
  );
}

function newVersion(of: Omit<RuleVersion, 'untilMs' | 'isDraining'>): RuleVersion {
  return { ...of, untilMs: null, isDraining: false };
}

function versionsOf(map: Pick<RuleMap, 'entries'>): readonly (readonly [number, RuleVersion])[] {
  const versions: (readonly [number, RuleVersion])[] = [];
  for (const [number, version] of map.entries())
    if (typeof number === 'number') versions.push([number, version as RuleVersion]);
  return versions.sort(([a], [b]) => a - b);
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
