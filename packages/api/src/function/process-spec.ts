// Process functions, checked and in the form that the engine reads.
import type { ProcessSpec, UserFunction } from '../graph/operator.ts';
import type { StateSpec } from '../graph/state-spec.ts';
import type { JobParameters } from '../job/job-parameters.ts';
import { describe, invalidOption, refuseUnknownOptions } from '../options/check-options.ts';
import type { StateDescriptors } from '../state/keyed-state.ts';
import { recordFunction } from './check-function.ts';

interface AnyProcessFunction {
  readonly state?: StateDescriptors;
  readonly emits?: unknown;
  readonly open?: UserFunction;
  readonly onRecord: UserFunction;
  readonly onTimer?: UserFunction;
  readonly snapshot?: UserFunction;
  readonly close?: UserFunction;
}

const MEMBERS = ['state', 'emits', 'open', 'onRecord', 'onTimer', 'snapshot', 'close'];
/** States of one process function at most. */
const STATES_MAX = 100;
const KINDS: ReadonlySet<unknown> = new Set<StateSpec['kind']>([
  'value',
  'list',
  'map',
  'reducing',
  'aggregating',
]);

/** @throws {MillraceError} MR_OPTION_INVALID, MR_PROMISE_RETURNED */
export function processSpec(what: string, fn: AnyProcessFunction, params: JobParameters): ProcessSpec {
  refuseUnknownOptions(what, fn, MEMBERS);
  return Object.freeze({
    ...commonSpec(what, fn, params),
    onRecord: recordFunction(`\`onRecord\` of ${what}`, fn.onRecord),
  });
}

/** What makes an operator with two inputs. */
interface CoProcessing {
  readonly params: JobParameters;
  readonly isKeyed: boolean;
  /** The second input is broadcast, with these states. */
  readonly broadcast: StateDescriptors | undefined;
}

/** @throws {MillraceError} MR_OPTION_INVALID, MR_PROMISE_RETURNED */
export function coProcessSpec(given: object, { params, isKeyed, broadcast }: CoProcessing): ProcessSpec {
  const what = 'process() of connected streams';
  const [first, second] =
    broadcast === undefined ? (['onFirst', 'onSecond'] as const) : (['onRecord', 'onBroadcast'] as const);
  const keyed = isKeyed ? ['state', 'onTimer'] : [];
  refuseUnknownOptions(what, given, [first, second, ...keyed, 'emits', 'open', 'snapshot', 'close']);
  const fn = given as AnyProcessFunction & { readonly [member: string]: UserFunction };
  return Object.freeze({
    ...commonSpec(what, fn, params),
    onRecord: recordFunction(`\`${first}\` of ${what}`, fn[first] as UserFunction),
    onSecond: recordFunction(`\`${second}\` of ${what}`, fn[second] as UserFunction),
    ...(broadcast === undefined ? {} : { broadcast: checkedBroadcast(broadcast) }),
  });
}

function checkedBroadcast(states: StateDescriptors): StateDescriptors {
  const checked = checkedStates('broadcast()', states);
  const forgetful = Object.entries(checked).find(([, { ttl }]) => ttl !== undefined);
  if (forgetful !== undefined)
    throw invalidOption(
      `Cannot give the broadcast state "${forgetful[0]}" a \`ttl\`: it would not be alike in all subtasks; remove entries in \`onBroadcast\``,
    );
  const other = Object.entries(checked).find(([, { kind }]) => kind !== 'map');
  if (other === undefined && Object.keys(checked).length > 0) return checked;
  throw invalidOption(
    other === undefined
      ? 'Cannot broadcast without a state: write broadcast({ rules: mapState() }), or broadcast() to send each record to all subtasks'
      : `Cannot use the ${other[1].kind} state "${other[0]}" as broadcast state: write mapState()`,
  );
}

type CommonSpec = Omit<ProcessSpec, 'onRecord' | 'onSecond' | 'broadcast'>;

function commonSpec(
  what: string,
  fn: Omit<AnyProcessFunction, 'onRecord'>,
  params: JobParameters,
): CommonSpec {
  const { open, onTimer, snapshot, close } = fn;
  return {
    params,
    state: checkedStates(what, fn.state ?? {}),
    ...(snapshot === undefined ? {} : { snapshot: recordFunction(`\`snapshot\` of ${what}`, snapshot) }),
    ...(onTimer === undefined ? {} : { onTimer: recordFunction(`\`onTimer\` of ${what}`, onTimer) }),
    ...(open === undefined ? {} : { open: lifecycleFunction(`\`open\` of ${what}`, open) }),
    ...(close === undefined ? {} : { close: lifecycleFunction(`\`close\` of ${what}`, close) }),
  };
}

/** @throws {MillraceError} MR_OPTION_INVALID for what is no function */
export function lifecycleFunction(what: string, fn: UserFunction): UserFunction {
  if (typeof fn === 'function') return fn;
  throw invalidOption(`Cannot use ${describe(fn)} as ${what}: write a function`);
}

/** @throws {MillraceError} MR_OPTION_INVALID for what is no declared state, or too many */
function checkedStates(what: string, states: StateDescriptors): StateDescriptors {
  const entries = Object.entries(states);
  if (entries.length > STATES_MAX)
    throw invalidOption(`Cannot declare ${entries.length} states in ${what}: at most ${STATES_MAX}`);
  for (const [name, state] of entries) {
    if (KINDS.has(state?.kind)) continue;
    throw invalidOption(
      `Cannot use ${describe(state)} as state "${name}" of ${what}: write valueState(), listState(), mapState(), reducingState() or aggregatingState()`,
    );
  }
  checkRenamed(what, states);
  return Object.freeze({ ...states });
}

/** A state has one past, and no two have the same. */
function checkRenamed(what: string, states: StateDescriptors): void {
  const taken = new Map<string, string>();
  for (const [name, { renamedFrom }] of Object.entries(states)) {
    if (renamedFrom === undefined) continue;
    if (Object.hasOwn(states, renamedFrom))
      throw invalidOption(
        `Cannot rename state "${renamedFrom}" of ${what} to "${name}": it is declared ${renamedFrom === name ? 'by that name already' : 'as well'}`,
      );
    const other = taken.get(renamedFrom);
    if (other !== undefined)
      throw invalidOption(`Cannot rename state "${renamedFrom}" of ${what} to both "${other}" and "${name}"`);
    taken.set(renamedFrom, name);
  }
}

/**
 * As those of process functions, of windows and triggers. Their states go with their windows: these are their TTL, and soon no
 * window is left that an older program has written. So they have one version, and one name.
 */
export function windowStates(what: string, states: StateDescriptors): StateDescriptors {
  const checked = checkedStates(what, states);
  for (const [name, state] of Object.entries(checked)) {
    const option = (['ttl', 'version', 'renamedFrom'] as const).find((each) => state[each] !== undefined);
    if (option === undefined) continue;
    throw invalidOption(
      `Cannot give state "${name}" of ${what} a \`${option}\`: only states of process functions have one; a window's states go with the window`,
    );
  }
  return checked;
}
