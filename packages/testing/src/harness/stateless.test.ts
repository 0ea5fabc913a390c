// Operators without state through the harness.
/* oxlint-disable vitest/expect-expect -- verifyOperator asserts */
import { describe, expect, test } from 'vitest';
import { fromArray, outputTag, type } from '@millrace/api';
import { isMillraceError, type MillraceError } from '@millrace/common';
import { ChainHarness } from './chain-harness.ts';
import type { OperatorsUnderTest } from './harness-options.ts';
import { endOfInput, record, verifyOperator, watermark } from './verify-operator.ts';

const everyWay = { parallelism: [1, 2] };

describe('Stateless operators', () => {
  test('map, filter and flatMap keep event time, in one chain', async () => {
    await verifyOperator<number>((input) =>
      input
        .map((n) => n + 1)
        .filter((n) => n % 2 === 0)
        .flatMap((n) => [n, n * 10]),
    )
      .input(record(1, { atMs: 5 }), record(2, { atMs: 6 }), record(3, { atMs: 7 }), watermark(7))
      .expect(
        record(2, { atMs: 5 }),
        record(20, { atMs: 5 }),
        record(4, { atMs: 7 }),
        record(40, { atMs: 7 }),
        watermark(7),
      )
      .survivesRestoreAtEveryStep(everyWay);
  });

  test('flatMap takes any iterable, a generator too, and nothing', async () => {
    await verifyOperator<number>((input) =>
      input.flatMap(function* (n) {
        for (let index = 0; index < n; index++) yield `${n}.${index}`;
      }),
    )
      .input(record(0), record(2), endOfInput)
      .expect(record('2.0'), record('2.1'), endOfInput)
      .survivesRestoreAtEveryStep(everyWay);
  });

  test('several consumers of one operator each get every record, and union brings them together', async () => {
    await verifyOperator<number>((input) => {
      const doubled = input.map((n) => n * 2);
      return { main: doubled.map((n) => n + 1).union(doubled.filter((n) => n > 2)), doubled };
    })
      .input(record(1), record(2), watermark(1))
      .expect(
        record(3),
        record(5),
        record(4),
        record(2, { output: 'doubled' }),
        record(4, { output: 'doubled' }),
        watermark(1),
      )
      .survivesRestoreAtEveryStep(everyWay);
  });

  test('an inner join gives a result for each row of the key, a left join also without one', async () => {
    const table = fromArray([
      { code: 'A', city: 'Aachen' },
      { code: 'A', city: 'Ahlen' },
      { code: 'B', city: 'Bonn' },
    ]);
    await verifyOperator<string>((input) => ({
      inner: input.join(table, {
        recordKey: (code) => code,
        tableKey: (row) => row.code,
        select: (code, row) => `${code} ${row.city}`,
      }),
      left: input.join(table, {
        type: 'left',
        recordKey: (code) => [code],
        tableKey: (row) => [row.code],
        select: (code, row) => `${code} ${row?.city ?? '-'}`,
      }),
    }))
      .input(record('A'), record('C'), watermark(1))
      .expect(
        record('A Aachen', { output: 'inner' }),
        record('A Ahlen', { output: 'inner' }),
        record('A Aachen', { output: 'left' }),
        record('A Ahlen', { output: 'left' }),
        record('C -', { output: 'left' }),
        watermark(1),
      )
      .survivesRestoreAtEveryStep(everyWay);
  });

  test('a process function emits what it likes where it likes, with the event time of its record', async () => {
    const odd = outputTag<number>('odd');
    await verifyOperator<number>((input) => {
      const main = input.process({
        emits: type<string>(),
        onRecord(n, context) {
          if (n % 2 === 1) context.output(odd, n);
          context.emit(`got ${n} at ${context.timestamp} after ${context.watermark}`);
          return [`done ${n}`];
        },
      });
      return { main, odd: main.sideOutput(odd) };
    })
      .input(record(1, { atMs: 4 }), watermark(4), record(2, { atMs: 9 }), watermark(9))
      .expect(
        record(1, { output: 'odd', atMs: 4 }),
        record('got 1 at 4 after -Infinity', { atMs: 4 }),
        record('done 1', { atMs: 4 }),
        watermark(4),
        record('got 2 at 9 after 4', { atMs: 9 }),
        record('done 2', { atMs: 9 }),
        watermark(9),
      )
      .survivesRestoreAtEveryStep(everyWay);
  });
});

describe('Faults of the user', () => {
  async function failureOf(
    operators: OperatorsUnderTest<{ readonly n: number }>,
    freezesRecords = false,
  ): Promise<MillraceError> {
    const harness = await ChainHarness.open({ operators, parallelism: 1, freezesRecords });
    try {
      harness.send([{ value: { n: 1 } }, { value: { n: 2 } }]);
    } catch (error) {
      if (isMillraceError(error)) return error;
      throw error;
    } finally {
      await harness.close();
    }
    throw new Error('expected a failure');
  }

  test('an error names the operator, the record and its position, and keeps the stack as its cause', async () => {
    const cause = new RangeError('two is too many');
    const error = await failureOf((input) =>
      input
        .map(({ n }) => {
          if (n === 2) throw cause;
          return n;
        })
        .name('count up')
        .uid('counter'),
    );
    expect(error.code).toBe('MR_USER_FUNCTION');
    expect(error.message).toBe(
      'The map function of "count up" (uid "counter", subtask 0) threw at record 2 of a batch from subtask 0 of "input", on {"n":2}: RangeError: two is too many',
    );
    expect(error.details).toMatchObject({
      operator: 'count up',
      uid: 'counter',
      subtaskIndex: 0,
      position: 'record 2 of a batch from subtask 0 of "input"',
      record: '{"n":2}',
    });
    expect(error.cause).toBe(cause);
  });

  test.each<[string, OperatorsUnderTest<{ readonly n: number }>]>([
    ['map', (input) => input.map(((r: { n: number }) => Promise.resolve(r.n)) as never)],
    ['filter', (input) => input.filter((() => Promise.resolve(true)) as never)],
    ['flatMap', (input) => input.flatMap((() => Promise.resolve([])) as never)],
    ['forEach', (input) => void input.map((r) => r.n).forEach((() => Promise.resolve()) as never)],
    ['key', (input) => input.keyBy((() => Promise.resolve('a')) as never).reduce((a) => a)],
    ['onRecord', (input) => input.process({ onRecord: (() => Promise.resolve()) as never })],
  ])('a %s function that returns a promise is refused', async (_kind, operators) => {
    const error = await failureOf(operators);
    expect(error.code).toBe('MR_PROMISE_RETURNED');
  });

  test('a record that a function changes is reported when records are frozen', async () => {
    const error = await failureOf(
      (input) =>
        input.map((r) => {
          (r as { n: number }).n = 7;
          return r;
        }),
      true,
    );
    expect(error.code).toBe('MR_RECORD_MUTATED');
  });
});
