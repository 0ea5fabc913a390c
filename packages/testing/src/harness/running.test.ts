// Operators over records by time, and emit policies, through the harness.
/* oxlint-disable vitest/expect-expect -- verifyOperator asserts */
import { describe, test } from 'vitest';
import {
  aggregator,
  asc,
  count,
  desc,
  max,
  min,
  outputTag,
  sum,
  type Change,
  type ChangeKind,
  type DataStream,
} from '@millrace/api';
import { endOfInput, processingTime, record, verifyOperator, watermark } from './verify-operator.ts';

interface Reading {
  readonly key: string;
  readonly value: number;
}

const r = (key: string, value: number, atMs = 0) => record<Reading>({ key, value }, { atMs });
const change = <T>(kind: ChangeKind, row: T) => record<Change<T>>({ kind, row });
const everyWay = { parallelism: [1, 3] };
const keyOf = ({ key }: Reading): string => key;
const total = { total: sum(({ value }: Reading) => value) };

describe('A running aggregate', () => {
  test('updates its row, says nothing when it stays the same, and nothing without input', async () => {
    const updating = (input: DataStream<Reading>) =>
      input.keyBy(keyOf).aggregate(total, { emit: 'update' }).toStream();
    await verifyOperator<Reading>(updating)
      .input(r('a', 1), r('a', 0), r('b', 5), watermark(1), r('a', 2), endOfInput)
      .expect(
        change('insert', { key: 'a', total: 1 }),
        change('insert', { key: 'b', total: 5 }),
        watermark(1),
        change('updateBefore', { key: 'a', total: 1 }),
        change('updateAfter', { key: 'a', total: 3 }),
        endOfInput,
      )
      .survivesRestoreAtEveryStep(everyWay);
    await verifyOperator<Reading>(updating)
      .input(watermark(1), endOfInput)
      .expect(watermark(1), endOfInput)
      .survivesRestoreAtEveryStep(everyWay);
  });

  test('gives each result once at the end of input with emit: append', async () => {
    await verifyOperator<Reading>((input) => input.keyBy(keyOf).aggregate(total, { emit: 'append' }))
      .input(r('a', 1), r('b', 5), watermark(1), r('a', 2), endOfInput)
      .expect(watermark(1), record({ key: 'a', total: 3 }), record({ key: 'b', total: 5 }), endOfInput)
      .survivesRestoreAtEveryStep(everyWay);
  });

  test('gives all results at the end of each mini-batch with emit: complete', async () => {
    await verifyOperator<Reading>((input) =>
      input.keyBy(keyOf).aggregate(total, { emit: 'complete', miniBatch: { size: 1_000 } }),
    )
      .input(r('a', 1), r('a', 5), watermark(1), watermark(2), r('a', 2), watermark(3))
      .expect(
        record({ key: 'a', total: 6 }),
        watermark(1),
        watermark(2),
        record({ key: 'a', total: 8 }),
        watermark(3),
      )
      .survivesRestoreAtEveryStep(everyWay);
  });

  test('suppresses what is in between with a mini-batch: by number, watermark and time', async () => {
    await verifyOperator<Reading>((input) =>
      input
        .keyBy(keyOf)
        .aggregate(total, { emit: 'update', miniBatch: { size: 3, allowLatency: 100 } })
        .toStream(),
    )
      .input(
        r('a', 1),
        r('a', 2),
        r('a', 3),
        watermark(1),
        r('a', 4),
        processingTime(99),
        processingTime(200),
      )
      .expect(
        change('insert', { key: 'a', total: 6 }),
        watermark(1),
        processingTime(99),
        change('updateBefore', { key: 'a', total: 6 }),
        change('updateAfter', { key: 'a', total: 10 }),
        processingTime(200),
      )
      .holds({ parallelism: [1, 3] });
  });

  test('of one’s own may change its accumulator in place and give it out: what it gave stays as it was', async () => {
    const values = aggregator<Reading, number[], readonly number[]>({
      create: () => [],
      add(all, { value }) {
        all.push(value);
        return all;
      },
      merge: (a, b) => [...a, ...b],
      result: (all) => all,
    });
    await verifyOperator<Reading>((input) =>
      input.keyBy(keyOf).aggregate({ values }, { emit: 'update' }).toStream(),
    )
      .input(r('a', 1), r('a', 2), watermark(1), r('b', 5), r('a', 3), endOfInput)
      .expect(
        change('insert', { key: 'a', values: [1] }),
        change('updateBefore', { key: 'a', values: [1] }),
        change('updateAfter', { key: 'a', values: [1, 2] }),
        watermark(1),
        change('insert', { key: 'b', values: [5] }),
        change('updateBefore', { key: 'a', values: [1, 2] }),
        change('updateAfter', { key: 'a', values: [1, 2, 3] }),
        endOfInput,
      )
      .survivesRestoreAtEveryStep(everyWay);
    await verifyOperator<Reading>((input) => input.keyBy(keyOf).aggregate({ values }))
      .input(r('a', 1), r('a', 2), endOfInput)
      .expect(record({ key: 'a', values: [1] }), record({ key: 'a', values: [1, 2] }), endOfInput)
      .survivesRestoreAtEveryStep(everyWay);
  });

  test('of several rows takes back the rows that it gave, and gives those of now', async () => {
    await verifyOperator<Reading>((input) =>
      input
        .keyBy(keyOf)
        .flatAggregate<{ value: number; n: number }[], { value: number; n: number }>({
          create: () => [],
          add(rows, { value }) {
            const known = rows.find((row) => row.value === value);
            if (known === undefined) rows.push({ value, n: 1 });
            else known.n++;
            return rows;
          },
          rows: (rows) => rows,
        })
        .toStream(),
    )
      .input(r('a', 1), watermark(1), r('a', 1), watermark(2), r('a', 7), endOfInput)
      .expect(
        change('insert', { key: 'a', value: 1, n: 1 }),
        watermark(1),
        change('delete', { key: 'a', value: 1, n: 1 }),
        change('insert', { key: 'a', value: 1, n: 2 }),
        watermark(2),
        change('delete', { key: 'a', value: 1, n: 2 }),
        change('insert', { key: 'a', value: 1, n: 2 }),
        change('insert', { key: 'a', value: 7, n: 1 }),
        endOfInput,
      )
      .survivesRestoreAtEveryStep(everyWay);
  });

  test('forgets a key that nobody writes for its time to live', async () => {
    await verifyOperator<Reading>((input) =>
      input
        .keyBy(keyOf)
        .aggregate(total, { emit: 'update', stateTtl: 10, generateUpdateBefore: false })
        .toStream(),
    )
      .input(
        r('a', 1),
        processingTime(9),
        r('a', 2),
        processingTime(18),
        r('a', 3),
        processingTime(28),
        r('a', 4),
      )
      .expect(
        change('insert', { key: 'a', total: 1 }),
        processingTime(9),
        change('updateAfter', { key: 'a', total: 3 }),
        processingTime(18),
        change('updateAfter', { key: 'a', total: 6 }),
        processingTime(28),
        change('insert', { key: 'a', total: 4 }),
      )
      .survivesRestoreAtEveryStep(everyWay);
  });

  test('over all records is one row', async () => {
    await verifyOperator<Reading>((input) =>
      input.aggregate({ n: count(), greatest: max(({ value }) => value) }).toStream(),
    )
      .input(r('a', 1), r('b', 5))
      .expect(
        change('insert', { n: 1, greatest: 1 }),
        change('updateBefore', { n: 1, greatest: 1 }),
        change('updateAfter', { n: 2, greatest: 5 }),
      )
      .survivesRestoreAtEveryStep(everyWay);
  });
});

