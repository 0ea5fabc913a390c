// Options of joins, checked and in the form that the engine reads.
import { durationMs, type Duration } from '@millrace/common';
import { recordFunction } from '../function/check-function.ts';
import { tagName, type OutputTag } from '../function/output-tag.ts';
import type { UserFunction } from '../graph/operator.ts';
import {
  booleanOption,
  describe,
  invalidOption,
  oneOf,
  refuseUnknownOptions,
  wholeMs,
} from '../options/check-options.ts';
import type {
  IntervalJoinSpec,
  JoinType,
  LatestJoinSpec,
  TableJoinSpec,
  TemporalJoinSpec,
} from './join-spec.ts';

/** Join types, in the order in which messages list them. */
export const JOIN_TYPES: readonly JoinType[] = ['inner', 'left', 'right', 'full', 'semi', 'anti'];

/** Options as a program that was not type-checked may give them. */
export type AnyOptions = { readonly [option: string]: unknown };

const INTERVAL_OPTIONS = [
  'lower',
  'upper',
  'lowerExclusive',
  'upperExclusive',
  'type',
  'time',
  'late',
  'timestamp',
  'leftLateOutput',
  'rightLateOutput',
  'where',
  'select',
];

/** @throws {MillraceError} MR_OPTION_INVALID, MR_PROMISE_RETURNED */
export function intervalJoinSpec(options: AnyOptions): IntervalJoinSpec {
  const what = 'intervalJoin()';
  refuseUnknownOptions(what, options, INTERVAL_OPTIONS);
  const joinType = oneOf('`type` of intervalJoin()', options['type'] ?? 'inner', JOIN_TYPES);
  const time = oneOf('`time` of intervalJoin()', options['time'] ?? 'event', ['event', 'processing']);
  const lowerMs = bound('lower', options) + (flag('lowerExclusive', options) ? 1 : 0);
  const upperMs = bound('upper', options) - (flag('upperExclusive', options) ? 1 : 0);
  if (lowerMs > upperMs)
    throw invalidOption(
      `Cannot join records from ${lowerMs} ms to ${upperMs} ms: the interval is empty; \`lower\` must not be above \`upper\``,
    );
  const keepsLate = joinType !== 'inner' && joinType !== 'semi';
  const late = oneOf('`late` of intervalJoin()', options['late'] ?? (keepsLate ? 'join' : 'drop'), [
    'drop',
    'join',
  ]);
  const lateOutputs = {
    ...tagOption(what, 'leftLateOutput', options),
    ...tagOption(what, 'rightLateOutput', options),
  };
  if (Object.keys(lateOutputs).length > 0 && (late === 'join' || time === 'processing'))
    throw invalidOption(
      "Cannot send late records of intervalJoin() to a side output: only `late: 'drop'` in event time leaves records out",
    );
  return Object.freeze({
    kind: 'interval',
    joinType,
    time,
    lowerMs,
    upperMs,
    late,
    timestamp: oneOf('`timestamp` of intervalJoin()', options['timestamp'] ?? 'latest', [
      'latest',
      'left',
      'right',
    ]),
    ...lateOutputs,
    ...functions(what, options),
  });
}

const LOOKUP_OPTIONS = ['recordKey', 'tableKey', 'type', 'select'];

/** @throws {MillraceError} MR_OPTION_INVALID, MR_PROMISE_RETURNED */
export function temporalJoinSpec(options: AnyOptions, isChangelog: boolean): TemporalJoinSpec {
  const what = 'temporalJoin()';
  refuseUnknownOptions(what, options, [...LOOKUP_OPTIONS, 'lateOutput', 'stateTtl', 'where']);
  return Object.freeze({
    kind: 'temporal',
    joinType: oneOf('`type` of temporalJoin()', options['type'] ?? 'inner', ['inner', 'left']),
    isChangelog,
    ...tagOption(what, 'lateOutput', options),
    stateTtlMs: ttlOf('stateTtl', options),
    ...functions(what, options),
  });
}

