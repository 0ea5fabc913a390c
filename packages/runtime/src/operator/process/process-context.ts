// The contexts that process functions are called with: one object an operator, whose fields change from call to call.
import type { Clock } from '@millrace/common';
import type { JobParameters, ProcessSpec } from '@millrace/api';
import type { Key, KeyedStateBackend } from '@millrace/state';
import type { Emission } from '../../chain/emission.ts';
import type { OperatorOutput } from '../chain-stage.ts';
import type { OperatorMetrics } from '../metrics/operator-metrics.ts';
import type { OperatorLists } from '../operator-state/operator-lists.ts';
import type { OperatorSetup } from '../operator-setup.ts';

/** What `open` and `close` get. */
export class LifecycleContext {
  readonly subtaskIndex: number;
  readonly parallelism: number;
  readonly params: JobParameters;
  readonly operatorState: OperatorLists;
  readonly metrics: OperatorMetrics;

  constructor(setup: OperatorSetup, spec: Pick<ProcessSpec, 'params'>, operatorState: OperatorLists) {
    this.subtaskIndex = setup.environment.subtaskIndex;
    this.parallelism = setup.environment.vertex.parallelism;
    this.params = spec.params;
    this.operatorState = operatorState;
    this.metrics = setup.metrics;
  }
}

/**
 * [HOT] What `onRecord` and `onTimer` get. One class for keyed and other functions, so that generated code meets one shape.
 * The functions are fields, because users take them out: `({ emit }) => …`.
 */
export class FunctionContext {
  readonly subtaskIndex: number;
  readonly parallelism: number;
  readonly params: JobParameters;
  readonly operatorState: OperatorLists;
  readonly metrics: OperatorMetrics;
  timestamp = NaN;
  watermark: number;
  key: Key = undefined;
  readonly state: { readonly [name: string]: unknown };
  readonly timers: FunctionTimers | undefined;
  /** Broadcast states, to read or to write. */
  readonly broadcast: { readonly [name: string]: unknown } | undefined;
  readonly now: () => number;
  readonly emit: (record: unknown) => void;
  /** Set where a function may ask for it. */
  applyToKeyedState: ((name: string, fn: (key: Key, state: unknown) => unknown) => void) | undefined =
    undefined;
  readonly output: (tag: { readonly name: string }, record: unknown) => void;

  constructor(
    lifecycle: LifecycleContext,
    parts: {
      readonly clock: Clock;
      readonly output: OperatorOutput;
      readonly emission: Emission;
      readonly watermarkMs: number;
      readonly state: { readonly [name: string]: unknown };
      readonly timers: FunctionTimers | undefined;
      readonly broadcast: { readonly [name: string]: unknown } | undefined;
    },
  ) {
    const { clock, output, emission } = parts;
    this.subtaskIndex = lifecycle.subtaskIndex;
    this.parallelism = lifecycle.parallelism;
    this.params = lifecycle.params;
    this.operatorState = lifecycle.operatorState;
    this.metrics = lifecycle.metrics;
    this.watermark = parts.watermarkMs;
    this.state = parts.state;
    this.timers = parts.timers;
    this.broadcast = parts.broadcast;
    this.now = () => clock.nowMs();
    this.emit = (record) => {
      emission.count++;
      output.emit(record, this.timestamp);
    };
    this.output = (tag, record) => {
      emission.count++;
      output.sides.get(tag.name)?.(record, this.timestamp);
    };
  }
}

/** Timers of the current key. */
export class FunctionTimers {
  /** An event-time timer was registered for a time that is past. */
  isPastDue = false;
  watermarkMs: number;
  readonly #backend: KeyedStateBackend;

  constructor(backend: KeyedStateBackend, watermarkMs: number) {
    this.#backend = backend;
    this.watermarkMs = watermarkMs;
  }

  registerEventTime(timestamp: number): void {
    checkTime(timestamp);
    if (timestamp <= this.watermarkMs) this.isPastDue = true;
    this.#backend.timers.register('event', timestamp);
  }

  deleteEventTime(timestamp: number): void {
    this.#backend.timers.unregister('event', timestamp);
  }

  registerProcessingTime(timestamp: number): void {
    checkTime(timestamp);
    this.#backend.timers.register('processing', timestamp);
  }

  deleteProcessingTime(timestamp: number): void {
    this.#backend.timers.unregister('processing', timestamp);
  }
}

function checkTime(timestamp: number): void {
  if (Number.isFinite(timestamp)) return;
  throw new TypeError(
    `a timer is registered for a time in milliseconds since the epoch, but got ${String(timestamp)}`,
  );
}
