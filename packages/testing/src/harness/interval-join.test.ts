/* oxlint-disable vitest/expect-expect -- verifyOperator asserts */
import { describe, test } from 'vitest';
import { outputTag, tumbling, type JoinType } from '@millrace/api';
import {
  endOfInput,
  leftRecord,
  processingTime,
  record,
  rightRecord,
  verifyTwoInputs,
  watermark,
} from './verify-operator.ts';

const everyWay = { parallelism: [1, 3] };

interface Ad {
  readonly id: string;
  readonly n: number;
}

const ad = (id: string, n: number, atMs: number) => leftRecord<Ad>({ id, n }, { atMs });
const click = (id: string, n: number, atMs: number) => rightRecord<Ad>({ id, n }, { atMs });

/** Joins clicks within [ad, ad + 10]; a result is the numbers of both. */
const clicked = (type: JoinType, options: { readonly late?: 'drop' | 'join' } = {}) =>
  verifyTwoInputs<Ad, Ad>((ads, clicks) =>
    ads
      .keyBy(({ id }) => id)
      .intervalJoin(
        clicks.keyBy(({ id }) => id),
        {
          lower: 0,
          upper: '10 ms',
          type,
          ...options,
          select: (first, second) => `${first?.n ?? '-'} ${(second as Ad | undefined)?.n ?? '-'}`,
        },
      ),
  );

const story = [
  ad('a', 1, 100),
  click('a', 2, 105),
  click('b', 3, 105),
  ad('b', 4, 101),
  ad('c', 5, 102),
  click('d', 6, 103),
  ad('a', 7, 96),
  watermark(104),
  click('c', 8, 113),
  click('c', 9, 112),
  watermark(111),
  watermark(112),
  watermark(113),
  watermark(130),
] as const;

