// From a case to a program of the public API.
import {
  aggregator,
  countEvictor,
  countTrigger,
  countWindow,
  continuousEventTimeTrigger,
  continuousProcessingTimeTrigger,
  cumulating,
  deltaEvictor,
  deltaTrigger,
  endOfInputTrigger,
  eventTimeTrigger,
  globalWindow,
  outputTag,
  processingTimePeriodTrigger,
  processingTimeoutTrigger,
  processingTimeTrigger,
  purgingTrigger,
  session,
  sliding,
  timeEvictor,
  trigger,
  tumbling,
  type ChangelogStream,
  type DataStream,
  type EmitPolicy,
  type Evictor,
  type Trigger,
  type Window,
  type WindowAssigner,
  type WindowedStream,
} from '@millrace/api';
import type { OperatorsUnderTest } from '@millrace/testing';
import { namedResults } from './window-case-functions.ts';
import type { CaseAssigner, CaseElement, CaseEvictor, CaseTrigger, WindowCase } from './window-case.ts';

export type Element = CaseElement;

/** Ways to write the same windows, which take different operators. */
export type Variant = 'default trigger' | 'explicit trigger';

/** With its default trigger a window may be slices or sessions; a trigger that is written always makes windows one by one. */
export function variantsOf({
  trigger: of,
  assigner,
  evictor,
  produceUpdates,
}: WindowCase): readonly Variant[] {
  // Without a trigger each record updates the result.
  if (produceUpdates === true) return ['explicit trigger'];
  if (assigner.type === 'count') return ['default trigger'];
  const ofAssigner = assigner.time === 'processing' ? 'processingTime' : 'eventTime';
  const isDefault = [ofAssigner, 'windowEnd'].includes(of?.type ?? '');
  const isPlain = isDefault && of?.early === undefined && of?.late === undefined && evictor === undefined;
  return isPlain && assigner.type !== 'global'
    ? ['default trigger', 'explicit trigger']
    : ['explicit trigger'];
}

export function assignerOf(of: CaseAssigner, gapOf?: (element: Element) => number): WindowAssigner<Element> {
  const time = of.time === 'processing' ? 'processing' : 'event';
  const { size = 0, slide = 0, offset = 0, maxSize = 0, step = 0, gap } = of;
  switch (of.type) {
    case 'tumbling':
      return tumbling(size, { time, offset });
    case 'sliding':
      return sliding(size, slide, { time, offset });
    case 'cumulate':
      return cumulating(maxSize, step, { time, offset });
    case 'global':
      return globalWindow();
    case 'count':
      return countWindow(size, of.slide);
    case 'session':
      return session<Element>(gapOf ?? gapRule(of) ?? (gap as number), { time });
  }
}

function gapRule({ gap, rule }: CaseAssigner): ((element: Element) => number) | undefined {
  if (rule !== undefined) return ({ row }) => (row?.[1] === 33 ? 0 : (gap as number));
  if (typeof gap !== 'object') return undefined;
  return (element) =>
    gap.cases.find(
      ({ key, value }) =>
        (key === undefined || key === element.key) && (value === undefined || value === element.value),
    )?.gap ?? 0;
}

/** `any`: says what the case says. */
export function triggerOf(of: CaseTrigger, assigner?: CaseAssigner): Trigger<Element> {
  const { interval = 0, count = 0, timeout = 0, of: inner = { type: 'eventTime' } } = of;
  switch (of.type) {
    case 'eventTime':
      return eventTimeTrigger();
    case 'processingTime':
      return processingTimeTrigger();
    case 'windowEnd':
      if (assigner?.time === 'processing') return processingTimeTrigger();
      return eventTimeTrigger({
        ...(of.early === undefined ? {} : { early: triggerOf(of.early) }),
        ...(of.late === undefined ? {} : { late: countTrigger(1) }),
      });
    case 'processingTimePeriod':
      return processingTimePeriodTrigger(interval);
    case 'count':
      return countTrigger(count);
    case 'continuousEventTime':
      return continuousEventTimeTrigger(interval);
    case 'continuousProcessingTime':
      return continuousProcessingTimeTrigger(interval);
    case 'endOfStream':
      return endOfInputTrigger();
    case 'delta':
      return deltaTrigger<Element>(
        of.threshold ?? 0,
        (last, element) => (element.value ?? 0) - (last.value ?? 0),
      );
    case 'purging':
      return purgingTrigger(triggerOf(inner));
    case 'processingTimeout': {
      const { resetTimerOnNewRecord = false, clearOnTimeout = true } = of;
      return processingTimeoutTrigger(triggerOf(inner), timeout, { resetTimerOnNewRecord, clearOnTimeout });
    }
    case 'custom':
      return windowEndAndAfterwards;
    default:
      throw new Error(`The case has a trigger of the unknown type ${of.type}`);
  }
}

/** The custom trigger of the cases: at the window's end, and 100 ms later. */
const windowEndAndAfterwards = trigger<Element>({
  onRecord: (_element, { window, watermark, timers }) => {
    if (window.end - 1 <= watermark) return 'FIRE';
    timers.registerEventTime(window.end - 1);
    return 'CONTINUE';
  },
  onEventTime: (timestamp, { window }) =>
    timestamp === window.end - 1 || timestamp === window.end - 1 + 100 ? 'FIRE_AND_PURGE' : 'CONTINUE',
  clear: ({ window, timers }) => timers.deleteEventTime(window.end - 1),
});

