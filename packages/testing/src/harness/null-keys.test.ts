/* oxlint-disable vitest/expect-expect -- verifyOperator asserts */
import { describe, test } from 'vitest';
import { changeSymbol, tumbling, type Change, type JoinType } from '@millrace/api';
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
const TYPES = ['inner', 'left', 'right', 'full', 'semi', 'anti'] as const;

interface Row {
  readonly key: string | null | readonly (string | null)[];
  readonly n: number;
}

const left = (key: Row['key'], n: number, atMs: number) => leftRecord<Row>({ key, n }, { atMs });
const right = (key: Row['key'], n: number, atMs: number) => rightRecord<Row>({ key, n }, { atMs });
const show = (first: Row | undefined, second: Row | undefined) => `${first?.n ?? '-'} ${second?.n ?? '-'}`;

/** What a type gives of left 1 and right 2 that do not match. */
const ALONE: { readonly [type in JoinType]: readonly string[] } = {
  inner: [],
  left: ['1 -'],
  right: ['- 2'],
  full: ['1 -', '- 2'],
  semi: [],
  anti: ['1 -'],
};

describe('null is equal to nothing, as in SQL', () => {
  test.each(TYPES)('in an interval join of the type %s', async (type) => {
    await verifyTwoInputs<Row, Row>((lefts, rights) =>
      lefts
        .keyBy(({ key }) => key)
        .intervalJoin(
          rights.keyBy(({ key }) => key),
          { lower: 0, upper: 10, type, late: 'drop', select: show as never },
        ),
    )
      .input(left(null, 1, 5), right(null, 2, 6), endOfInput)
      .expect(...ALONE[type].map((text) => record(text, { atMs: text === '1 -' ? 5 : 6 })), endOfInput)
      .survivesRestoreAtEveryStep(everyWay);
  });

  test.each(TYPES)('in a window join of the type %s', async (type) => {
    await verifyTwoInputs<Row, Row>((lefts, rights) =>
      lefts
        .keyBy(({ key }) => key)
        .join(
          rights.keyBy(({ key }) => key),
          { window: tumbling(10), type, select: show as never },
        ),
    )
      .input(left([null, 'a'], 1, 5), right([null, 'a'], 2, 6), endOfInput)
      .expect(...ALONE[type].map((text) => record(text, { atMs: 9 })), endOfInput)
      .survivesRestoreAtEveryStep(everyWay);
  });

  test.each(TYPES)('in a join of two changelogs of the type %s, which keeps nothing of it', async (type) => {
    const change = (kind: Change<Row>['kind'], n: number) => ({
      value: { kind, row: { key: null, n } },
      atMs: 0,
    });
    const [one, two] = [change('insert', 1), change('insert', 2)];
    const [noOne, noTwo] = [change('delete', 1), change('delete', 2)];
    await verifyTwoInputs<Change<Row>, Change<Row>>((lefts, rights) =>
      lefts
        .toChangelog({ mode: 'retract' })
        .join(rights.toChangelog({ mode: 'retract' }), {
          leftKey: ({ key }) => key,
          rightKey: ({ key }) => key,
          type,
          select: show as never,
        })
        .toStream()
        .map(({ kind, row }) => `${changeSymbol(kind)} ${String(row)}`),
    )
      .input(
        leftRecord(one.value, { atMs: 0 }),
        rightRecord(two.value, { atMs: 0 }),
        leftRecord(noOne.value, { atMs: 0 }),
        rightRecord(noTwo.value, { atMs: 0 }),
      )
      .expect(
        ...['+I', '-D'].flatMap((symbol) =>
          ALONE[type].map((text) => record(`${symbol} ${text}`, { atMs: 0 })),
        ),
      )
      .survivesRestoreAtEveryStep(everyWay);
  });

  test.each(['inner', 'left'] as const)('in a temporal join of the type %s', async (type) => {
    await verifyTwoInputs<Row, Row>((records, versions) =>
      records.temporalJoin(versions, {
        recordKey: ({ key }) => key,
        tableKey: ({ key }) => key,
        type,
        select: show as never,
      }),
    )
      .input(right(null, 2, 5), left(null, 1, 6), watermark(10))
      .expect(...ALONE[type].map((text) => record(text, { atMs: 6 })), watermark(10))
      .survivesRestoreAtEveryStep(everyWay);
  });

  test.each(['inner', 'left'] as const)('in a join with a table as it is of the type %s', async (type) => {
    await verifyTwoInputs<Row, Change<Row>>((records, changes) =>
      records.join(changes.toChangelog({ mode: 'retract' }), {
        recordKey: ({ key }) => key,
        tableKey: ({ key }) => key,
        type,
        select: show as never,
      }),
    )
      .input(
        rightRecord<Change<Row>>({ kind: 'insert', row: { key: null, n: 2 } }, { atMs: 5 }),
        left(null, 1, 6),
      )
      .expect(...ALONE[type].map((text) => record(text, { atMs: 6 })))
      .survivesRestoreAtEveryStep(everyWay);
  });
});

describe('a temporal join', () => {
  const joined = (options: { readonly stateTtl?: number; readonly where?: () => boolean }) =>
    verifyTwoInputs<Row, Row>((records, versions) =>
      records.temporalJoin(versions, {
        recordKey: ({ key }) => key,
        tableKey: ({ key }) => key,
        type: 'left',
        ...options,
        select: show as never,
      }),
    );

  test('forgets a key that was idle for its time to live', async () => {
    await joined({ stateTtl: 10 })
      .input(
        processingTime(1),
        right('a', 2, 5),
        left('a', 1, 6),
        watermark(7),
        processingTime(9),
        left('a', 3, 8),
        processingTime(12),
        watermark(8),
        processingTime(21),
        left('a', 4, 9),
        watermark(9),
        processingTime(40),
        left('a', 5, 10),
        watermark(11),
      )
      .expect(
        processingTime(1),
        record('1 2', { atMs: 6 }),
        watermark(7),
        processingTime(9),
        processingTime(12),
        record('3 2', { atMs: 8 }),
        watermark(8),
        processingTime(21),
        record('4 2', { atMs: 9 }),
        watermark(9),
        processingTime(40),
        record('5 -', { atMs: 10 }),
        watermark(11),
      )
      .survivesRestoreAtEveryStep(everyWay);
  });

  test('takes a version that its condition is false for as none', async () => {
    await joined({ where: () => false })
      .input(right('a', 2, 5), left('a', 1, 6), watermark(7))
      .expect(record('1 -', { atMs: 6 }), watermark(7))
      .survivesRestoreAtEveryStep(everyWay);
  });
});
