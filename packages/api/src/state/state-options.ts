// What may be said of any keyed state: how long it is kept, and what becomes of the values of older versions.
import type { Duration } from '@millrace/common';
import type { UserFunction } from '../graph/operator.ts';
import type { StateSpec, TtlSpec } from '../graph/state-spec.ts';
import { recordFunction } from '../function/check-function.ts';
import {
  integerOption,
  invalidOption,
  oneOf,
  positiveMs,
  refuseUnknownOptions,
  textOption,
} from '../options/check-options.ts';

/**
 * How long a value, an item of a list or an entry of a map is kept.
 * Contract: it is cleaned in the background, a bounded number at a time, at the latest about one sixteenth of `duration` after its
 * time while the task keeps up. Source: Flink's `StateTtlConfig`, whose words these are; time by events is our own.
 */
export interface TtlOptions {
  readonly duration: Duration;
  /**
   * `processing` (default): the wall clock. `event`: a write counts at its record's event time, at the watermark if that is
   * later; the watermark is what time it is, in `onTimer` the timer's time. Needs watermarks.
   */
  readonly time?: 'processing' | 'event';
  /** What starts the time anew. Default `onCreateAndWrite`. */
  readonly update?: 'onCreateAndWrite' | 'onReadAndWrite';
  /** Whether a read may give what is over but not cleaned yet. Default `neverReturnExpired`. */
  readonly visibility?: 'neverReturnExpired' | 'returnExpiredIfNotCleanedUp';
}

/**
 * Makes values of the current version from those of each older one that a savepoint may have.
 * Contract: synchronous, deterministic, and without side effects: it is called again when the restore is.
 */
export interface Migrations<V> {
  readonly [version: number]: (old: never) => V;
}

/** Options of all declared states. `V`: a value, an item, the value of an entry, or an accumulator. */
export interface StateOptions<V> {
  /** A duration, or more about it. Unset: kept until it is cleared. */
  readonly ttl?: Duration | TtlOptions;
  /** Of the values' form: raise it by one when that changes. Default 1. */
  readonly version?: number;
  /** From each older version that may be in a checkpoint. One that is missing is refused before the job starts. */
  readonly from?: Migrations<V>;
  /**
   * The name under which older checkpoints have the state: it is restored from there, with the versions and the TTL that it had.
   * May stay when no checkpoint has the old name any more. A checkpoint that has both names is refused.
   */
  readonly renamedFrom?: string;
}

const KNOWN = ['ttl', 'version', 'from', 'renamedFrom'];
const VERSION_MAX = 1_000_000;

/** The options in the form that the engine reads. @throws {MillraceError} MR_OPTION_INVALID, MR_PROMISE_RETURNED */
export function stateOptions(
  what: string,
  options: StateOptions<unknown>,
  alsoKnown: readonly string[] = [],
): Pick<StateSpec, 'ttl' | 'version' | 'from' | 'renamedFrom'> {
  refuseUnknownOptions(what, options, [...KNOWN, ...alsoKnown]);
  const { ttl, version, from, renamedFrom } = options;
  const checked =
    version === undefined
      ? 1
      : integerOption(`\`version\` of ${what}`, version, { min: 1, max: VERSION_MAX });
  return {
    ...(ttl === undefined ? {} : { ttl: ttlSpec(what, ttl) }),
    ...(version === undefined ? {} : { version: checked }),
    ...(from === undefined ? {} : { from: migrations(what, checked, from) }),
    ...(renamedFrom === undefined
      ? {}
      : { renamedFrom: textOption(`\`renamedFrom\` of ${what}`, renamedFrom) }),
  };
}

function ttlSpec(what: string, ttl: Duration | TtlOptions): TtlSpec {
  const given: TtlOptions = typeof ttl === 'object' && ttl !== null ? ttl : { duration: ttl };
  refuseUnknownOptions(`\`ttl\` of ${what}`, given, ['duration', 'time', 'update', 'visibility']);
  const {
    duration,
    time = 'processing',
    update = 'onCreateAndWrite',
    visibility = 'neverReturnExpired',
  } = given;
  return Object.freeze({
    ttlMs: positiveMs(`\`ttl\` of ${what}`, duration),
    time: oneOf(`\`ttl.time\` of ${what}`, time, ['processing', 'event'] as const),
    update: oneOf(`\`ttl.update\` of ${what}`, update, ['onCreateAndWrite', 'onReadAndWrite'] as const),
    visibility: oneOf(`\`ttl.visibility\` of ${what}`, visibility, [
      'neverReturnExpired',
      'returnExpiredIfNotCleanedUp',
    ] as const),
  });
}

function migrations(
  what: string,
  version: number,
  from: Migrations<unknown>,
): { readonly [version: string]: UserFunction } {
  if (typeof from !== 'object' || from === null)
    throw invalidOption(`Cannot use \`from\` of ${what}: write { 1: (old) => … }`);
  for (const [name, migrate] of Object.entries(from)) {
    integerOption(`a version in \`from\` of ${what}`, Number(name), {
      min: 1,
      max: Math.max(1, version - 1),
    });
    if (version === 1)
      throw invalidOption(
        `Cannot use \`from\` of ${what} without \`version\`: write the version that it leads to`,
      );
    recordFunction(`\`from[${name}]\` of ${what}`, migrate as UserFunction);
  }
  return Object.freeze({ ...from });
}
