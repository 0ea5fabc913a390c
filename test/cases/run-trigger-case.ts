// Cases about one trigger: the trigger is called as the window operator calls it, with state and timers in maps.
import assert from 'node:assert/strict';
import { purgingTrigger, trigger, type TriggerResult, type Window } from '@millrace/api';
import { triggerOf } from './window-adapter.ts';
import {
  MIN_MS,
  timeOf,
  type CaseStep,
  type CaseTrigger,
  type CaseWindow,
  type WindowCase,
} from './window-case.ts';

interface Timer {
  readonly domain: 'event' | 'processing';
  readonly at: number;
  readonly window: string;
}

interface Called {
  readonly onRecord: (record: unknown, context: unknown) => TriggerResult;
  readonly onEventTime?: (timestamp: number, context: unknown) => TriggerResult;
  readonly onProcessingTime?: (timestamp: number, context: unknown) => TriggerResult;
  readonly onMerge?: (merged: readonly Window[], context: unknown) => void;
  readonly clear?: (context: unknown) => void;
}

/** `looksAtTimers`: the number of timers after each step is compared as well. */
export function runTriggerCase(of: WindowCase, looksAtTimers: boolean): void {
  const given = of.trigger ?? { type: 'eventTime' };
  if (given.of?.type === 'any') return runForwarding(of);
  const run = new TriggerRun(given, looksAtTimers);
  for (const [index, step] of (of.steps ?? []).entries())
    run.step(step, `step ${index}, ${JSON.stringify(step)}`);
}

class TriggerRun {
  readonly #given: CaseTrigger;
  readonly #looksAtTimers: boolean;
  readonly #state = new Map<string, unknown>();
  #timers: Timer[] = [];
  #watermark = MIN_MS;
  #now = MIN_MS;

  constructor(given: CaseTrigger, looksAtTimers: boolean) {
    this.#given = given;
    this.#looksAtTimers = looksAtTimers;
  }

  /** All state is in the context: each step has another instance. */
  get #trigger(): Called {
    return triggerOf(this.#given) as unknown as Called;
  }

  step(step: CaseStep, what: string): void {
    const { element, watermark, processingTime, window, result, merge, into, clear, eventTimer } = step;
    if (element !== undefined && window !== undefined)
      assert.equal(this.#trigger.onRecord(element, this.#context(boundsOf(window))), result, what);
    if (watermark !== undefined) {
      this.#watermark = timeOf(watermark);
      this.#expectFired(step, this.#fire('event', this.#watermark), what);
    }
    if (processingTime !== undefined) {
      this.#now = timeOf(processingTime);
      this.#expectFired(step, this.#fire('processing', this.#now), what);
    }
    if (eventTimer !== undefined && window !== undefined)
      this.#trigger.onEventTime?.(eventTimer, this.#context(boundsOf(window)));
    if (clear !== undefined) this.#trigger.clear?.(this.#context(boundsOf(clear)));
    if (merge !== undefined && into !== undefined) {
      this.#trigger.onMerge?.(merge.map(boundsOf), this.#context(boundsOf(into)));
      for (const each of merge) this.#trigger.clear?.(this.#context(boundsOf(each)));
    }
    for (const { kind, window: ofWindow, count } of (this.#looksAtTimers ? step.timersAfter : undefined) ??
      []) {
      const domain = kind === 'eventTimers' ? 'event' : 'processing';
      const found = this.#timers.filter(
        (timer) =>
          timer.domain === domain && (ofWindow === undefined || timer.window === nameOf(boundsOf(ofWindow))),
      );
      assert.equal(found.length, count, `${kind} after ${what}`);
    }
  }

  #expectFired(
    { window, result, results, resultsNotChecked }: CaseStep,
    fired: readonly (readonly [window: string, result: TriggerResult])[],
    what: string,
  ): void {
    if (resultsNotChecked === true) return;
    const said = fired.filter(([, each]) => each !== 'CONTINUE');
    if (result === 'no timer fires') assert.deepEqual(fired, [], what);
    else if (window !== undefined) assert.deepEqual(said, [[nameOf(boundsOf(window)), result]], what);
    // Windows that are not listed are not looked at.
    for (const each of results ?? [])
      assert.ok(
        said.some(([fired, saying]) => fired === nameOf(boundsOf(each.window)) && saying === each.result),
        what,
      );
  }

  #fire(
    domain: 'event' | 'processing',
    untilMs: number,
  ): readonly (readonly [window: string, result: TriggerResult])[] {
    const isDue = (timer: Timer): boolean => timer.domain === domain && timer.at <= untilMs;
    // As the harness of these cases does: timers that are registered meanwhile wait for the next step.
    const due = this.#timers.filter(isDue).toSorted((a, b) => a.at - b.at);
    this.#timers = this.#timers.filter((timer) => !isDue(timer));
    const called = this.#trigger;
    return due.map(({ at, window }) => {
      const [start = 0, end = 0] = window.split(' ').map(Number);
      const context = this.#context({ start, end });
      const result =
        domain === 'event' ? called.onEventTime?.(at, context) : called.onProcessingTime?.(at, context);
      return [window, result ?? 'CONTINUE'];
    });
  }

  #context(window: Window): unknown {
    const name = nameOf(window);
    const register = (domain: Timer['domain'], at: number): void => {
      this.#delete({ domain, at, window: name });
      this.#timers.push({ domain, at, window: name });
    };
    return {
      window,
      // Records of these cases have no timestamp, which there is the least time.
      timestamp: MIN_MS,
      watermark: this.#watermark,
      now: () => this.#now,
      state: this.#stateOf(name),
      stateOf: (other: Window) => this.#stateOf(nameOf(other)),
      timers: {
        registerEventTime: (at: number) => register('event', at),
        deleteEventTime: (at: number) => this.#delete({ domain: 'event', at, window: name }),
        registerProcessingTime: (at: number) => register('processing', at),
        deleteProcessingTime: (at: number) => this.#delete({ domain: 'processing', at, window: name }),
      },
    };
  }

  #delete({ domain, at, window }: Timer): void {
    this.#timers = this.#timers.filter(
      (timer) => timer.domain !== domain || timer.at !== at || timer.window !== window,
    );
  }

  /** Value states of any name. */
  #stateOf(window: string): unknown {
    return new Proxy(
      {},
      {
        get: (_target, name) => {
          const place = `${window} ${String(name)}`;
          return {
            value: () => this.#state.get(place),
            update: (value: unknown) => this.#state.set(place, value),
            clear: () => this.#state.delete(place),
          };
        },
      },
    );
  }
}

/** What a purging trigger makes of what the inner one says. */
function runForwarding(of: WindowCase): void {
  for (const { inner, on, result } of of.steps ?? []) {
    const says = (): TriggerResult => inner as TriggerResult;
    const purging = purgingTrigger(
      trigger({ onRecord: says, onEventTime: says, onProcessingTime: says }),
    ) as unknown as Called;
    const said =
      on === 'element'
        ? purging.onRecord(1, {})
        : on === 'eventTimer'
          ? purging.onEventTime?.(1, {})
          : purging.onProcessingTime?.(1, {});
    assert.equal(said, result, `${inner} on ${on}`);
  }
}

function boundsOf([start, end]: CaseWindow): Window {
  return { start: timeOf(start), end: timeOf(end) };
}

function nameOf({ start, end }: Window): string {
  return `${start} ${end}`;
}
