// What becomes of a record that cannot be read, or whose function throws.
import { describe, integerOption, invalidOption, refuseUnknownOptions } from '../options/check-options.ts';

/** `fail`: the job. `skip`: the record is left out and counted. `dead-letter`: it goes to the dead letters, and is counted. */
export type FailureAction = 'fail' | 'skip' | 'dead-letter';

/** As users write it. `max`: more records than this, left out by one subtask, fail the job all the same. */
export type OnFailure =
  | FailureAction
  | { readonly action: 'skip' | 'dead-letter'; readonly max?: number | undefined };

/** As the engine reads it. */
export interface FailurePolicy {
  readonly action: FailureAction;
  /** Records that one subtask may leave out, over all attempts; unset: any number. */
  readonly recordsMax?: number;
}

const ACTIONS: readonly unknown[] = ['fail', 'skip', 'dead-letter'] satisfies FailureAction[];

/** @throws {MillraceError} MR_OPTION_INVALID for anything else */
export function failurePolicy(option: string, given: OnFailure): FailurePolicy {
  if (typeof given === 'string') return Object.freeze({ action: actionOf(option, given) });
  refuseUnknownOptions(`\`${option}\``, given, ['action', 'max']);
  const action = actionOf(option, given.action);
  if (given.max === undefined) return Object.freeze({ action });
  if ((action as FailureAction) === 'fail')
    throw invalidOption(`Cannot use \`max\` of \`${option}\` with 'fail': the first failure fails the job`);
  return Object.freeze({
    action,
    recordsMax: integerOption(`\`max\` of \`${option}\``, given.max, { min: 1 }),
  });
}

function actionOf(option: string, given: unknown): FailureAction {
  if (ACTIONS.includes(given)) return given as FailureAction;
  throw invalidOption(
    `Cannot use ${describe(given)} as \`${option}\`: write 'fail', 'skip', 'dead-letter' or { action: 'dead-letter', max: 100 }`,
  );
}
