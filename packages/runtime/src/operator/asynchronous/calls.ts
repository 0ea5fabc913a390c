// The calls of an asynchronous operator: how many at once, until when, and how often for one record.
import { MillraceError, type Cancellable, type Clock } from '@millrace/common';
import type { AsyncSpec } from '@millrace/api';
import type { AsynchronousPort } from '../../chain/operator-chain.ts';
import type { LifecycleContext } from '../process/process-context.ts';
import { Answers } from './answers.ts';
import { EntryState, type InFlightEntry } from './in-flight-entry.ts';
import type { InFlightQueue } from './in-flight-queue.ts';
import { Lookups } from './lookups.ts';

type Call = (record: unknown, context: AsyncCall) => unknown;

/** What a call knows; its signal is made when somebody asks for it. One a call: it holds no more than it has to. */
export class AsyncCall {
  readonly attempt: number;
  readonly #lifecycle: LifecycleContext;
  #aborting: AbortController | undefined;
  #isAborted = false;

  constructor(lifecycle: LifecycleContext, attempt: number) {
    this.attempt = attempt;
    this.#lifecycle = lifecycle;
  }

  get subtaskIndex(): number {
    return this.#lifecycle.subtaskIndex;
  }

  get parallelism(): number {
    return this.#lifecycle.parallelism;
  }

  get params(): LifecycleContext['params'] {
    return this.#lifecycle.params;
  }

  get operatorState(): LifecycleContext['operatorState'] {
    return this.#lifecycle.operatorState;
  }

  get metrics(): LifecycleContext['metrics'] {
    return this.#lifecycle.metrics;
  }

  get signal(): AbortSignal {
    if (this.#aborting === undefined) {
      this.#aborting = new AbortController();
      if (this.#isAborted) this.#aborting.abort();
    }
    return this.#aborting.signal;
  }

  abort(): void {
    this.#isAborted = true;
    this.#aborting?.abort();
  }
}

export interface AsyncCallsOptions {
  readonly spec: AsyncSpec;
  readonly lifecycle: LifecycleContext;
  readonly queue: InFlightQueue<AsyncCall>;
  readonly port: AsynchronousPort;
  readonly clock: Clock;
  readonly operatorName: string;
}

/**
 * Calls the user's function for entries of a queue, and completes them.
 * Contract: at most `capacity` entries are called and have not left; the others wait. An answer that comes after the time
 * of its record is over is dropped. Threading: the task's thread; answers come back through the port.
 * Bounds: `capacity` calls, one timer.
 */
export class AsyncCalls {
  readonly #of: AsyncCallsOptions;
  readonly #call: Call;
  readonly #answers: Answers<AsyncCall>;
  /** The clock as it was in the batch at hand; NaN: not asked yet. */
  #nowMs = NaN;
  /** Of a lookup join. */
  readonly #lookups: Lookups | undefined;
  /** Entries that have not been called, in order; those before `#waitingHead` have. */
  #waiting: InFlightEntry<AsyncCall>[] = [];
  #waitingHead = 0;
  /** Called, and not left yet. */
  #calledCount = 0;
  #alarm: Cancellable | undefined;
  #alarmAtMs = Infinity;
  #isClosed = false;
  readonly #callCount;
  readonly #retryCount;
  readonly #timeoutCount;

  constructor(of: AsyncCallsOptions) {
    this.#of = of;
    const { spec, lifecycle, port, clock } = of;
    this.#lookups =
      spec.lookup === undefined ? undefined : new Lookups({ spec: spec.lookup, lifecycle, port, clock });
    this.#call = this.#lookups?.call ?? (spec.call as Call);
    this.#answers = new Answers(port, ({ entry, call, value, isError }) =>
      isError ? this.#onError(entry, call, value) : this.#onAnswer(entry, call, value),
    );
    const { metrics } = lifecycle;
    this.#callCount = metrics.counter('calls.made');
    this.#retryCount = metrics.counter('calls.repeated');
    this.#timeoutCount = metrics.counter('calls.timed_out');
    metrics.gauge('calls.in_flight', () => of.queue.count);
  }

  get waitingCount(): number {
    return this.#waiting.length - this.#waitingHead;
  }

  get isFull(): boolean {
    return this.#calledCount >= this.#of.spec.capacity || this.waitingCount > 0;
  }

  /** Some wait although there is room for them. */
  get mayStart(): boolean {
    return this.waitingCount > 0 && this.#calledCount < this.#of.spec.capacity;
  }

  add(entry: InFlightEntry<AsyncCall>): void {
    if (this.isFull) this.#waiting.push(entry);
    else this.#begin(entry);
  }

  /** Keeps an entry that is to be called by the next {@link startWaiting}. */
  hold(entry: InFlightEntry<AsyncCall>): void {
    this.#waiting.push(entry);
  }

  /** An entry has left: there is room for another. */
  onLeft(): void {
    this.#calledCount--;
  }

  /** Time goes on. */
  endBatch(): void {
    this.#nowMs = NaN;
  }

  startWaiting(): void {
    this.#nowMs = NaN;
    while (this.mayStart) this.#begin(this.#waiting[this.#waitingHead++] as InFlightEntry<AsyncCall>);
    if (this.waitingCount > 0) return;
    this.#waiting = [];
    this.#waitingHead = 0;
  }