describe('an interval join', () => {
  test('of the type inner gives pairs, with the later time of both', async () => {
    await clicked('inner')
      .input(...story)
      .expect(
        record('1 2', { atMs: 105 }),
        record('4 3', { atMs: 105 }),
        record('7 2', { atMs: 105 }),
        watermark(104),
        record('5 9', { atMs: 112 }),
        watermark(111),
        watermark(112),
        watermark(113),
        watermark(130),
      )
      .survivesRestoreAtEveryStep(everyWay);
  });

  test('of the type left gives left records alone when the watermark proves that nothing comes, once', async () => {
    await clicked('left')
      .input(
        ad('a', 1, 100),
        ad('a', 2, 103),
        ad('b', 3, 100),
        click('a', 4, 111),
        watermark(110),
        watermark(111),
        watermark(114),
      )
      .expect(
        record('2 4', { atMs: 111 }),
        watermark(110),
        record('1 -', { atMs: 100 }),
        record('3 -', { atMs: 100 }),
        watermark(111),
        watermark(114),
      )
      .survivesRestoreAtEveryStep(everyWay);
  });

  test('of the type right gives right records alone as soon as no earlier left record can come', async () => {
    await clicked('right')
      .input(
        click('a', 1, 100),
        ad('b', 2, 95),
        click('b', 3, 100),
        watermark(100),
        watermark(101),
        endOfInput,
      )
      .expect(
        record('2 3', { atMs: 100 }),
        watermark(100),
        record('- 1', { atMs: 100 }),
        watermark(101),
        endOfInput,
      )
      .survivesRestoreAtEveryStep(everyWay);
  });

  test('of the type full keeps both sides', async () => {
    await clicked('full')
      .input(...story)
      .expect(
        record('1 2'),
        record('4 3'),
        record('7 2'),
        record('- 6'),
        watermark(104),
        record('5 9'),
        watermark(111),
        watermark(112),
        watermark(113),
        record('- 8'),
        watermark(130),
      )
      .survivesRestoreAtEveryStep(everyWay);
  });

  test('of the types semi and anti gives each left record once at most', async () => {
    const input = [
      click('a', 1, 105),
      ad('a', 2, 100),
      ad('b', 3, 100),
      click('b', 4, 101),
      click('b', 5, 102),
      click('a', 6, 106),
      ad('c', 7, 100),
      watermark(120),
    ] as const;
    await clicked('semi')
      .input(...input)
      .expect(record('2 -', { atMs: 105 }), record('3 -', { atMs: 101 }), watermark(120))
      .survivesRestoreAtEveryStep(everyWay);
    await clicked('anti')
      .input(...input)
      .expect(record('7 -', { atMs: 100 }), watermark(120))
      .survivesRestoreAtEveryStep(everyWay);
  });

  test('counts late records, sends them to their side output, or joins them with what is still there', async () => {
    const lateAds = outputTag<Ad>('late ads');
    const lateClicks = outputTag<Ad>('late clicks');
    const input = [
      ad('a', 1, 100),
      watermark(105),
      ad('a', 2, 99),
      click('a', 3, 104),
      click('a', 4, 105),
      endOfInput,
    ] as const;
    await verifyTwoInputs<Ad, Ad>((ads, clicks) => {
      const joined = ads
        .keyBy(({ id }) => id)
        .intervalJoin(
          clicks.keyBy(({ id }) => id),
          {
            lower: 0,
            upper: 10,
            leftLateOutput: lateAds,
            rightLateOutput: lateClicks,
            select: (first, second) => [first.n, second.n],
          },
        );
      return { main: joined, ads: joined.sideOutput(lateAds), clicks: joined.sideOutput(lateClicks) };
    })
      .input(...input)
      .expect(
        watermark(105),
        record({ id: 'a', n: 2 }, { output: 'ads', atMs: 99 }),
        record({ id: 'a', n: 3 }, { output: 'clicks', atMs: 104 }),
        record([1, 4], { atMs: 105 }),
        endOfInput,
      )
      .survivesRestoreAtEveryStep(everyWay);
    await clicked('left')
      .input(...input.slice(0, -1), ad('a', 5, 3), endOfInput)
      .expect(
        watermark(105),
        record('1 3'),
        record('2 3'),
        record('1 4'),
        record('2 4'),
        // Too late for anything.
        record('5 -'),
        endOfInput,
      )
      .survivesRestoreAtEveryStep(everyWay);
  });

  test('in processing time goes by when records come', async () => {
    await verifyTwoInputs<Ad, Ad>((ads, clicks) =>
      ads
        .keyBy(({ id }) => id)
        .intervalJoin(
          clicks.keyBy(({ id }) => id),
          {
            lower: '-5 ms',
            upper: '10 ms',
            type: 'full',
            time: 'processing',
            select: (first, second) => `${first?.n ?? '-'} ${second?.n ?? '-'}`,
          },
        ),
    )
      .input(
        processingTime(100),
        leftRecord({ id: 'a', n: 1 }),
        rightRecord({ id: 'b', n: 2 }),
        processingTime(105),
        leftRecord({ id: 'b', n: 3 }),
        processingTime(110),
        rightRecord({ id: 'a', n: 4 }),
        rightRecord({ id: 'a', n: 5 }),
        leftRecord({ id: 'c', n: 6 }),
        processingTime(111),
        rightRecord({ id: 'c', n: 7 }),
        leftRecord({ id: 'd', n: 8 }),
        processingTime(121),
        processingTime(122),
        rightRecord({ id: 'e', n: 9 }),
        endOfInput,
      )
      .expect(
        processingTime(100),
        processingTime(105),
        record('3 2'),
        processingTime(110),
        record('1 4'),
        record('1 5'),
        processingTime(111),
        record('6 7'),
        processingTime(121),
        record('8 -'),
        processingTime(122),
        record('- 9'),
        endOfInput,
      )
      .survivesRestoreAtEveryStep(everyWay);
  });

  test('holds the watermark back for records that it gives late, so that windows behind it take them', async () => {
    await verifyTwoInputs<Ad, Ad>((ads, clicks) =>
      ads
        .keyBy(({ id }) => id)
        .intervalJoin(
          clicks.keyBy(({ id }) => id),
          { lower: 0, upper: 10, type: 'left', select: (first) => first },
        )
        .process({ onRecord: ({ n }, { timestamp, watermark: now }) => [[n, timestamp > now]] }),
    )
      .input(ad('a', 1, 100), watermark(150), ad('a', 2, 160), watermark(190))
      .expect(record([1, true]), watermark(150), record([2, true]), watermark(190))
      .survivesRestoreAtEveryStep(everyWay);
  });

  test('takes a condition besides the key', async () => {
    await verifyTwoInputs<Ad, Ad>((ads, clicks) =>
      ads
        .keyBy(({ id }) => id)
        .intervalJoin(
          clicks.keyBy(({ id }) => id),
          {
            lower: 0,
            upper: 10,
            type: 'left',
            where: (first, second) => second.n > first.n,
            select: (first, second) => [first.n, second?.n ?? null],
          },
        ),
    )
      .input(ad('a', 5, 1), click('a', 4, 2), click('a', 6, 3), ad('a', 9, 1), endOfInput)
      .expect(record([5, 6]), record([9, null]), endOfInput)
      .survivesRestoreAtEveryStep(everyWay);
  });

  test('of an empty input, or with one side empty, ends', async () => {
    await clicked('full').input(endOfInput).expect(endOfInput).survivesRestoreAtEveryStep(everyWay);
    await clicked('full')
      .input(click('a', 1, 5), endOfInput)
      .expect(record('- 1'), endOfInput)
      .survivesRestoreAtEveryStep(everyWay);
  });
});

