// The functions of windows that the cases of flink-more.json name: what they emit shows the window, and what the function was given.
import { aggregator, valueState, type DataStream, type Window, type WindowedStream } from '@millrace/api';
import type { CaseElement } from './window-case.ts';

type Row = readonly unknown[];
type Windows = WindowedStream<string, CaseElement>;

/** What names a function of this file, as the cases write it: `, no key` behind it is of windows without a key. */
const NAMED = /^(aggregate|elements|reduce|firings)\b/;

/** Rows that a function makes of `head` (the key, if there is one), what the window has, and the window. */
type ToRows<C> = (head: Row, contents: C, window: Window) => readonly Row[];

/** Returns the results of a function that is named; `undefined`: of another case. */
export function namedResults(name: string, windows: Windows): DataStream<unknown> | undefined {
  const hasKey = !name.includes('no key');
  switch (NAMED.exec(name)?.[1]) {
    case 'aggregate':
      return windows.aggregate(
        { total },
        withHead<{ readonly total: readonly [number | null, number] }>(hasKey, (head, results, window) => [
          [...head, ...results.total, ...boundsOf(window)],
        ]),
      );
    case 'elements':
      return windows.process(
        withHead<Iterable<CaseElement>>(hasKey, (head, elements, window) => [
          [...head, valuesOf(elements, name.includes('sorted')), ...boundsOf(window)],
        ]),
      );
    case 'reduce':
      return windows.reduce(
        (a, b) => ({ ...b, value: (a.value ?? 0) + (b.value ?? 0) }) as never,
        withHead<CaseElement>(hasKey, (head, { value }, window) => [[...head, value, ...boundsOf(window)]]),
      );
    case 'firings':
      return firings(windows, hasKey);
    default:
      return undefined;
  }
}

/** `sorted`: where records of merged sessions have no order that Flink would promise. */
function valuesOf(elements: Iterable<CaseElement>, isSorted: boolean): readonly number[] {
  const values = Array.from(elements, ({ value = 0 }) => value);
  return isSorted ? values.toSorted((a, b) => a - b) : values;
}

/** `[sum, count]`; the sum of nothing is null. */
const total = aggregator<CaseElement, readonly [number | null, number], readonly [number | null, number]>({
  create: () => [null, 0],
  add: ([sum, count], { value = 0 }) => [(sum ?? 0) + value, count + 1],
  merge: ([sum, count], [more, moreCount]) => [
    sum === null ? more : more === null ? sum : sum + more,
    count + moreCount,
  ],
  result: (accumulator) => accumulator,
});

/** `[key, elements, firings of the window, firings of the key, watermark, start, end]`, by states. */
function firings(windows: Windows, hasKey: boolean): DataStream<unknown> {
  const process = function (
    head: Row,
    elements: Iterable<unknown>,
    window: Window,
    context: FiringsContext,
  ): readonly Row[] {
    const { state, windowState, watermark } = context;
    const ofWindow = (windowState.seen.value() ?? 0) + 1;
    const ofKey = (state.seen.value() ?? 0) + 1;
    windowState.seen.update(ofWindow);
    state.seen.update(ofKey);
    const now = Number.isFinite(watermark) ? watermark : null;
    return [[...head, [...elements].length, ofWindow, ofKey, now, ...boundsOf(window)]];
  };
  const states = { state: { seen: valueState<number>() }, windowState: { seen: valueState<number>() } };
  return windows.process(
    hasKey
      ? {
          ...states,
          process: (key, elements, window, context) => process([key], elements, window, context),
        }
      : ({
          ...states,
          process: (elements: Iterable<unknown>, window: Window, context: FiringsContext) =>
            process([], elements, window, context),
        } as never),
  );
}

interface Seen {
  readonly seen: { value(): number | undefined; update(seen: number): void };
}

interface FiringsContext {
  readonly state: Seen;
  readonly windowState: Seen;
  readonly watermark: number;
}

/** Without a key the first parameter is missing. */
function withHead<C>(
  hasKey: boolean,
  rows: ToRows<C>,
): (key: string, contents: C, window: Window) => readonly Row[] {
  return hasKey
    ? (key, contents, window) => rows([key], contents, window)
    : (((contents: C, window: Window) => rows([], contents, window)) as never);
}

/** The bounds of a global window are null. */
function boundsOf({ start, end }: Window): Row {
  return [start, end].map((bound) => (Number.isFinite(bound) ? bound : null));
}
