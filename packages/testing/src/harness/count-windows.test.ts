// Count windows that overlap: from panes, where size and slide have a common divisor, and one by one; expected by definition.
/* oxlint-disable vitest/expect-expect -- verifyOperator asserts */
import { test } from 'vitest';
import { aggregator, countWindow, last, min, sum, type DataStream } from '@millrace/api';
import { endOfInput, record, verifyOperator, watermark } from './verify-operator.ts';

interface Reading {
  readonly key: string;
  readonly value: number;
  readonly texts: string;
}

const SIZE = 6;
const readings = Array.from({ length: 29 }, (_, n): Reading => ({
  key: n % 3 === 0 ? 'a' : 'b',
  value: (n * 7) % 11,
  texts: String((n * 7) % 11),
}));
const value = (reading: Reading): number => reading.value;
const byKey = (input: DataStream<Reading>) => input.keyBy(({ key }) => key);
const text = aggregator<Reading, string, string>({
  create: () => '',
  add: (all, reading) => `${all}${reading.value},`,
  merge: (a, b) => a + b,
  result: (all) => all,
});

/** Full windows of `from` to `to` of the readings: those of a key that are filled there. */
function filled(slide: number, { from, to }: { readonly from: number; readonly to: number }) {
  const seen: { [key: string]: number[] } = { a: [], b: [] };
  return readings.slice(0, to).flatMap((reading, at) => {
    const values = seen[reading.key] as number[];
    values.push(reading.value);
    const start = values.length - SIZE;
    return start >= 0 && start % slide === 0 && at >= from
      ? [{ key: reading.key, start, values: values.slice(start) }]
      : [];
  });
}

test.each([2, 3, 4, 5, 6])('a slide of %d', async (slide) => {
  const expected = (bounds: { readonly from: number; readonly to: number }) =>
    filled(slide, bounds).flatMap(({ key, start, values }) => [
      record(
        {
          key,
          windowStart: start,
          windowEnd: start + SIZE,
          all: values.reduce((a, b) => a + b),
          least: Math.min(...values),
          newest: values.at(-1),
          text: values.map((each) => `${each},`).join(''),
        },
        { output: 'aggregate' },
      ),
      record(`${key} ${start} ${values.join('+')}`, { output: 'reduce' }),
    ]);
  await verifyOperator<Reading>((input) => ({
    aggregate: byKey(input)
      .window(countWindow(SIZE, slide))
      .aggregate({ all: sum(value), least: min(value), newest: last(value), text }),
    reduce: byKey(input)
      .window(countWindow(SIZE, slide))
      .reduce(
        (a, b) => ({ ...a, texts: `${a.texts}+${b.texts}` }),
        (key, { texts }, { start }) => [`${key} ${start} ${texts}`],
      ),
  }))
    .input(
      ...readings.slice(0, 13).map((reading) => record(reading)),
      watermark(1),
      ...readings.slice(13).map((reading) => record(reading)),
      endOfInput,
    )
    .expect(
      ...expected({ from: 0, to: 13 }),
      watermark(1),
      ...expected({ from: 13, to: readings.length }),
      endOfInput,
    )
    .survivesRestoreAtEveryStep({ parallelism: [1, 3] });
});