/** @throws {MillraceError} MR_OPTION_INVALID, MR_PROMISE_RETURNED */
export function latestJoinSpec(options: AnyOptions, isChangelog: boolean): LatestJoinSpec {
  refuseUnknownOptions('join()', options, [...LOOKUP_OPTIONS, 'stateTtl', 'where']);
  return Object.freeze({
    kind: 'latest',
    joinType: oneOf('`type` of join()', options['type'] ?? 'inner', ['inner', 'left']),
    isChangelog,
    stateTtlMs: ttlOf('stateTtl', options),
    ...functions('join()', options),
  });
}

const TABLE_OPTIONS = [
  'leftKey',
  'rightKey',
  'leftUniqueKey',
  'rightUniqueKey',
  'type',
  'where',
  'leftStateTtl',
  'rightStateTtl',
  'select',
];

/** @throws {MillraceError} MR_OPTION_INVALID, MR_PROMISE_RETURNED */
export function tableJoinSpec(
  options: AnyOptions,
  inputs: Pick<
    TableJoinSpec,
    'isLeftAppendOnly' | 'isRightAppendOnly' | 'leftIsUpsert' | 'rightIsUpsert' | 'leftRowKey' | 'rightRowKey'
  >,
): TableJoinSpec {
  const what = 'join() of changelogs';
  refuseUnknownOptions(what, options, TABLE_OPTIONS);
  return Object.freeze({
    kind: 'table',
    joinType: oneOf('`type` of join()', options['type'] ?? 'inner', JOIN_TYPES),
    ...optionalFunction(what, 'leftUniqueKey', options),
    ...optionalFunction(what, 'rightUniqueKey', options),
    isLeftKeyUnique:
      options['leftUniqueKey'] !== undefined && options['leftUniqueKey'] === options['leftKey'],
    isRightKeyUnique:
      options['rightUniqueKey'] !== undefined && options['rightUniqueKey'] === options['rightKey'],
    ...inputs,
    leftTtlMs: ttlOf('leftStateTtl', options),
    rightTtlMs: ttlOf('rightStateTtl', options),
    ...functions(what, options),
  });
}

/** `where` and `select`. */
export function functions(
  what: string,
  options: AnyOptions,
): { readonly where?: UserFunction; readonly select: UserFunction } {
  return { ...optionalFunction(what, 'where', options), select: selectOf(what, options) };
}

function selectOf(what: string, options: AnyOptions): UserFunction {
  return recordFunction(`\`select\` of ${what}`, options['select'] as UserFunction);
}

function optionalFunction<Name extends string>(
  what: string,
  name: Name,
  options: AnyOptions,
): { readonly [option in Name]?: UserFunction } {
  const given = options[name];
  if (given === undefined) return {};
  return { [name]: recordFunction(`\`${name}\` of ${what}`, given as UserFunction) } as never;
}

/** Name of a side output, under the name of its option. */
function tagOption<Name extends string>(
  what: string,
  name: Name,
  options: AnyOptions,
): { readonly [option in Name]?: string } {
  const given = options[name] as OutputTag<never> | undefined;
  return given === undefined ? {} : ({ [name]: tagName(given, `\`${name}\` of ${what}`) } as never);
}

function flag(name: string, options: AnyOptions): boolean {
  return booleanOption(`\`${name}\` of intervalJoin()`, options[name] ?? false);
}

function ttlOf(name: string, options: AnyOptions): number {
  return wholeMs(`\`${name}\``, (options[name] ?? 0) as Duration);
}

/** A bound of an interval, ms: unlike other durations it may be negative. */
function bound(name: 'lower' | 'upper', options: AnyOptions): number {
  const given = options[name];
  if (given === undefined || given === null)
    throw invalidOption(
      `Cannot join over an interval without \`${name}\`: write a duration such as '5 minutes', '-5 minutes' or 0`,
      { option: name },
    );
  const what = `\`${name}\` of intervalJoin()`;
  if (typeof given === 'number') {
    if (Number.isSafeInteger(given)) return given;
    throw invalidOption(`Cannot use ${describe(given)} as ${what}: write a whole number of milliseconds`);
  }
  if (typeof given === 'string') {
    const [, sign, length = ''] = /^\s*(-?)(.*)$/.exec(given) ?? [];
    const ms = durationMs(length, what);
    if (Number.isSafeInteger(ms)) return sign === '-' ? -ms : ms;
  }
  throw invalidOption(
    `Cannot use ${describe(given)} as ${what}: write a duration of whole milliseconds, such as '5 minutes' or '-5 minutes'`,
  );
}