describe('Sorting within event time', () => {
  test('gives records in order when the watermark has passed them, and late ones to a side output', async () => {
    const late = outputTag<Reading>('late');
    await verifyOperator<Reading>((input) => {
      const sorted = input.sort({ thenBy: desc(({ value }) => value), lateOutput: late });
      return { main: sorted, late: sorted.sideOutput(late) };
    })
      .input(
        r('a', 3, 30),
        r('b', 1, 10),
        r('c', 5, 10),
        watermark(10),
        r('d', 4, 5),
        r('e', 2, 20),
        endOfInput,
      )
      .expect(
        record({ key: 'c', value: 5 }, { atMs: 10 }),
        record({ key: 'b', value: 1 }, { atMs: 10 }),
        watermark(10),
        record({ key: 'd', value: 4 }, { atMs: 5, output: 'late' }),
        record({ key: 'e', value: 2 }, { atMs: 20 }),
        record({ key: 'a', value: 3 }, { atMs: 30 }),
        endOfInput,
      )
      .survivesRestoreAtEveryStep(everyWay);
  });
});

describe('Limit and distinct', () => {
  test('limit lets the first records through, of all or of each key', async () => {
    await verifyOperator<Reading>((input) => input.take(2))
      .input(r('a', 1), r('b', 2), watermark(1), r('c', 3))
      .expect(record({ key: 'a', value: 1 }), record({ key: 'b', value: 2 }), watermark(1))
      .survivesRestoreAtEveryStep(everyWay);
    await verifyOperator<Reading>((input) => input.keyBy(keyOf).limit(1))
      .input(r('a', 1), r('b', 2), r('a', 3), watermark(1), r('b', 4))
      .expect(record({ key: 'a', value: 1 }), record({ key: 'b', value: 2 }), watermark(1))
      .survivesRestoreAtEveryStep(everyWay);
    await verifyOperator<Reading>((input) => input.limit(0))
      .input(r('a', 1))
      .expect()
      .survivesRestoreAtEveryStep(everyWay);
  });

  test('distinct takes the whole record as key, or a part of it', async () => {
    await verifyOperator<Reading>((input) => input.distinct())
      .input(r('a', 1), r('a', 1), r('a', 2), watermark(1), r('a', 2), r('b', 1))
      .expect(
        record({ key: 'a', value: 1 }),
        record({ key: 'a', value: 2 }),
        watermark(1),
        record({ key: 'b', value: 1 }),
      )
      .survivesRestoreAtEveryStep(everyWay);
    await verifyOperator<Reading>((input) => input.distinct(keyOf, { stateTtl: 10 }))
      .input(r('a', 1), r('a', 2), processingTime(10), r('a', 3))
      .expect(record({ key: 'a', value: 1 }), processingTime(10), record({ key: 'a', value: 3 }))
      .survivesRestoreAtEveryStep(everyWay);
  });
});

