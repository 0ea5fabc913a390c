// Cases about assigners: which windows a record is in, which sessions become one, which parameters are refused.
import assert from 'node:assert/strict';
import { isMillraceError, type Window } from '@millrace/api';
import { ChainHarness, type OperatorsUnderTest } from '@millrace/testing';
import { assignerOf, type Element } from './window-adapter.ts';
import type { CaseAssigner, WindowCase } from './window-case.ts';

type Bounds = readonly [number, number];

/** Emits the bounds of each window that had a record. `isPlain`: an aggregate, which takes slices and sessions. */
function boundsOf(
  assigner: CaseAssigner,
  isPlain: boolean,
  gapOf?: (element: Element) => number,
): OperatorsUnderTest<Element> {
  return (input) => {
    const windows = input.keyBy(() => 0).window(assignerOf(assigner, gapOf));
    const one = (_key: number, _contents: unknown, { start, end }: Window): readonly Bounds[] => [
      [start, end],
    ];
    return isPlain ? windows.reduce((a) => a, one) : windows.process({ process: one });
  };
}

async function windowsOf(
  operators: OperatorsUnderTest<Element>,
  feed: (harness: ChainHarness<Element>) => void,
): Promise<readonly Bounds[]> {
  const harness = await ChainHarness.open({ operators, parallelism: 1 });
  feed(harness);
  harness.endInput();
  const bounds = harness.emitted.map(({ record }) => record as Bounds);
  await harness.close();
  return bounds.toSorted((a, b) => a[0] - b[0] || a[1] - b[1]);
}

/** Each record by itself. */
export async function runAssignCase(of: WindowCase): Promise<void> {
  for (const { ts, processingTime, windows } of of.assignments ?? []) {
    for (const isPlain of [true, false]) {
      if (of.assigner.type === 'global') continue;
      const found = await windowsOf(boundsOf(of.assigner, isPlain), (harness) => {
        if (processingTime !== undefined) harness.processingTime(processingTime);
        harness.send([ts === undefined ? { value: {} } : { value: {}, atMs: ts }]);
      });
      assert.deepEqual(found, windows, `${ts ?? processingTime}`);
    }
  }
  if (of.assigner.type === 'global') await runGlobalCase(of);
}

async function runGlobalCase(of: WindowCase): Promise<void> {
  const { endOfInputTrigger } = await import('@millrace/api');
  const found = await windowsOf(
    (input) =>
      input
        .keyBy(() => 0)
        .window(assignerOf(of.assigner))
        .trigger(endOfInputTrigger())
        .process((_key, _records, { start, end }) => [[start, end]]),
    (harness) => harness.send((of.assignments ?? []).map(({ ts = 0 }) => ({ value: {}, atMs: ts }))),
  );
  assert.deepEqual(found, [[-Infinity, Infinity]]);
}

/**
 * Sessions are given as windows: records with a gap each. In event time in both cases, since of the clock's sessions some would
 * have fired by the time of the next; both merge by the same code.
 */
export async function runMergeCase(of: WindowCase): Promise<void> {
  const windows = of.windows ?? [];
  const merges = of.expectedMerges ?? [];
  const isMerged = (window: Bounds): boolean =>
    merges.some(({ of: parts }) => parts.some(([start, end]) => start === window[0] && end === window[1]));
  const expected = [...windows.filter((window) => !isMerged(window)), ...merges.map(({ into }) => into)];
  for (const isPlain of [true, false]) {
    const assigner = { type: 'session', time: 'event' } as const;
    const gapOf = ({ value = 0 }: Element): number => value;
    const found = await windowsOf(boundsOf(assigner, isPlain, gapOf), (harness) =>
      harness.send(windows.map(([start, end]) => ({ value: { value: end - start }, atMs: start }))),
    );
    assert.deepEqual(
      found,
      expected.toSorted((a, b) => a[0] - b[0] || a[1] - b[1]),
    );
  }
}

export function runInvalidCase(of: WindowCase): void {
  for (const parameters of of.refused ?? []) {
    let refusal: unknown;
    try {
      assignerOf({ ...of.assigner, ...parameters });
    } catch (error) {
      refusal = error;
    }
    assert.equal(isMillraceError(refusal) && refusal.code, 'MR_OPTION_INVALID', JSON.stringify(parameters));
  }
}
