// `complete`: all results that are kept, after whatever fired.
/* oxlint-disable vitest/expect-expect -- verifyOperator asserts */
import { test } from 'vitest';
import { count, countTrigger, sliding } from '@millrace/api';
import { endOfInput, record, verifyOperator, watermark } from './verify-operator.ts';

interface Reading {
  readonly key: string;
}

const r = (key: string, atMs: number) => record<Reading>({ key }, { atMs });
const window = (start: number, n: number) => record({ windowStart: start, windowEnd: start + 4, n });

test('without a key these are the results of all records, at any parallelism', async () => {
  await verifyOperator<Reading>((input) =>
    input.windowAll(sliding(4, 2)).trigger(countTrigger(2)).emit('complete').aggregate({ n: count() }),
  )
    .input(
      r('a', 2),
      r('b', 3),
      watermark(2),
      r('c', 4),
      r('d', 5),
      watermark(3),
      r('e', 4),
      r('f', 9),
      endOfInput,
    )
    .expect(
      window(0, 2),
      window(2, 2),
      watermark(2),
      window(0, 2),
      window(2, 4),
      window(4, 2),
      watermark(3),
      endOfInput,
    )
    .survivesRestoreAtEveryStep({ parallelism: [1, 3] });
});
