// What Flink's windows answer: the cases of windows.json through the public API.
/* oxlint-disable vitest/expect-expect -- the cases are compared where they run */
import { describe, expect, test } from 'vitest';
import { runTriggerCase } from './run-trigger-case.ts';
import { runWindowCase } from './run-window-case.ts';
import { runAssignCase, runInvalidCase, runMergeCase } from './run-assigner-case.ts';
import { variantsOf } from './window-adapter.ts';
import { windowCases, type WindowCase } from './window-case.ts';

/** Cases that we mean to answer otherwise. */
const DIFFERENT: { readonly [name: string]: string } = {
  'TumblingEventTimeWindowsTest.testWindowAssignmentWithStagger':
    'windows are aligned for all subtasks: no offset is drawn from the moment at which a subtask saw its first record',
  'TumblingProcessingTimeWindowsTest.testWindowAssignmentWithStagger':
    'as above; a record that is replayed after a recovery could not find its window again',
};

/** Cases whose results are the same, but not the timers that are registered in between, which nobody sees. */
const OTHER_TIMERS: { readonly [name: string]: string } = {
  'ContinuousEventTimeTriggerTest.testMergingWindows':
    'timers of windows that are merged are deleted, where those of Flink stay until they fire for nothing',
};

const cases = windowCases();
const ofKind = (kind: WindowCase['kind']): readonly WindowCase[] =>
  cases.filter((of) => of.kind === kind && DIFFERENT[of.name] === undefined);

test('the table of differences names cases that are there', () => {
  expect(
    [...Object.keys(DIFFERENT), ...Object.keys(OTHER_TIMERS)].filter(
      (name) => !cases.some((of) => of.name === name),
    ),
  ).toEqual([]);
});

describe('window operators', () => {
  for (const of of ofKind('operator')) {
    for (const variant of variantsOf(of)) {
      test(`${of.name}, ${variant}`, () => runWindowCase(of, variant, false));
      test(`${of.name}, ${variant}, restored after every step`, () => runWindowCase(of, variant, true));
    }
  }
});

describe('assigners', () => {
  for (const of of ofKind('assign')) test(`${of.name}`, () => runAssignCase(of));
  for (const of of ofKind('merge')) test(`${of.name}`, () => runMergeCase(of));
  for (const of of ofKind('invalid')) test(`${of.name}`, () => runInvalidCase(of));
});

describe('triggers', () => {
  for (const of of ofKind('trigger')) {
    test(`${of.name}`, () => runTriggerCase(of, OTHER_TIMERS[of.name] === undefined));
  }
});