describe('a window join', () => {
  const inWindows = (type: JoinType) =>
    verifyTwoInputs<Ad, Ad>((ads, clicks) =>
      ads
        .keyBy(({ id }) => id)
        .join(
          clicks.keyBy(({ id }) => id),
          {
            window: tumbling('10 ms'),
            type,
            select: (first, second) => `${first?.n ?? '-'} ${(second as Ad | undefined)?.n ?? '-'}`,
          },
        ),
    ).input(
      ad('a', 1, 3),
      click('a', 2, 9),
      click('a', 3, 1),
      ad('a', 4, 10),
      click('b', 5, 4),
      ad('b', 6, 12),
      click('b', 7, 13),
      watermark(9),
      endOfInput,
    );

  test.each<[JoinType, readonly string[], readonly string[]]>([
    ['inner', ['1 2', '1 3'], ['6 7']],
    ['left', ['1 2', '1 3'], ['4 -', '6 7']],
    ['right', ['1 2', '1 3', '- 5'], ['6 7']],
    ['full', ['1 2', '1 3', '- 5'], ['4 -', '6 7']],
    ['semi', ['1 -'], ['6 -']],
    ['anti', [], ['4 -']],
  ])('of the type %s pairs what is in one window', async (type, first, second) => {
    await inWindows(type)
      .expect(
        ...first.map((text) => record(text, { atMs: 9 })),
        watermark(9),
        ...second.map((text) => record(text, { atMs: 19 })),
        endOfInput,
      )
      .survivesRestoreAtEveryStep(everyWay);
  });

  test('sends late records to a side output with their side', async () => {
    const late = outputTag<{ side: 'left'; record: Ad } | { side: 'right'; record: Ad }>('late');
    await verifyTwoInputs<Ad, Ad>((ads, clicks) => {
      const joined = ads
        .keyBy(({ id }) => id)
        .join(
          clicks.keyBy(({ id }) => id),
          { window: tumbling(10), lateOutput: late, select: (first, second) => [first.n, second.n] },
        );
      return { main: joined, late: joined.sideOutput(late) };
    })
      .input(ad('a', 1, 3), watermark(9), click('a', 2, 9), endOfInput)
      .expect(
        watermark(9),
        record({ side: 'right', record: { id: 'a', n: 2 } }, { output: 'late' }),
        endOfInput,
      )
      .holds(everyWay);
  });

  test('a co-group gets both sides of a key and window, one of which may be empty', async () => {
    await verifyTwoInputs<Ad, Ad>((ads, clicks) =>
      ads
        .keyBy(({ id }) => id)
        .coGroup(
          clicks.keyBy(({ id }) => id),
          {
            window: tumbling(10),
            apply: (first, second, { key, window }) => [
              `${key} ${window.start} ${first.map(({ n }) => n).join()} ${second.map(({ n }) => n).join()}`,
            ],
          },
        ),
    )
      .input(ad('a', 1, 3), click('a', 2, 9), click('a', 3, 1), click('b', 5, 14), endOfInput)
      .expect(record('a 0 1 2,3'), record('b 10  5'), endOfInput)
      .survivesRestoreAtEveryStep(everyWay);
  });
});
