// [HOT] A function that is applied to all keys of a state: once the function that asked for it has returned, and before anything
// else comes. It stops where the chain has to stop, between two keys.
import type { StateSpec } from '@millrace/api';
import { invariant } from '@millrace/common';
import type { Key, KeyedStateBackend, KeyWalk } from '@millrace/state';
import type { Emission, Paused } from '../../chain/emission.ts';

/** Applications that one call may ask for. */
const APPLICATIONS_MAX = 1_000;

/** Reducing and aggregating states are kept as values. */
function storedAs({ kind }: StateSpec): 'value' | 'list' | 'map' {
  return kind === 'list' || kind === 'map' ? kind : 'value';
}

type KeyedFunction = (key: Key, state: unknown) => unknown;

interface Asked {
  readonly name: string;
  readonly fn: KeyedFunction;
  readonly timestampMs: number;
}

interface KeyApplicationsOptions {
  readonly backend: KeyedStateBackend;
  readonly states: { readonly [name: string]: StateSpec };
  readonly handles: { readonly [name: string]: unknown };
  readonly emission: Emission;
  /** The context of the function that asks: what is emitted has its event time. */
  readonly context: { timestamp: number };
  /** Takes what a function threw or returned for this key; throws what fails the job. */
  readonly take: (error: unknown, key: Key, timestampMs: number) => void;
  readonly refusePromise: (returned: unknown) => void;
}

/** Threading: the task's thread. Bounds: APPLICATIONS_MAX, one walk at a time. */
export class KeyApplications implements Paused {
  /** Something is to be applied. */
  isDue = false;
  readonly #of: KeyApplicationsOptions;
  readonly #asked: Asked[] = [];
  /** The first of `asked` that is not done. */
  #next = 0;
  #walk: KeyWalk | undefined;

  constructor(of: KeyApplicationsOptions) {
    this.#of = of;
  }

  /** @throws {TypeError} for a state that is not declared, or no function */
  ask(name: string, fn: KeyedFunction): void {
    const { states, context } = this.#of;
    if (!Object.hasOwn(states, name))
      throw new TypeError(
        `applyToKeyedState takes the name of a declared state, but got ${JSON.stringify(name)}; there are ${Object.keys(states).join(', ') || 'none'}`,
      );
    if (typeof fn !== 'function')
      throw new TypeError(`applyToKeyedState takes a function, but got ${typeof fn}`);
    invariant(this.#asked.length < APPLICATIONS_MAX, 'one call asks for too many applications');
    this.#asked.push({ name, fn, timestampMs: context.timestamp });
    this.isDue = true;
  }

  /** Runs what was asked for, or pauses it behind what has stopped already. */
  run(): void {
    this.#of.emission.run(this);
  }

  resume(): boolean {
    const { backend, states, handles, emission, context } = this.#of;
    for (; this.#next < this.#asked.length; this.#next++) {
      const { name, fn, timestampMs } = this.#asked[this.#next] as Asked;
      const spec = states[name];
      invariant(spec !== undefined, 'an application is about a declared state');
      this.#walk ??= backend.walkKeys(storedAs(spec), name, spec.ttl !== undefined);
      const state = handles[name];
      while (this.#walk.next()) {
        context.timestamp = timestampMs;
        this.#apply(fn, backend.currentKey, { state, timestampMs });
        if (emission.mustStop()) return false;
      }
      this.#walk = undefined;
    }
    this.#asked.length = 0;
    this.#next = 0;
    this.isDue = false;
    return true;
  }

  #apply(
    fn: KeyedFunction,
    key: Key,
    { state, timestampMs }: { readonly state: unknown; readonly timestampMs: number },
  ): void {
    const { take, refusePromise } = this.#of;
    try {
      refusePromise(fn(key, state));
    } catch (error) {
      take(error, key, timestampMs);
    }
  }

  close(): void {
    this.#walk?.close();
  }
}
