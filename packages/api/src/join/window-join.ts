// Window joins and co-groups: a window with two inputs, whose function pairs the records of both.
import { isNullKey, type Duration } from '@millrace/common';
import { recordFunction } from '../function/check-function.ts';
import type { OutputTag } from '../function/output-tag.ts';
import type { UserFunction } from '../graph/operator.ts';
import type { StreamOutlet } from '../graph/transformation.ts';
import type { SidedRecords } from '../graph/window-spec.ts';
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

/** A join makes an array of at most so many results; more are made one by one. */
const PAIRS_AT_ONCE_MAX = 1_024;

/** What the records of a key and window become. */
export interface WindowPairing {
  readonly shape: WindowJoinShape;
  readonly pair: (key: unknown, records: KeptRecords, window: Window) => Iterable<unknown>;
}

/** Slices keep sides apart; windows one by one do not. */
type KeptRecords = SidedRecords | Iterable<Sided>;

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
  return new WindowedStream<unknown, Sided>({
    scope,
    outlet: inputs[0],
    other: inputs[1],
    settings: { ...settings, join: shape },
  }).process(pair as never);
}

function never(): boolean {
  return false;
}

function bySide(records: KeptRecords): SidedRecords {
  if (!(Symbol.iterator in records)) return records;
  const lefts: unknown[] = [];
  const rights: unknown[] = [];
  for (const { side, record } of records) (side === 'left' ? lefts : rights).push(record);
  return { lefts, rights };
}

type Condition = (left: unknown, right: unknown) => boolean;
type Select = (left: unknown, right: unknown) => unknown;

interface Join {
  readonly joinType: JoinType;
  readonly where: Condition | undefined;
  readonly select: Select;
}

/** The join of the records of one key and window. Source: Flink's WindowJoinOperator. */
function joinedRecords(lefts: readonly unknown[], rights: readonly unknown[], join: Join): Iterable<unknown> {
  const { joinType, where, select } = join;
  if (joinType !== 'inner' || lefts.length * rights.length > PAIRS_AT_ONCE_MAX)
    return joinedOneByOne(lefts, rights, join);
  const results: unknown[] = [];
  for (let left = 0; left < lefts.length; left++) {
    for (let right = 0; right < rights.length; right++) {
      if (where === undefined || where(lefts[left], rights[right]))
        results.push(select(lefts[left], rights[right]));
    }
  }
  return results;
}

/** One result at a time: there may be as many as the product of both sides. */
function* joinedOneByOne(
  lefts: readonly unknown[],
  rights: readonly unknown[],
  join: Join,
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