describe('Deduplication by key', () => {
  test('within a bound of event time forgets keys behind the watermark, and what is late', async () => {
    await verifyOperator<Reading>((input) => input.keyBy(keyOf).deduplicate({ within: 100 }))
      .input(
        r('a', 1, 50),
        r('a', 2, 60),
        watermark(149),
        r('a', 3, 140),
        watermark(150),
        r('a', 4, 160),
        r('b', 5, 50),
      )
      .expect(
        record({ key: 'a', value: 1 }, { atMs: 50 }),
        watermark(149),
        watermark(150),
        record({ key: 'a', value: 4 }, { atMs: 160 }),
      )
      .survivesRestoreAtEveryStep(everyWay);
  });

  test('by event time gives the first one once, or updates what was first or last', async () => {
    const input = [r('a', 1, 30), r('a', 2, 20), r('a', 3, 40), watermark(50), r('a', 4, 60)] as const;
    await verifyOperator<Reading>((stream) => stream.keyBy(keyOf).deduplicate({ time: 'event' }))
      .input(...input)
      .expect(record({ key: 'a', value: 2 }, { atMs: 20 }), watermark(50))
      .survivesRestoreAtEveryStep(everyWay);
    await verifyOperator<Reading>((stream) =>
      stream.keyBy(keyOf).deduplicate({ time: 'event', keep: 'first', emit: 'update' }).toStream(),
    )
      .input(...input)
      .expect(
        change('insert', { key: 'a', value: 1 }),
        change('updateBefore', { key: 'a', value: 1 }),
        change('updateAfter', { key: 'a', value: 2 }),
        watermark(50),
      )
      .survivesRestoreAtEveryStep(everyWay);
  });
});