function evictorOf(of: CaseEvictor): Evictor<Element> {
  const { when } = of;
  switch (of.type) {
    case 'count':
      return countEvictor(of.count ?? 0, { when });
    case 'time':
      return timeEvictor(of.size ?? 0, { when });
    case 'delta':
      return deltaEvictor<Element>(
        of.threshold ?? 0,
        (element, newest) => (newest.value ?? 0) - (element.value ?? 0),
        { when },
      );
  }
}

const late = outputTag<Element>('late');

/** The program of a case: its windows, and its late records where it looks at them. */
export function programOf(of: WindowCase, variant: Variant): OperatorsUnderTest<Element> {
  return (input) => {
    // In the tables of SQL the first column is the key.
    const keyed = input.keyBy((element) => element.key ?? (element.row?.[0] as string | undefined) ?? 'one');
    const isAll = /no key|one key for all/.test(of.function ?? '');
    const windows: AnyWindows = isAll
      ? (input.windowAll(assignerOf(of.assigner)) as unknown as AnyWindows)
      : keyed.window(assignerOf(of.assigner));
    const results = resultsOf(of, withOptions(of, variant, windows), isAll);
    const main =
      of.produceUpdates === true ? (results as unknown as ChangelogStream<unknown>).toStream() : results;
    return of.lateSideOutput === true ? { main, late: main.sideOutput(late) } : main;
  };
}

type AnyWindows = WindowedStream<string, Element, EmitPolicy>;

function withOptions(of: WindowCase, variant: Variant, windows: AnyWindows): AnyWindows {
  let result = windows;
  if (variant === 'explicit trigger')
    result = result.trigger(triggerOf(of.trigger ?? { type: 'eventTime' }, of.assigner));
  if (of.evictor !== undefined) result = result.evictor(evictorOf(of.evictor));
  if ((of.allowedLateness ?? 0) > 0) result = result.allowedLateness(of.allowedLateness ?? 0);
  if (of.lateSideOutput === true) result = result.sideOutputLateData(late);
  if (of.produceUpdates === true) result = result.emit('update');
  return result;
}

/** Rows that came, less those that went. A sum to which nothing was ever added is null. */
const total = aggregator<
  Element,
  { sum: number | null; count: number },
  { sum: number | null; count: number }
>({
  create: () => ({ sum: null, count: 0 }),
  add: ({ sum, count }, element) => {
    const amount = element.row === undefined ? (element.value ?? 0) : element.row[1];
    if (element.kind === '-U' || element.kind === '-D')
      return { sum: sum === null ? null : sum - (amount ?? 0), count: count - 1 };
    return { sum: amount === null ? sum : (sum ?? 0) + amount, count: count + 1 };
  },
  merge: (a, b) => ({
    sum: a.sum === null ? b.sum : a.sum + (b.sum ?? 0),
    count: a.count + b.count,
  }),
  result: (accumulator) => accumulator,
});

function resultsOf(of: WindowCase, windows: AnyWindows, isAll: boolean): DataStream<unknown> {
  const name = of.function ?? '';
  const named = namedResults(name, windows as WindowedStream<string, Element>);
  if (named !== undefined) return named;
  if (name.includes('GOT:'))
    return records(windows, isAll, (_key, elements) => [
      `GOT: ${elements.map(({ key, value }) => `(${key},${value})`).join(',')}`,
    ]);
  if (name.includes('unchanged'))
    return records(windows, isAll, (_key, elements) => elements.map(({ key, value }) => [key, value]));
  const row = rowOf(of);
  if (of.state !== 'list' && !name.includes('one key for all'))
    return (windows as WindowedStream<string, Element>).aggregate(
      { total },
      isAll
        ? // Without a key the first parameter is missing.
          (((results: { readonly total: Total }, window: Window) => row('', results.total, window)) as never)
        : (key: string, results: { readonly total: Total }, window: Window) =>
            row(key, results.total, window),
    );
  return records(windows, isAll, (key, elements, window) => {
    const sum = elements.reduce((so, { value = 0 }) => so + value, 0);
    return row(key, { sum, count: elements.length }, window);
  });
}

interface Total {
  readonly sum: number | null;
  readonly count: number;
}

type ElementsFunction = (key: string, elements: readonly Element[], window: Window) => readonly unknown[];

function records(windows: AnyWindows, isAll: boolean, fn: ElementsFunction): DataStream<unknown> {
  return (windows as WindowedStream<string, Element>).process(
    isAll
      ? (((elements: Iterable<Element>, window: Window) => fn('', [...elements], window)) as never)
      : (key: string, elements: Iterable<unknown>, window: Window) =>
          fn(key, [...(elements as Iterable<Element>)], window),
  );
}

/** What one firing emits; of a window whose rows are all gone nothing. */
function rowOf(of: WindowCase): (key: string, total: Total, window: Window) => readonly unknown[] {
  const name = of.function ?? '';
  if (name.startsWith('sum of value') && name.includes("'-'"))
    return (key, { sum }, { start, end }) => [[`${key}-${sum}`, start, end]];
  if (name.startsWith('sum of value')) return (key, { sum }) => [[key, sum]];
  if (name.startsWith('sum of all')) return (_key, { sum }, { start, end }) => [[[start, end], sum]];
  const slide = of.assigner.slide ?? of.assigner.size ?? 1;
  return (key, { sum, count }, { start, end }) => {
    if (count === 0) return [];
    const head = name.includes('no key') ? [] : [key];
    if (name.includes('windowId')) return [[...head, sum, count, start / slide]];
    const bounds = name.includes('windowMaxTimestamp') ? [start, end, end - 1] : [start, end];
    return [[...head, sum, count, ...bounds]];
  };
}
