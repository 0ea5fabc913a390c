// State handles of a user's function that are about one key, or one key and window, whatever the backend's current key is.
import { invariant } from '@millrace/common';
import type { StateSpec } from '@millrace/api';
import type { KeyedStateBackend } from '@millrace/state';
import { stateHandles, type HandleOptions } from '../../process/state-handles.ts';

/** What handles are about; its owner moves it on. */
export interface StateScope {
  key: unknown;
  hash: number;
}

/** A window's states have no TTL: the API says so. */
const NO_TTL: HandleOptions = {
  clocks: { processing: { nowMs: notKept, stampMs: notKept }, event: { nowMs: notKept, stampMs: notKept } },
  refusePromise: (value) =>
    invariant(!(value instanceof Promise), 'a function of a state of a window returned a promise'),
};

function notKept(): number {
  return -Infinity;
}

type Method = (first?: unknown, second?: unknown) => unknown;
type Handle = { readonly [method: string]: Method };
export type Handles = { readonly [name: string]: Handle };

/** Declared states by name, registered under a prefix, so that those of a trigger and a function do not meet. */
export class ScopedStates {
  readonly #backend: KeyedStateBackend;
  readonly #raw: readonly (readonly [name: string, handle: Handle])[];

  constructor(backend: KeyedStateBackend, prefix: string, states: { readonly [name: string]: StateSpec }) {
    this.#backend = backend;
    const names = Object.keys(states);
    const prefixed = Object.fromEntries(names.map((name) => [`${prefix}${name}`, states[name] as StateSpec]));
    const handles = stateHandles(backend, prefixed, NO_TTL) as Handles;
    this.#raw = names.map((name) => [name, handles[`${prefix}${name}`] as Handle]);
  }

  get isEmpty(): boolean {
    return this.#raw.length === 0;
  }

  /** Handles that are about `scope` at each call. */
  of(scope: StateScope): Handles {
    const handles: Record<string, Handle> = {};
    for (const [name, raw] of this.#raw) handles[name] = this.#scoped(raw, scope);
    return Object.freeze(handles);
  }

  clear(scope: StateScope): void {
    for (const [, handle] of this.#raw) {
      this.#backend.setCurrentKey(scope.key, scope.hash);
      handle['clear']?.();
    }
  }

  #scoped(raw: Handle, scope: StateScope): Handle {
    const backend = this.#backend;
    const scoped: Record<string, Method> = {};
    for (const method of methodsOf(raw)) {
      const call = raw[method] as Method;
      // Called for each record: no list of arguments is made, and no method looked for. None takes more than two.
      scoped[method] = (first, second) => {
        backend.setCurrentKey(scope.key, scope.hash);
        return call.call(raw, first, second);
      };
    }
    return Object.freeze(scoped);
  }
}

function methodsOf(handle: object): readonly string[] {
  const names = new Set<string>();
  for (
    let of: object = handle;
    of !== Object.prototype && of !== null;
    of = Object.getPrototypeOf(of) as object
  ) {
    for (const name of Object.getOwnPropertyNames(of)) {
      if (name !== 'constructor' && typeof (handle as Record<string, unknown>)[name] === 'function')
        names.add(name);
    }
  }
  return [...names];
}