describe('OVER', () => {
  const extremes = { least: min(({ value }: Reading) => value), n: count<Reading>() };
  const seen = (key: string, value: number, least: number, n: number, atMs: number) =>
    record({ key, value, least, n }, { atMs });

  test('a range of event time sees rows of the same time, and drops keys that are past it', async () => {
    await verifyOperator<Reading>((input) => input.keyBy(keyOf).over(extremes, { range: 10 }))
      .input(
        r('a', 5, 11),
        r('a', 3, 11),
        r('a', 9, 1),
        watermark(11),
        r('a', 8, 22),
        r('a', 1, 5),
        watermark(40),
        r('a', 7, 41),
        watermark(50),
      )
      .expect(
        seen('a', 9, 9, 1, 1),
        seen('a', 5, 3, 3, 11),
        seen('a', 3, 3, 3, 11),
        watermark(11),
        seen('a', 8, 8, 1, 22),
        watermark(40),
        seen('a', 7, 7, 1, 41),
        watermark(50),
      )
      .survivesRestoreAtEveryStep(everyWay);
  });

  test('all rows before, by rows or by range', async () => {
    const input = [
      r('a', 5, 2),
      r('a', 3, 2),
      r('a', 9, 1),
      watermark(2),
      r('a', 1, 3),
      watermark(3),
    ] as const;
    await verifyOperator<Reading>((stream) => stream.keyBy(keyOf).over(extremes, { rows: 'unbounded' }))
      .input(...input)
      .expect(
        seen('a', 9, 9, 1, 1),
        seen('a', 5, 5, 2, 2),
        seen('a', 3, 3, 3, 2),
        watermark(2),
        seen('a', 1, 1, 4, 3),
        watermark(3),
      )
      .survivesRestoreAtEveryStep(everyWay);
    await verifyOperator<Reading>((stream) => stream.keyBy(keyOf).over(extremes))
      .input(...input)
      .expect(
        seen('a', 9, 9, 1, 1),
        seen('a', 5, 3, 3, 2),
        seen('a', 3, 3, 3, 2),
        watermark(2),
        seen('a', 1, 1, 4, 3),
        watermark(3),
      )
      .survivesRestoreAtEveryStep(everyWay);
  });

  test('a range of processing time gives the rows of a millisecond when it is over', async () => {
    await verifyOperator<Reading>((input) =>
      input.keyBy(keyOf).over(extremes, { orderBy: 'processingTime', range: 5 }),
    )
      .input(
        r('a', 5),
        r('a', 3),
        processingTime(1),
        processingTime(5),
        r('a', 9),
        processingTime(6),
        processingTime(20),
        r('a', 8),
        endOfInput,
      )
      .expect(
        record({ key: 'a', value: 5, least: 3, n: 2 }),
        record({ key: 'a', value: 3, least: 3, n: 2 }),
        processingTime(1),
        processingTime(5),
        record({ key: 'a', value: 9, least: 3, n: 3 }),
        processingTime(6),
        processingTime(20),
        record({ key: 'a', value: 8, least: 8, n: 1 }),
        endOfInput,
      )
      .survivesRestoreAtEveryStep(everyWay);
  });

  test('in the order of arrival each row comes out at once', async () => {
    await verifyOperator<Reading>((input) =>
      input.keyBy(keyOf).over(total, { orderBy: 'processingTime', rows: 1 }),
    )
      .input(r('a', 1), r('a', 2), watermark(1), r('a', 4))
      .expect(
        record({ key: 'a', value: 1, total: 1 }),
        record({ key: 'a', value: 2, total: 3 }),
        watermark(1),
        record({ key: 'a', value: 4, total: 6 }),
      )
      .survivesRestoreAtEveryStep(everyWay);
  });
});

