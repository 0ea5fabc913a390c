// Two streams that one operator reads, each with a function of its own.
import type {
  BroadcastProcessFunction,
  CoProcessFunction,
  KeyedBroadcastProcessFunction,
  KeyedCoProcessFunction,
} from '../function/co-process-function.ts';
import { recordFunction } from '../function/check-function.ts';
import { allResults, oneResult } from '../function/lifecycle-functions.ts';
import { coProcessSpec } from '../function/process-spec.ts';
import type { Operator } from '../graph/operator.ts';
import type { StreamOutlet } from '../graph/transformation.ts';
import type { DeepReadonly, Sync } from '../readonly.ts';
import type { StateDescriptors } from '../state/keyed-state.ts';
import type { BroadcastDescriptors } from '../state/operator-state.ts';
import type { DataStream } from './data-stream.ts';
import type { StreamScope } from './stream-scope.ts';

/** The two inputs of an operator, in order. */
type Inputs = readonly [StreamOutlet, StreamOutlet];

function connect<U>(scope: StreamScope, inputs: Inputs, operator: Operator, name: string): DataStream<U> {
  return scope.streamOf<U>(scope.builder.add(operator, inputs, name));
}

/** Two streams without a key. */
export class ConnectedStreams<A, B> {
  readonly #scope: StreamScope;
  readonly #inputs: Inputs;

  constructor(scope: StreamScope, inputs: Inputs) {
    this.#scope = scope;
    this.#inputs = inputs;
  }

  /** Each record becomes what the function of its stream returns. */
  map<U, V = U>(
    first: (record: DeepReadonly<A>) => Sync<U>,
    second: (record: DeepReadonly<B>) => Sync<V>,
  ): DataStream<U | V> {
    recordFunction('the first function of map()', first);
    recordFunction('the second function of map()', second);
    return this.#process('connected map', {
      onFirst: (record: DeepReadonly<A>) => oneResult(first(record)),
      onSecond: (record: DeepReadonly<B>) => oneResult(second(record)),
    });
  }

  /** Each record becomes all that the function of its stream returns. */
  flatMap<U, V = U>(
    first: (record: DeepReadonly<A>) => Iterable<U>,
    second: (record: DeepReadonly<B>) => Iterable<V>,
  ): DataStream<U | V> {
    recordFunction('the first function of flatMap()', first);
    recordFunction('the second function of flatMap()', second);
    return this.#process('connected flatMap', {
      onFirst: (record: DeepReadonly<A>) => allResults(first(record)),
      onSecond: (record: DeepReadonly<B>) => allResults(second(record)),
    });
  }

  /** Calls a function with each record: see {@link CoProcessFunction}. */
  process<Emits = never, R = never, Q = never>(
    fn: CoProcessFunction<A, B, Emits, R, Q>,
  ): DataStream<Emits | R | Q> {
    return this.#process('connected process', fn);
  }

  #process<U>(name: string, fn: object): DataStream<U> {
    const process = coProcessSpec(fn, { params: this.#scope.params, isKeyed: false, broadcast: undefined });
    return connect(this.#scope, this.#inputs, { kind: 'coProcess', process, isKeyed: false }, name);
  }
}

/** Two streams that are keyed alike. */
export class KeyedConnectedStreams<K, A, B> {
  readonly #scope: StreamScope;
  readonly #inputs: Inputs;

  constructor(scope: StreamScope, inputs: Inputs) {
    this.#scope = scope;
    this.#inputs = inputs;
  }

  /** Calls a function with each record, with state and timers of its key: see {@link KeyedCoProcessFunction}. */
  process<S extends StateDescriptors = {}, Emits = never, R = never, Q = never, U = never>(
    fn: KeyedCoProcessFunction<K, A, B, S, Emits, R, Q, U>,
  ): DataStream<Emits | R | Q | U> {
    const process = coProcessSpec(fn, { params: this.#scope.params, isKeyed: true, broadcast: undefined });
    const operator: Operator = { kind: 'coProcess', process, isKeyed: true };
    return connect(this.#scope, this.#inputs, operator, 'connected process');
  }
}

/** A stream whose records every subtask of the next operator gets, with the states that they are kept in. */
export class BroadcastStream<C, B extends BroadcastDescriptors> {
  /** For `connect`. */
  readonly outlet: StreamOutlet;
  /** For `connect`. */
  readonly states: B;
  /** Only a type: what its records are. */
  declare readonly record?: C;

  constructor(outlet: StreamOutlet, states: B) {
    this.outlet = outlet;
    this.states = states;
  }
}

/** A stream without a key, and a broadcast one. */
export class BroadcastConnectedStream<T, C, B extends BroadcastDescriptors> {
  readonly #scope: StreamScope;
  readonly #outlet: StreamOutlet;
  readonly #broadcast: BroadcastStream<C, B>;

  constructor(scope: StreamScope, outlet: StreamOutlet, broadcast: BroadcastStream<C, B>) {
    this.#scope = scope;
    this.#outlet = outlet;
    this.#broadcast = broadcast;
  }

  /** Calls a function with each record: see {@link BroadcastProcessFunction}. */
  process<Emits = never, R = never, Q = never>(
    fn: BroadcastProcessFunction<T, C, B, Emits, R, Q>,
  ): DataStream<Emits | R | Q> {
    const { outlet, states } = this.#broadcast;
    const process = coProcessSpec(fn, { params: this.#scope.params, isKeyed: false, broadcast: states });
    const operator: Operator = { kind: 'coProcess', process, isKeyed: false };
    return connect(this.#scope, [this.#outlet, outlet], operator, 'broadcast process');
  }
}

/** A keyed stream, and a broadcast one. */
export class KeyedBroadcastConnectedStream<K, T, C, B extends BroadcastDescriptors> {
  readonly #scope: StreamScope;
  readonly #outlet: StreamOutlet;
  readonly #broadcast: BroadcastStream<C, B>;

  constructor(scope: StreamScope, outlet: StreamOutlet, broadcast: BroadcastStream<C, B>) {
    this.#scope = scope;
    this.#outlet = outlet;
    this.#broadcast = broadcast;
  }

  /** Calls a function with each record: see {@link KeyedBroadcastProcessFunction}. */
  process<S extends StateDescriptors = {}, Emits = never, R = never, Q = never, U = never>(
    fn: KeyedBroadcastProcessFunction<K, T, C, S, B, Emits, R, Q, U>,
  ): DataStream<Emits | R | Q | U> {
    const { outlet, states } = this.#broadcast;
    const process = coProcessSpec(fn, { params: this.#scope.params, isKeyed: true, broadcast: states });
    const operator: Operator = { kind: 'coProcess', process, isKeyed: true };
    return connect(this.#scope, [this.#outlet, outlet], operator, 'broadcast process');
  }
}
