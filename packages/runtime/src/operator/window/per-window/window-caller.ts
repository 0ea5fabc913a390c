// Calls a window's function, and gathers what it gives.
import type { Clock } from '@millrace/common';
import type { JobParameters, WindowProcessSpec } from '@millrace/api';
import type { KeyedStateBackend } from '@millrace/state';
import type { OperatorMetrics } from '../../metrics/operator-metrics.ts';
import type { OperatorSetup } from '../../operator-setup.ts';
import { ScopedStates, type Handles, type StateScope } from './scoped-states.ts';
import { windowHash, windowKey, type Bounds } from './window-key.ts';

/** What `open` and `close` of a window function get. */
interface OpenContext {
  readonly subtaskIndex: number;
  readonly parallelism: number;
  readonly params: JobParameters;
  readonly metrics: OperatorMetrics;
}

/** What a window function that is an object gets: one object an operator, whose fields change from call to call. */
class WindowFunctionContext implements OpenContext {
  readonly subtaskIndex: number;
  readonly parallelism: number;
  readonly params: JobParameters;
  readonly metrics: OperatorMetrics;
  window: Bounds = { start: NaN, end: NaN };
  watermark: number;
  readonly now: () => number;
  readonly state: Handles;
  readonly windowState: Handles;
  readonly emit: (record: unknown) => void;
  readonly output: (tag: { readonly name: string }, record: unknown) => void;

  constructor(
    open: OpenContext,
    of: Pick<WindowFunctionContext, 'watermark' | 'state' | 'windowState' | 'emit' | 'output'> & {
      readonly clock: Clock;
    },
  ) {
    this.subtaskIndex = open.subtaskIndex;
    this.parallelism = open.parallelism;
    this.params = open.params;
    this.metrics = open.metrics;
    this.watermark = of.watermark;
    this.now = () => of.clock.nowMs();
    this.state = of.state;
    this.windowState = of.windowState;
    this.emit = of.emit;
    this.output = of.output;
  }
}

type Call = (...args: readonly unknown[]) => unknown;

/** A window and its key. */
export interface FiredWindow {
  readonly key: unknown;
  readonly keyHash: number;
  readonly window: Bounds;
}

/** The function behind the contents of windows; without one the contents are the result. */
export class WindowCaller {
  readonly #setup: OperatorSetup;
  readonly #spec: WindowProcessSpec | undefined;
  readonly #isKeyed: boolean;
  readonly #open: OpenContext;
  readonly #context: WindowFunctionContext | undefined;
  readonly #keyScope: StateScope = { key: undefined, hash: 0 };
  readonly #windowScope: StateScope = { key: undefined, hash: 0 };
  readonly #windowStates: ScopedStates;
  readonly #site: number;
  #emitted: unknown[] = [];
  #timestampMs = NaN;

  constructor(
    setup: OperatorSetup,
    backend: KeyedStateBackend,
    of: { readonly spec: WindowProcessSpec | undefined; readonly isKeyed: boolean },
  ) {
    this.#setup = setup;
    this.#spec = of.spec;
    this.#isKeyed = of.isKeyed;
    const { environment, output, emission } = setup;
    this.#site = setup.sites.register(setup.node, 'window function');
    this.#windowStates = new ScopedStates(backend, 'window/', of.spec?.windowState ?? {});
    this.#open = {
      subtaskIndex: environment.subtaskIndex,
      parallelism: environment.vertex.parallelism,
      params: of.spec?.params as JobParameters,
      metrics: setup.metrics,
    };
    if (of.spec?.isRich !== true) return;
    this.#context = new WindowFunctionContext(this.#open, {
      clock: environment.clock,
      watermark: environment.restoredWatermarkMs,
      state: new ScopedStates(backend, 'key/', of.spec.state).of(this.#keyScope),
      windowState: this.#windowStates.of(this.#windowScope),
      emit: (record) => this.#emitted.push(record),
      output: (tag, record) => {
        emission.count++;
        output.sides.get(tag.name)?.(record, this.#timestampMs);
      },
    });
  }

  set watermarkMs(watermarkMs: number) {
    if (this.#context !== undefined) this.#context.watermark = watermarkMs;
  }

  /** Results of a window that fires; `undefined`: the function failed, and its operator leaves that out. */
  call(contents: unknown, of: FiredWindow, timestampMs: number): readonly unknown[] | undefined {
    const spec = this.#spec;
    if (spec === undefined) return [contents];
    const { key, window } = of;
    this.#emitted = [];
    let returned: unknown;
    try {
      returned = this.#isKeyed
        ? this.#run(spec.process as Call, of, timestampMs, [key, contents, window])
        : this.#run(spec.process as Call, of, timestampMs, [contents, window]);
      this.#setup.sites.refusePromise(returned, this.#site);
    } catch (error) {
      const failed = { key, windowStart: window.start, windowEnd: window.end };
      this.#setup.failures.take(error, this.#site, failed, timestampMs, -1);
      return undefined;
    }
    if (!Array.isArray(returned)) return this.#emitted;
    return this.#emitted.length === 0 ? returned : [...this.#emitted, ...(returned as readonly unknown[])];
  }

  /** The window goes. */
  clear(of: FiredWindow, timestampMs: number): void {
    const spec = this.#spec;
    if (spec === undefined) return;
    const { clear } = spec;
    try {
      this.#emitted = [];
      if (clear !== undefined) this.#run(clear as Call, of, timestampMs, [of.window]);
    } finally {
      this.#select(of, timestampMs);
      this.#windowStates.clear(this.#windowScope);
    }
  }

  #run(call: Call, of: FiredWindow, timestampMs: number, args: readonly unknown[]): unknown {
    this.#select(of, timestampMs);
    return this.#context === undefined ? call(...args) : call.call(this.#spec, ...args, this.#context);
  }

  #select({ key, keyHash, window }: FiredWindow, timestampMs: number): void {
    const { keyGroupCount } = this.#setup.environment.graph.options;
    this.#timestampMs = timestampMs;
    this.#keyScope.key = key;
    this.#keyScope.hash = keyHash;
    this.#windowScope.key = windowKey(key, window);
    this.#windowScope.hash = windowHash(keyHash, window.start, keyGroupCount);
    if (this.#context !== undefined) this.#context.window = window;
  }

  async open(): Promise<void> {
    await this.#callLifecycle('open');
  }

  async close(): Promise<void> {
    await this.#callLifecycle('close');
  }

  async #callLifecycle(what: 'open' | 'close'): Promise<void> {
    try {
      await (this.#spec?.[what] as Call | undefined)?.call(this.#spec, this.#open);
    } catch (error) {
      const { sites, node } = this.#setup;
      throw sites.wrap(error, sites.register(node, `window function ${what}()`));
    }
  }
}