describe('Top-N', () => {
  test('of append-only records keeps the first ones, with a rank that changes', async () => {
    await verifyOperator<Reading>((input) =>
      input
        .keyBy(keyOf)
        .topN(2, { orderBy: asc(({ value }) => value), rank: 'rank' })
        .toStream(),
    )
      .input(r('a', 5), r('a', 9), watermark(1), r('a', 3), r('a', 7), r('b', 1))
      .expect(
        change('insert', { key: 'a', value: 5, rank: 1 }),
        change('insert', { key: 'a', value: 9, rank: 2 }),
        watermark(1),
        change('updateBefore', { key: 'a', value: 5, rank: 1 }),
        change('updateAfter', { key: 'a', value: 3, rank: 1 }),
        change('updateBefore', { key: 'a', value: 9, rank: 2 }),
        change('updateAfter', { key: 'a', value: 5, rank: 2 }),
        change('insert', { key: 'b', value: 1, rank: 1 }),
      )
      .survivesRestoreAtEveryStep(everyWay);
  });

  test('by window gives the first records once, when the window is over', async () => {
    await verifyOperator<Reading>((input) =>
      input
        .keyBy(() => 'all')
        .topN(1, { orderBy: desc(({ value }) => value), windowEnd: ({ key }) => Number(key), rank: 'rank' }),
    )
      .input(
        r('10', 1),
        r('10', 3),
        r('20', 2),
        watermark(8),
        r('10', 2),
        watermark(9),
        r('10', 9),
        endOfInput,
      )
      .expect(
        watermark(8),
        record({ key: '10', value: 3, rank: 1 }, { atMs: 9 }),
        watermark(9),
        record({ key: '20', value: 2, rank: 1 }, { atMs: 19 }),
        endOfInput,
      )
      .survivesRestoreAtEveryStep(everyWay);
  });
});

describe('A running operator whose functions fail', () => {
  /** Fails on 2. */
  const not2 = ({ value }: Reading): number => {
    if (value === 2) throw new RangeError('two');
    return value;
  };

  test('leaves a record out of all aggregates of its key, or of the ranks, when told to', async () => {
    await verifyOperator<Reading>((input) => ({
      main: input
        .keyBy(keyOf)
        .aggregate({ n: count(), total: sum(not2) }, { emit: 'update', generateUpdateBefore: false })
        .onError('skip')
        .toStream(),
    }))
      .input(r('a', 1), r('a', 2), r('b', 2), watermark(1), r('a', 3), r('b', 4))
      .expect(
        change('insert', { key: 'a', n: 1, total: 1 }),
        watermark(1),
        change('updateAfter', { key: 'a', n: 2, total: 4 }),
        change('insert', { key: 'b', n: 1, total: 4 }),
      )
      .survivesRestoreAtEveryStep(everyWay);
    await verifyOperator<Reading>((input) =>
      input
        .keyBy(keyOf)
        .over({ total: sum(not2) }, { rows: 1 })
        .onError('skip'),
    )
      .input(r('a', 1, 1), r('a', 2, 2), r('a', 3, 3), watermark(5))
      .expect(
        record({ key: 'a', value: 1, total: 1 }, { atMs: 1 }),
        record({ key: 'a', value: 3, total: 4 }, { atMs: 3 }),
        watermark(5),
      )
      .survivesRestoreAtEveryStep(everyWay);
    await verifyOperator<Reading>((input) =>
      input
        .keyBy(keyOf)
        .over({ total: sum(not2) }, { orderBy: asc(({ value }) => value), generateUpdateBefore: false })
        .onError('skip')
        .toStream(),
    )
      .input(r('a', 3), r('a', 2), r('a', 1))
      .expect(
        change('insert', { key: 'a', value: 3, total: 3 }),
        change('insert', { key: 'a', value: 1, total: 1 }),
        change('updateAfter', { key: 'a', value: 3, total: 4 }),
      )
      .survivesRestoreAtEveryStep(everyWay);
    await verifyOperator<Reading>((input) => {
      const ranked = input
        .keyBy(keyOf)
        .topN(1, { orderBy: asc(not2) })
        .onError('dead-letter');
      return { main: ranked.toStream(), dead: ranked.deadLetters().map(({ code }) => code) };
    })
      .input(r('a', 2), r('a', 3))
      .expect(record('MR_USER_FUNCTION', { output: 'dead' }), change('insert', { key: 'a', value: 3 }))
      .survivesRestoreAtEveryStep(everyWay);
  });
});
