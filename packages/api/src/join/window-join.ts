// Window joins and co-groups: both streams in one window, each record with the side that it came from.
import { isNullKey, type Duration } from '@millrace/common';
import { recordFunction } from '../function/check-function.ts';
import type { OutputTag } from '../function/output-tag.ts';
import type { UserFunction } from '../graph/operator.ts';
import type { StreamOutlet } from '../graph/transformation.ts';
import { invalidOption, oneOf, refuseUnknownOptions } from '../options/check-options.ts';
import type { DataStream } from '../stream/data-stream.ts';
import type { StreamScope } from '../stream/stream-scope.ts';
import { WindowedStream } from '../stream/windowed-stream.ts';
import type { Evictor } from '../window/evictors.ts';
import type { Trigger } from '../window/triggers.ts';
import type { Window } from '../window/window-function.ts';
import {
  windowSettings,
  withEvictor,
  withLateness,
  withLateOutput,
  withTrigger,
} from '../window/window-settings.ts';
import type { WindowAssigner } from '../window/windows.ts';
import type { AnyOptions } from './join-specs.ts';
import { functions, JOIN_TYPES } from './join-specs.ts';
import type { JoinType, WindowJoinShape } from './join-spec.ts';
import type { SidedRecord } from './join-options.ts';

/** A record of either stream. */
type Sided = SidedRecord<unknown, unknown>;

/** What the records of a key and window become. */
export interface WindowPairing {
  readonly shape: WindowJoinShape;
  readonly pair: (key: unknown, records: Iterable<Sided>, window: Window) => Iterable<unknown>;
}

const WINDOW_OPTIONS = ['window', 'trigger', 'evictor', 'allowedLateness', 'lateOutput'];

/** @throws {MillraceError} MR_OPTION_INVALID, MR_PROMISE_RETURNED */
export function windowJoinPairing(options: AnyOptions): WindowPairing {
  refuseUnknownOptions('join()', options, [...WINDOW_OPTIONS, 'type', 'where', 'select']);
  const joinType = oneOf('`type` of join()', options['type'] ?? 'inner', JOIN_TYPES);
  const { where, select } = functions('join()', options);
  const join = { joinType, where: where as Condition | undefined, select: select as Select };
  return {
    shape: { kind: 'window join', joinType },
    pair: (key, records) => {
      const { lefts, rights } = bySide(records);
      return joinedRecords(lefts, rights, isNullKey(key) ? { ...join, where: never } : join);
    },
  };
}

/** @throws {MillraceError} MR_OPTION_INVALID, MR_PROMISE_RETURNED */
export function coGroupPairing(options: AnyOptions): WindowPairing {
  refuseUnknownOptions('coGroup()', options, [...WINDOW_OPTIONS, 'apply']);
  const apply = recordFunction('`apply` of coGroup()', options['apply'] as UserFunction) as (
    lefts: readonly unknown[],
    rights: readonly unknown[],
    context: { readonly key: unknown; readonly window: Window },
  ) => Iterable<unknown>;
  return {
    shape: { kind: 'coGroup' },
    pair: (key, records, window) => {
      const { lefts, rights } = bySide(records);
      return apply(lefts, rights, { key, window });
    },
  };
}

/** Returns the stream of both inputs' records, each with its side, keyed by the keys of both. */
function sidedOutlet(
  scope: StreamScope,
  [left, right]: readonly [StreamOutlet, StreamOutlet],
  what: string,
): StreamOutlet {
  const { builder } = scope;
  const leftKey = (left.keySelector ?? itself) as (record: unknown) => unknown;
  const rightKey = (right.keySelector ?? itself) as (record: unknown) => unknown;
  const sided = (of: StreamOutlet, map: (record: unknown) => Sided, name: string): StreamOutlet => {
    const { keySelector: _, ...outlet } = of;
    const from = builder.add({ kind: 'map', map }, [{ ...outlet, partitioning: 'forward' }], name);
    return { from, partitioning: 'forward' };
  };
  const both = [
    sided(left, (record) => ({ side: 'left', record }), `left of ${what}`),
    sided(right, (record) => ({ side: 'right', record }), `right of ${what}`),
  ];
  return {
    from: builder.add({ kind: 'union' }, both, `both of ${what}`),
    partitioning: 'hash',
    keySelector: ({ side, record }: Sided) => (side === 'left' ? leftKey(record) : rightKey(record)),
  };
}

/** Puts the records of both streams into windows, and pairs them. */
export function pairInWindows(
  scope: StreamScope,
  inputs: readonly [StreamOutlet, StreamOutlet],
  { options, pairing }: { readonly options: AnyOptions; readonly pairing: WindowPairing },
): DataStream<unknown> {
  const { shape, pair } = pairing;
  const { window, allowedLateness, lateOutput, trigger, evictor } = options;
  if (window === undefined)
    throw invalidOption(
      "Cannot join two streams without a window: write `window: tumbling('1 hour')`, or use intervalJoin()",
    );
  let settings = windowSettings(window as WindowAssigner, true);
  if (trigger !== undefined) settings = withTrigger(settings, trigger as Trigger);
  if (evictor !== undefined) settings = withEvictor(settings, evictor as Evictor);
  if (allowedLateness !== undefined) settings = withLateness(settings, allowedLateness as Duration);
  if (lateOutput !== undefined) settings = withLateOutput(settings, lateOutput as OutputTag<never>);
  const outlet = sidedOutlet(scope, inputs, shape.kind);
  return new WindowedStream<unknown, Sided>({
    scope,
    outlet,
    settings: { ...settings, join: shape },
  }).process(pair as never);
}

function never(): boolean {
  return false;
}

function itself(record: unknown): unknown {
  return record;
}

function bySide(records: Iterable<Sided>): { readonly lefts: unknown[]; readonly rights: unknown[] } {
  const lefts: unknown[] = [];
  const rights: unknown[] = [];
  for (const { side, record } of records) (side === 'left' ? lefts : rights).push(record);
  return { lefts, rights };
}

type Condition = (left: unknown, right: unknown) => boolean;
type Select = (left: unknown, right: unknown) => unknown;

/**
 * The join of the records of one key and window. It makes one result at a time: there may be as many as the product of both.
 * Source: Flink's WindowJoinOperator.
 */
function* joinedRecords(
  lefts: readonly unknown[],
  rights: readonly unknown[],
  join: { readonly joinType: JoinType; readonly where: Condition | undefined; readonly select: Select },
): Generator<unknown> {
  const { joinType, where, select } = join;
  if (joinType === 'semi' || joinType === 'anti') {
    for (const left of lefts) {
      const hasPartner = where === undefined ? rights.length > 0 : rights.some((right) => where(left, right));
      if (hasPartner === (joinType === 'semi')) yield select(left, undefined);
    }
    return;
  }
  const isMatched = new Set<number>();
  for (const left of lefts) {
    let hasPartner = false;
    for (const [index, right] of rights.entries()) {
      if (where !== undefined && !where(left, right)) continue;
      hasPartner = true;
      isMatched.add(index);
      yield select(left, right);
    }
    if (!hasPartner && (joinType === 'left' || joinType === 'full')) yield select(left, undefined);
  }
  if (joinType !== 'right' && joinType !== 'full') return;
  for (const [index, right] of rights.entries()) if (!isMatched.has(index)) yield select(undefined, right);
}
