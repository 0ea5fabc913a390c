// Process functions, keyed (with state and timers) and not, over one stream or two.
import type { ProcessSpec, UserFunction } from '@millrace/api';
import type { KeyedStateBackend, TimerDomain } from '@millrace/state';
import type { Paused } from '../../chain/emission.ts';
import type { ChainOperator, FrozenOperator, StageBody } from '../chain-stage.ts';
import { backendMethods, emitKey } from '../keyed/keyed-code.ts';
import type { OperatorSetup } from '../operator-setup.ts';
import { SubtaskState } from '../operator-state/subtask-state.ts';
import { emitElements } from '../simple-stages.ts';
import { KeyApplications } from './key-application.ts';
import { FunctionContext, FunctionTimers, LifecycleContext } from './process-context.ts';
import { stateHandles } from './state-handles.ts';
import { EventTtlClock, StateCleaning, wallTtlClock } from './ttl-clocks.ts';

type Lifecycle = (context: LifecycleContext) => unknown;
type OnTimer = (
  timer: { readonly timestamp: number; readonly domain: TimerDomain },
  context: FunctionContext,
) => unknown;

/** A process function of the engine's own. */
export interface EngineProcess extends ProcessSpec {
  /** Called when the watermark has come to `watermarkMs`, before timers are: false when it stopped, to be called again. */
  readonly beforeTimers?: (watermarkMs: number, context: FunctionContext) => boolean;
}

/** Opens a process function: its `open` has run when this resolves. */
export async function openProcessOperator(
  setup: OperatorSetup,
  spec: EngineProcess,
  isKeyed: boolean,
): Promise<ChainOperator> {
  // A broadcast element may have a function applied to all keys.
  const areKeysWalked = spec.broadcast !== undefined && Object.keys(spec.state).length > 0;
  const backend = isKeyed ? await setup.openBackend({ areKeysWalked, states: spec.state }) : undefined;
  const subtaskState = new SubtaskState(setup, spec);
  const lifecycle = new LifecycleContext(setup, spec, subtaskState.lists);
  const operator = new ProcessOperator(setup, spec, { backend, lifecycle, subtaskState });
  await backend?.restoreForms();
  await callLifecycle(setup, spec.open, { lifecycle, what: 'open()' });
  return operator;
}

/** Calls `open` or `close` of the user's function. */
export async function callLifecycle(
  setup: OperatorSetup,
  call: UserFunction | undefined,
  of: { readonly lifecycle: LifecycleContext; readonly what: string },
): Promise<void> {
  try {
    await (call as Lifecycle | undefined)?.(of.lifecycle);
  } catch (error) {
    throw setup.sites.wrap(error, setup.sites.register(setup.node, of.what));
  }
}

class ProcessOperator implements ChainOperator {
  readonly node;
  readonly stage;
  readonly needsRelief?: () => boolean;
  readonly relieve?: () => Promise<void> | undefined;
  readonly checkpointCompleted?: (checkpointId: number) => void;
  readonly checkpointAborted?: (checkpointId: number) => void;
  readonly stateEntries?: () => number;
  readonly stateBytes?: () => number;
  readonly #setup: OperatorSetup;
  readonly #spec: EngineProcess;
  readonly #backend: KeyedStateBackend | undefined;
  readonly #lifecycle: LifecycleContext;
  readonly #subtaskState: SubtaskState;
  readonly #freezeKeyed: ChainOperator['freeze'];
  readonly #context: FunctionContext;
  /** Of records of the second input. */
  readonly #secondContext: FunctionContext;
  readonly #timers: FunctionTimers | undefined;
  readonly #applications: KeyApplications | undefined;
  readonly #eventClock = new EventTtlClock();
  readonly #cleaning: StateCleaning;
  readonly #recordSite: number;
  readonly #stateSite: number;
  readonly #secondSite: number;
  readonly #snapshotSite: number;
  readonly #timerSite: number;
  readonly #keySite: number;
  readonly #pastDue: Paused = { resume: () => this.#fire('event', this.#context.watermark) };