  close(): void {
    this.#isClosed = true;
    this.#alarm?.cancel();
    this.#lookups?.close();
    for (let entry = this.#of.queue.first; entry !== undefined; entry = entry.next) entry.call?.abort();
  }

  #begin(entry: InFlightEntry<AsyncCall>): void {
    this.#calledCount++;
    entry.state = EntryState.Called;
    if (Number.isNaN(this.#nowMs)) this.#nowMs = this.#of.clock.monotonicMs();
    entry.deadlineMs = this.#nowMs + this.#of.spec.timeoutMs;
    this.#wakeAt(entry.deadlineMs);
    this.#callFor(entry);
  }

  #callFor(entry: InFlightEntry<AsyncCall>): void {
    entry.attempt++;
    entry.retryAtMs = Infinity;
    const call = new AsyncCall(this.#of.lifecycle, entry.attempt);
    entry.call = call;
    this.#callCount.count++;
    let answer: unknown;
    try {
      answer = this.#call(entry.record, call);
    } catch (error) {
      this.#onError(entry, call, error);
      return;
    }
    if (!isThenable(answer)) {
      this.#onAnswer(entry, call, answer);
      return;
    }
    this.#answers.await(Promise.resolve(answer), entry, call);
  }

  #onAnswer(entry: InFlightEntry<AsyncCall>, call: AsyncCall, answer: unknown): void {
    if (entry.call !== call || this.#isClosed) return;
    const isWanted = this.#of.spec.retry?.onResult as ((result: unknown) => boolean) | undefined;
    try {
      if (isWanted?.(answer) === true && this.#retries(entry)) return;
    } catch (error) {
      this.#of.queue.complete(entry, EntryState.Failed, error);
      return;
    }
    this.#of.queue.complete(entry, EntryState.Done, answer);
  }

  #onError(entry: InFlightEntry<AsyncCall>, call: AsyncCall, error: unknown): void {
    if (entry.call !== call || this.#isClosed) return;
    const { retry } = this.#of.spec;
    const isWorth = retry?.onError as ((error: unknown) => boolean) | undefined;
    try {
      if (retry !== undefined && (isWorth === undefined || isWorth(error)) && this.#retries(entry)) return;
    } catch (thrown) {
      this.#of.queue.complete(entry, EntryState.Failed, thrown);
      return;
    }
    this.#of.queue.complete(entry, EntryState.Failed, error);
  }

  /** True when the record will be called for again. */
  #retries(entry: InFlightEntry<AsyncCall>): boolean {
    const { retry } = this.#of.spec;
    if (retry === undefined || entry.attempt >= retry.attemptsMax) return false;
    // Finite, because no delay is none however often it is multiplied.
    const factor = Math.min(retry.multiplier ** (entry.attempt - 1), Number.MAX_VALUE);
    const delayMs = Math.min(retry.initialDelayMs * factor, retry.maxDelayMs);
    entry.call = undefined;
    entry.retryAtMs = this.#of.clock.monotonicMs() + delayMs;
    this.#retryCount.count++;
    this.#wakeAt(entry.retryAtMs);
    return true;
  }

  #wakeAt(atMs: number): void {
    if (atMs >= this.#alarmAtMs) return;
    this.#alarm?.cancel();
    this.#alarmAtMs = atMs;
    const delayMs = Math.max(1, Math.ceil(atMs - this.#of.clock.monotonicMs()));
    this.#alarm = this.#of.port.schedule(delayMs, () => this.#onAlarm());
  }

  /** Looks at every record in flight: at most `capacity`, at most once a millisecond. */
  #onAlarm(): void {
    if (this.#isClosed) return;
    this.#alarm = undefined;
    this.#alarmAtMs = Infinity;
    const nowMs = this.#of.clock.monotonicMs();
    let nextMs = Infinity;
    for (let entry = this.#of.queue.first; entry !== undefined; entry = entry.next) {
      if (entry.state !== EntryState.Called) continue;
      if (entry.deadlineMs <= nowMs) this.#onTimeout(entry);
      else if (entry.retryAtMs <= nowMs) this.#callFor(entry);
      if (entry.state === EntryState.Called) nextMs = Math.min(nextMs, entry.deadlineMs, entry.retryAtMs);
    }
    if (nextMs < Infinity) this.#wakeAt(nextMs);
  }

  #onTimeout(entry: InFlightEntry<AsyncCall>): void {
    const { spec, lifecycle, queue, operatorName } = this.#of;
    const call = entry.call ?? new AsyncCall(lifecycle, entry.attempt);
    entry.call = undefined;
    this.#timeoutCount.count++;
    call.abort();
    const onTimeout = spec.onTimeout as Call | undefined;
    if (onTimeout === undefined) {
      queue.complete(entry, EntryState.Failed, timedOut(operatorName, spec.timeoutMs, entry.attempt));
      return;
    }
    try {
      const result = onTimeout(entry.record, call);
      if (isThenable(result))
        throw new TypeError('`timeout` returned a promise: it gives the result at once');
      queue.complete(entry, EntryState.Done, result);
    } catch (error) {
      queue.complete(entry, EntryState.Failed, error);
    }
  }
}

function timedOut(operator: string, timeoutMs: number, attempts: number): MillraceError {
  return new MillraceError(
    'MR_ASYNC_TIMEOUT',
    `The asynchronous function of "${operator}" gave no answer within ${timeoutMs} ms (calls: ${attempts})`,
    { details: { operator, timeoutMs, attempts } },
  );
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
  );
}
