// What a running operator reads: a stream by key, or all of it in one subtask.
import type { UserFunction } from '../graph/operator.ts';
import type { StreamOutlet, Transformation } from '../graph/transformation.ts';
import type { StreamScope } from '../stream/stream-scope.ts';
import type { ChangelogOperator } from './changelog-operator.ts';
import type { ChangelogMode } from './changelog-mode.ts';

/** A stream that a running operator is added to. */
export interface KeyedInput {
  readonly scope: StreamScope;
  readonly outlet: StreamOutlet;
  /** Results have a key. */
  readonly isKeyed: boolean;
  /** Kinds of the changes that come; undefined: records, not changes. */
  readonly mode: ChangelogMode | undefined;
}

/** The key of everything, where there is none. */
function onlyKey(): number {
  return 0;
}

/** All records of a stream, in one subtask. */
export function globalInput(
  scope: StreamScope,
  outlet: StreamOutlet,
  mode: ChangelogMode | undefined,
): KeyedInput {
  return {
    scope,
    outlet: { ...outlet, partitioning: 'hash', keySelector: onlyKey },
    isKeyed: false,
    mode,
  };
}

/** The same by a key of rows. `isOfChanges`: the stream's records are changes. */
export function byRowKey(outlet: StreamOutlet, key: UserFunction, isOfChanges: boolean): StreamOutlet {
  const ofRow = key as (row: unknown) => unknown;
  return {
    ...outlet,
    partitioning: 'hash',
    keySelector: isOfChanges ? (change: { readonly row: unknown }) => ofRow(change.row) : key,
  };
}

type WithoutInput<O> = O extends unknown ? Omit<O, 'isOfChanges'> : never;

/** Adds the operator; one without a key has one subtask. */
export function addRunning(
  input: KeyedInput,
  operator: WithoutInput<ChangelogOperator>,
  name: string,
): Transformation {
  const placed = Object.freeze({ ...operator, isOfChanges: input.mode !== undefined }) as ChangelogOperator;
  const added = input.scope.builder.add(placed, [input.outlet], name);
  if (!input.isKeyed) added.setParallelism(1);
  return added;
}