  constructor(
    setup: OperatorSetup,
    spec: EngineProcess,
    parts: {
      readonly backend: KeyedStateBackend | undefined;
      readonly lifecycle: LifecycleContext;
      readonly subtaskState: SubtaskState;
    },
  ) {
    const { backend, subtaskState } = parts;
    const watermarkMs = setup.environment.restoredWatermarkMs;
    this.node = setup.node;
    this.#setup = setup;
    this.#spec = spec;
    this.#backend = backend;
    this.#lifecycle = parts.lifecycle;
    this.#timers = backend === undefined ? undefined : new FunctionTimers(backend, watermarkMs);
    this.#subtaskState = subtaskState;
    const { clock } = setup.environment;
    const common = { clock, output: setup.output, emission: setup.emission, watermarkMs };
    this.#stateSite = setup.sites.register(setup.node, 'function of a state');
    const handleOptions = {
      clocks: { processing: wallTtlClock(clock), event: this.#eventClock },
      refusePromise: (value: unknown) => setup.sites.refusePromise(value, this.#stateSite),
    };
    this.#context = new FunctionContext(parts.lifecycle, {
      ...common,
      state: backend === undefined ? {} : stateHandles(backend, spec.state, handleOptions),
      timers: this.#timers,
      broadcast: subtaskState.broadcast?.readable,
    });
    this.#eventClock.context = this.#context;
    this.#cleaning = new StateCleaning(backend?.expiring, clock);
    if (backend?.expiring !== undefined)
      parts.lifecycle.metrics.gauge('state.expired', () => this.#cleaning.expiredCount);
    this.#secondContext =
      subtaskState.broadcast === undefined
        ? this.#context
        : new FunctionContext(parts.lifecycle, {
            ...common,
            state: {},
            timers: undefined,
            broadcast: subtaskState.broadcast.writable,
          });
    this.#applications = this.#applicationsOf(subtaskState.broadcast !== undefined);
    const [first, second] = namesOf(spec);
    this.#recordSite = setup.sites.register(setup.node, `process function ${first}`);
    this.#secondSite = setup.sites.register(setup.node, `process function ${second}`);
    this.#snapshotSite = setup.sites.register(setup.node, 'process function snapshot');
    this.#timerSite = setup.sites.register(setup.node, 'process function onTimer');
    this.#keySite = setup.sites.register(setup.node, 'key function');
    this.stage = { kind: 'process', emitsMany: true as const, emit: (body: StageBody) => this.#emit(body) };
    if (backend === undefined) return;
    const { close: _, freeze, ...methods } = backendMethods(backend);
    this.#freezeKeyed = freeze;
    Object.assign(this, methods);
  }

  #applicationsOf(isBroadcast: boolean): KeyApplications | undefined {
    const backend = this.#backend;
    if (backend === undefined || !isBroadcast) return undefined;
    const { sites, failures, emission, node } = this.#setup;
    const context = this.#secondContext;
    const site = sites.register(node, 'process function applyToKeyedState');
    const applications = new KeyApplications({
      backend,
      states: this.#spec.state,
      handles: this.#context.state,
      emission,
      context,
      take: (error, key, timestampMs) => failures.take(error, site, { key }, timestampMs, -1),
      refusePromise: (returned) => sites.refusePromise(returned, site),
    });
    context.applyToKeyedState = (name, fn) => applications.ask(name, fn);
    return applications;
  }

  freeze(checkpointId: number, isFinal?: boolean): FrozenOperator {
    this.#callSnapshot(checkpointId);
    const keyed = this.#freezeKeyed?.(checkpointId, isFinal);
    const inline = this.#subtaskState.snapshot();
    return {
      write: async (blobStore, prefix) => ({
        ...((await keyed?.write(blobStore, prefix)) ?? { keyedFiles: [], newBytes: 0 }),
        ...(inline === undefined ? {} : { inline }),
      }),
    };
  }

  #callSnapshot(checkpointId: number): void {
    const snapshot = this.#spec.snapshot as ((context: unknown) => unknown) | undefined;
    if (snapshot === undefined) return;
    const { sites } = this.#setup;
    let returned: unknown;
    try {
      const { subtaskIndex, parallelism, params, operatorState, metrics } = this.#lifecycle;
      const context = { subtaskIndex, parallelism, params, operatorState, metrics, checkpointId };
      returned = snapshot.call(this.#spec, context);
    } catch (error) {
      throw sites.wrap(error, this.#snapshotSite);
    }
    sites.refusePromise(returned, this.#snapshotSite);
  }

  #emit(body: StageBody): string {
    const { unit, record } = body;
    const isSecond = this.#spec.onSecond !== undefined && body.inputEdge === this.node.inputs[1];
    const isKeyed = this.#backend !== undefined && !(isSecond && this.#subtaskState.broadcast !== undefined);
    const context = unit.bind(isSecond ? this.#secondContext : this.#context, 'context');
    const site = isSecond ? this.#secondSite : this.#recordSite;
    const called = (isSecond ? this.#spec.onSecond : undefined) ?? this.#spec.onRecord;
    const results = unit.fresh('results');
    const other = unit.bind(
      (returned: unknown, timestampMs: number) =>
        this.#emitAll(returned, { timestampMs, site, of: undefined }),
      'emitAll',
    );
    // What the function emits goes through functions that do not know the row.
    const row = `${unit.bind(this.#setup.origin, 'origin')}.row = ${body.row};`;
    const call = (declare: (name: string) => string): string =>
      [
        body.row === '-1' ? '' : row,
        body.at(site),
        `${context}.timestamp = ${body.timestampMs};`,
        `${declare(results)} = ${unit.bind(this.#spec, 'process')}.${isSecond ? 'onSecond' : 'onRecord'}(${record.argument(called)}, ${context});`,
      ].join('\n');
    const goOn = (): string =>
      `if (${results} !== undefined) {\n${emitElements(body, this.#setup.emission, { array: results, other })}\n}`;
    if (!isKeyed) {
      const applied = isSecond ? this.#applications : undefined;
      const attempt = body.attempt({ names: [results], make: call, goOn });
      if (applied === undefined) return attempt;
      const name = unit.bind(applied, 'applications');
      return `${attempt}\nif (${name}.isDue) ${name}.run();`;
    }
    const { key, hash, make } = emitKey(body, this.#setup, this.#keySite);
    const pastDue = unit.bind(() => this.#setup.emission.run(this.#pastDue), 'firePastDue');
    const setKey = `${unit.bind(this.#backend, 'backend')}.setCurrentKey(${key}, ${hash}); ${context}.key = ${key};`;
    return [
      body.attempt({
        names: [key, hash, results],
        make: (declare) => `${make(declare)}\n${setKey}\n${call(declare)}`,
        goOn,
      }),
      `if (${unit.bind(this.#timers, 'timers')}.isPastDue) ${pastDue}();`,
    ].join('\n');
  }

  endBatch(): void {
    this.#cleaning.clean();
  }

  advanceWatermark(watermarkMs: number): boolean {
    this.#context.watermark = watermarkMs;
    this.#secondContext.watermark = watermarkMs;
    if (this.#spec.beforeTimers?.(watermarkMs, this.#context) === false) return false;
    if (this.#timers === undefined) return true;
    this.#timers.watermarkMs = watermarkMs;
    return this.#fire('event', watermarkMs);
  }

  advanceProcessingTime(nowMs: number): boolean {
    return this.#backend === undefined || this.#fire('processing', nowMs); // and `endBatch` cleans
  }

  nextProcessingTimeMs(): number {
    if (this.#backend === undefined) return Infinity;
    return Math.min(this.#backend.timers.earliest('processing'), this.#cleaning.nextMs());
  }

  /** False when it stopped; the timers that are left are state. */
  #fire(domain: TimerDomain, timeMs: number): boolean {
    const { timers } = this.#backend as KeyedStateBackend;
    for (let due = timers.pollDue(domain, timeMs); due !== undefined; due = timers.pollDue(domain, timeMs)) {
      this.#callTimer(domain, due);
      if (this.#setup.emission.mustStop()) return false;
    }
    if (this.#timers !== undefined && domain === 'event') this.#timers.isPastDue = false;
    return true;
  }

  #callTimer(domain: TimerDomain, timestamp: number): void {
    const context = this.#context;
    context.key = this.#backend?.currentKey;
    context.timestamp = domain === 'event' ? timestamp : NaN;
    const onTimer = this.#spec.onTimer as OnTimer | undefined;
    if (onTimer === undefined) return;
    const of = { key: context.key, timestamp, domain };
    if (domain === 'event') this.#eventClock.timerMs = timestamp;
    let results: unknown;
    try {
      results = onTimer.call(this.#spec, { timestamp, domain }, context);
    } catch (error) {
      this.#setup.failures.take(error, this.#timerSite, of, context.timestamp, -1);
      return;
    } finally {
      this.#eventClock.timerMs = NaN;
    }
    this.#emitAll(results, { timestampMs: context.timestamp, site: this.#timerSite, of });
  }

  /** `of`: the timer, where there is no record. */
  #emitAll(
    results: unknown,
    { timestampMs, site, of }: { readonly timestampMs: number; readonly site: number; readonly of: unknown },
  ): void {
    const { sites, failures, emission, output } = this.#setup;
    sites.refusePromise(results, site);
    if (!Array.isArray(results)) return;
    emission.emitAll(results as readonly unknown[], {
      timestampMs,
      emit: output.emit,
      onError: (error) => failures.take(error, site, of, timestampMs, -1),
    });
  }

  async close(): Promise<void> {
    try {
      await callLifecycle(this.#setup, this.#spec.close, {
        lifecycle: this.#lifecycle,
        what: 'close()',
      });
    } finally {
      await this.#backend?.close();
    }
  }
}

/** What the functions for the first and the second input are called in the user's program. */
function namesOf({ onSecond, broadcast }: ProcessSpec): readonly [string, string] {
  if (broadcast !== undefined) return ['onRecord', 'onBroadcast'];
  return onSecond === undefined ? ['onRecord', 'onRecord'] : ['onFirst', 'onSecond'];
}
