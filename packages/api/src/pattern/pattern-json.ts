// Patterns as data: what a rule that comes over a stream may say. Read as data, never evaluated as code.
import type { Duration } from '@millrace/common';
import type { Contiguity } from './pattern-spec.ts';

/** A value that a field is compared with. */
export type PatternLiteral = string | number | boolean | null;

/**
 * A number or value of the events that the partial match took under a name so far: of its first or last event a field, or over all
 * of them the sum, average, least or greatest of a field, or their count. `times` and `plus` are applied to it, in this order.
 */
export interface PatternReference {
  /** Name of a step. */
  readonly of: string;
  readonly take: 'first' | 'last' | 'sum' | 'avg' | 'min' | 'max' | 'count';
  /** Path of a field, parts separated by dots. Not with `count`. */
  readonly field?: string;
  readonly times?: number;
  readonly plus?: number;
}

/** How two values are compared. A value that is missing fits nothing but `!=`. `in`: one of a list. */
export type PatternComparison =
  | '=='
  | '!='
  | '<'
  | '<='
  | '>'
  | '>='
  | 'in'
  | 'startsWith'
  | 'endsWith'
  | 'includes'
  | 'exists';

/** A condition as data: a comparison, or several combined. */
export type PatternConditionJson =
  | { readonly all: readonly PatternConditionJson[] }
  | { readonly any: readonly PatternConditionJson[] }
  | { readonly not: PatternConditionJson }
  | ComparisonJson;

/** Compares a field of the event at hand, or something of earlier events, with a value or something of earlier events. */
export interface ComparisonJson {
  /** Path of a field of the event at hand. */
  readonly field?: string;
  /** Instead of `field`. */
  readonly reference?: PatternReference;
  readonly op: PatternComparison;
  readonly value?: PatternLiteral | readonly PatternLiteral[];
  /** Instead of `value`. */
  readonly than?: PatternReference;
}

/** A step of a pattern as data. */
export interface PatternStepJson {
  /** Not with `group`. */
  readonly name?: string;
  /** Default `begin` for the first step, `followedBy` for others. */
  readonly contiguity?: Contiguity;
  readonly where?: PatternConditionJson;
  readonly until?: PatternConditionJson;
  /** A number; from and to; or `atLeast`. `within`: from one repeat to the next. */
  readonly times?:
    | number
    | { readonly from: number; readonly to: number; readonly within?: Duration }
    | { readonly atLeast: number; readonly within?: Duration };
  readonly optional?: boolean;
  readonly greedy?: boolean;
  readonly consecutive?: boolean;
  readonly allowCombinations?: boolean;
  /** From the event before to the one of this step. */
  readonly withinPrevious?: Duration;
  readonly group?: readonly PatternStepJson[];
}

/** A pattern as data. */
export interface PatternJson {
  readonly steps: readonly PatternStepJson[];
  /** From the first event to the last. */
  readonly within?: Duration;
  readonly afterMatch?:
    | 'noSkip'
    | 'skipToNext'
    | 'skipPastLastEvent'
    | { readonly skipToFirst: string; readonly throwOnMiss?: boolean }
    | { readonly skipToLast: string; readonly throwOnMiss?: boolean };
}

/** Adds a rule, changes it, or with `pattern: null` retires it. */
export interface PatternRule {
  /** Names the rule: the next record with this name takes its place. */
  readonly rule: string;
  /** Default: one more than that of the rule whose place it takes, from 1. */
  readonly version?: number;
  readonly pattern: PatternJson | null;
}
