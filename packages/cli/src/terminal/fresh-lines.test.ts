import { OUTPUT_LINES_OF_ATTEMPT, type OutputLine } from '@millrace/proto';
import { expect, test } from 'vitest';
import { FreshLines } from './fresh-lines.ts';

const line = (sequence: number, subtaskIndex = 0): OutputLine => ({
  nodeId: 1,
  subtaskIndex,
  sequence,
  form: 'text',
  text: `${sequence}`,
});

test('a line that comes again is not fresh, and one that never came is counted', () => {
  const fresh = new FreshLines();
  expect(fresh.take([line(0), line(1), line(0, 1)])).toHaveLength(3);
  expect(fresh.take([line(1), line(2)])).toEqual([line(2)]);
  expect(fresh.leftOutCount).toBe(0);
  expect(fresh.take([line(7), line(1, 1)])).toHaveLength(2);
  expect(fresh.leftOutCount).toBe(4);
});

test('lines of a subtask that was rescaled begin at a number of their own, which leaves nothing out', () => {
  const fresh = new FreshLines();
  fresh.take([line(0), line(2 * OUTPUT_LINES_OF_ATTEMPT)]);
  expect(fresh.leftOutCount).toBe(0);
  fresh.take([line(3 * OUTPUT_LINES_OF_ATTEMPT + 2)]);
  expect(fresh.leftOutCount).toBe(2);
});
