// Process functions, checked and in the form that the engine reads.
import type { ProcessSpec, UserFunction } from '../graph/operator.ts';
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
  readonly close?: UserFunction;
}

const MEMBERS = ['state', 'emits', 'open', 'onRecord', 'onTimer', 'close'];
/** States of one process function at most. */
const STATES_MAX = 100;

/** @throws {MillraceError} MR_OPTION_INVALID, MR_PROMISE_RETURNED */
export function processSpec(what: string, fn: AnyProcessFunction, params: JobParameters): ProcessSpec {
  refuseUnknownOptions(what, fn, MEMBERS);
  const { open, onRecord, onTimer, close } = fn;
  return Object.freeze({
    params,
    state: checkedStates(what, fn.state ?? {}),
    onRecord: recordFunction(`\`onRecord\` of ${what}`, onRecord),
    ...(onTimer === undefined ? {} : { onTimer: recordFunction(`\`onTimer\` of ${what}`, onTimer) }),
    ...(open === undefined ? {} : { open: lifecycleFunction(`\`open\` of ${what}`, open) }),
    ...(close === undefined ? {} : { close: lifecycleFunction(`\`close\` of ${what}`, close) }),
  });
}

function lifecycleFunction(what: string, fn: UserFunction): UserFunction {
  if (typeof fn === 'function') return fn;
  throw invalidOption(`Cannot use ${describe(fn)} as ${what}: write a function`);
}

function checkedStates(what: string, states: StateDescriptors): StateDescriptors {
  const entries = Object.entries(states);
  if (entries.length > STATES_MAX)
    throw invalidOption(`Cannot declare ${entries.length} states in ${what}: at most ${STATES_MAX}`);
  for (const [name, state] of entries) {
    if (state?.kind === 'value' || state?.kind === 'list' || state?.kind === 'map') continue;
    throw invalidOption(
      `Cannot use ${describe(state)} as state "${name}" of ${what}: write valueState(), listState() or mapState()`,
    );
  }
  return Object.freeze({ ...states });
}
