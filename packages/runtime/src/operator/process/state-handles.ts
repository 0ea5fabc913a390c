// The handles of a process function's declared states.
import type { StateSpec, TtlSpec, UserFunction } from '@millrace/api';
import type { KeyedStateBackend, StateTtl, TtlClock, ValueStateHandle } from '@millrace/state';
import { deepFreeze } from '../../chain/deep-freeze.ts';

/** What handles need of their operator. */
export interface HandleOptions {
  /** Of states with a TTL. */
  readonly clocks: { readonly processing: TtlClock; readonly event: TtlClock };
  /** Throws when a function of a state returned a promise. */
  readonly refusePromise: (value: unknown) => void;
}

/** Handles of the declared states. */
export function stateHandles(
  backend: KeyedStateBackend,
  states: { readonly [name: string]: StateSpec },
  options: HandleOptions,
): { readonly [name: string]: unknown } {
  const handles: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  for (const [name, spec] of Object.entries(states)) {
    const ttl = spec.ttl === undefined ? undefined : ttlOf(spec.ttl, options);
    handles[name] = handleOf(backend, { name, spec, ttl }, options);
  }
  return Object.freeze(handles);
}

function ttlOf({ ttlMs, time, update, visibility }: TtlSpec, { clocks }: HandleOptions): StateTtl {
  return {
    ttlMs,
    isWallClock: time === 'processing',
    clock: clocks[time],
    updatesOnRead: update === 'onReadAndWrite',
    returnsExpired: visibility === 'returnExpiredIfNotCleanedUp',
  };
}

function handleOf(
  backend: KeyedStateBackend,
  {
    name,
    spec,
    ttl,
  }: { readonly name: string; readonly spec: StateSpec; readonly ttl: StateTtl | undefined },
  { refusePromise }: HandleOptions,
): unknown {
  switch (spec.kind) {
    case 'value':
      return spec.initial === undefined
        ? backend.valueState(name, ttl)
        : withInitial(backend.valueState(name, ttl), spec.initial);
    case 'list':
      return backend.listState(name, ttl);
    case 'map':
      return backend.mapState(name, ttl);
    case 'reducing':
      return reducing(backend.valueState(name, ttl), spec.reduce as Call, refusePromise);
    case 'aggregating':
      return aggregating(backend.valueState(name, ttl), spec, refusePromise);
  }
}

type Call = (...values: readonly unknown[]) => unknown;

function reducing(handle: ValueStateHandle, reduce: Call, refusePromise: (value: unknown) => void) {
  return {
    get: () => handle.value(),
    add: (value: unknown) => {
      const soFar = handle.value();
      const reduced = soFar === undefined ? value : reduce(soFar, value);
      refusePromise(reduced);
      handle.update(reduced);
    },
    clear: () => handle.clear(),
  };
}

function aggregating(
  handle: ValueStateHandle,
  spec: { readonly create: UserFunction; readonly add: UserFunction; readonly result: UserFunction },
  refusePromise: (value: unknown) => void,
) {
  const { create, add, result } = spec as { readonly [name in 'create' | 'add' | 'result']: Call };
  return {
    get: () => {
      const accumulator = handle.value();
      if (accumulator === undefined) return undefined;
      const given = result(accumulator);
      refusePromise(given);
      return given;
    },
    add: (value: unknown) => {
      let accumulator = handle.value();
      if (accumulator === undefined) {
        accumulator = create();
        refusePromise(accumulator);
      }
      const added = add(accumulator, value);
      refusePromise(added);
      handle.update(added);
    },
    clear: () => handle.clear(),
  };
}

function withInitial(handle: ValueStateHandle, initial: unknown): ValueStateHandle {
  deepFreeze(initial);
  return {
    value: () => {
      const value = handle.value();
      return value === undefined ? initial : value;
    },
    update: (value) => handle.update(value),
    clear: () => handle.clear(),
  };
}
