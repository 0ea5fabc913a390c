// Summaries as keyed state of process functions.
import type { DeepReadonly } from '../readonly.ts';
import { aggregatingState, type StateDescriptor } from '../state/keyed-state.ts';
import type { StateOptions } from '../state/state-options.ts';
import type { Sketch } from './sketch.ts';

/** A summary of the current key. */
export interface SketchState<V, Out> {
  /** undefined: nothing was added. */
  get(): Out | undefined;
  add(value: V): void;
  clear(): void;
}

/**
 * Declares a summary a key, to which values are added, and which answers with `result`.
 * @example state: { users: sketchState(users, users.estimate) }, and then ctx.state.users.add(user), ctx.state.users.get()
 */
export function sketchState<S, V, Out>(
  sketch: Sketch<S, V>,
  result: (summary: S) => Out,
  options: StateOptions<NoInfer<S>> = {},
): StateDescriptor<SketchState<V, Out>> {
  const state: unknown = aggregatingState<unknown, S, Out>(
    {
      create: sketch.create,
      // State hands out what is frozen, and keeps what it is given.
      add: (summary, value) => {
        const changed = sketch.copy(summary as S);
        sketch.add(changed, value as V);
        return changed;
      },
      result: result as (summary: DeepReadonly<S>) => Out,
    },
    options,
  );
  return state as StateDescriptor<SketchState<V, Out>>;
}
