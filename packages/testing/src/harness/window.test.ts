// Windows through the harness: expected values are computed by hand.
import { describe, test } from 'vitest';
import { avg, count, first, last, max, min, outputTag, sliding, sum, topN, tumbling, type DataStream } from '@millrace/api';
import { endOfInput, processingTime, record, verifyOperator, watermark } from './verify-operator.ts';

interface Reading {
  readonly key: string;
  readonly value: number;
}

const r = (key: string, value: number, atMs: number) => record<Reading>({ key, value }, { atMs });
const everyWay = { parallelism: [1, 3] };

describe('A tumbling window', () => {
  const tumblingSum = (input: DataStream<Reading>) =>
    input.keyBy((reading) => reading.key).window(tumbling(10)).aggregate({ sum: sum((reading) => reading.value) });

  test('emits one sum per key when the watermark reaches the last millisecond of the window', async () => {
    await verifyOperator<Reading>(tumblingSum)
      .input(r('a', 1, 1), r('b', 5, 3), r('a', 2, 9), watermark(8), watermark(9), endOfInput)
      .expect(
        watermark(8),
        record({ key: 'a', windowStart: 0, windowEnd: 10, sum: 3 }, { atMs: 9 }),
        record({ key: 'b', windowStart: 0, windowEnd: 10, sum: 5 }, { atMs: 9 }),
        watermark(9),
        endOfInput,
      )
      .survivesRestoreAtEveryStep(everyWay);
  });
});
