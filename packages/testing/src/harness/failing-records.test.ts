// Records that functions fail on: left out, sent to the dead letters, or the end of the job.
/* oxlint-disable vitest/expect-expect -- verifyOperator asserts */
import { describe, expect, test } from 'vitest';
import {
  aggregator,
  avg,
  count,
  desc,
  fromArray,
  outputTag,
  sliding,
  sum,
  topN,
  tumbling,
  type,
  valueState,
  type DataStream,
  type DeadLetter,
} from '@millrace/api';
import { isMillraceError, type MillraceError } from '@millrace/common';
import { ChainHarness } from './chain-harness.ts';
import type { OperatorsUnderTest } from './harness-options.ts';
import { endOfInput, processingTime, record, verifyOperator, watermark } from './verify-operator.ts';

const everyWay = { parallelism: [1, 3] };

/** Fails on 2. */
function not2(n: number): number {
  if (n === 2) throw new RangeError('two');
  return n;
}

/** What of a dead letter does not depend on where a batch ends. */
function lettersOf(stream: { deadLetters(): DataStream<DeadLetter> }): DataStream<string[]> {
  return stream.deadLetters().map(({ code, reason, raw }) => [code, reason, raw]);
}

const letter = (what: string, raw: string, options: { readonly atMs?: number } = {}) =>
  record(['MR_USER_FUNCTION', `${what}: RangeError: two`, raw], { output: 'dead', ...options });

describe('An operator that leaves failing records out', () => {
  test('of a map, a filter and a flatMap sends them to its dead letters, and what is behind goes on', async () => {
    await verifyOperator<number>((input) => {
      const mapped = input.map(not2).onError('dead-letter');
      const filtered = input.filter((n) => not2(n) > 0).onError('dead-letter');
      const flat = input.flatMap((n) => [not2(n), n * 10]).onError('dead-letter');
      return {
        mapped: mapped.map((n) => -n),
        filtered,
        flat,
        dead: lettersOf(mapped),
        dead2: lettersOf(filtered),
        dead3: lettersOf(flat),
      };
    })
      .input(record(1, { atMs: 5 }), record(2, { atMs: 6 }), record(3, { atMs: 7 }), watermark(7))
      .expect(
        ...[1, 3].flatMap((n) => [
          record(-n, { output: 'mapped', atMs: n + 4 }),
          record(n, { output: 'filtered', atMs: n + 4 }),
          record(n, { output: 'flat', atMs: n + 4 }),
          record(n * 10, { output: 'flat', atMs: n + 4 }),
        ]),
        letter('map function', '2', { atMs: 6 }),
        record(['MR_USER_FUNCTION', 'filter function: RangeError: two', '2'], { output: 'dead2', atMs: 6 }),
        record(['MR_USER_FUNCTION', 'flatMap function: RangeError: two', '2'], { output: 'dead3', atMs: 6 }),
        watermark(7),
      )
      .survivesRestoreAtEveryStep(everyWay);
  });

  test('of a topN leaves out what says a limit that is no whole number', async () => {
    await verifyOperator<number>((input) =>
      input
        .keyBy((n) => n % 2)
        .topN((n) => (n % 2 === 0 ? 1 : 1.5), { orderBy: desc((n) => n) })
        .onError('skip')
        .toStream(),
    )
      .input(record(1), record(2))
      .expect(record({ kind: 'insert', row: 2 }))
      .survivesRestoreAtEveryStep(everyWay);
  });

  test('leaves out one element of a flatMap and one branch of several, not the record that they come from', async () => {
    await verifyOperator<number>((input) => {
      const elements = input.flatMap((n) => [n, n + 1, n + 2]);
      return { kept: elements.map(not2).onError('skip'), all: elements };
    })
      .input(record(1))
      .expect(
        record(1, { output: 'kept' }),
        record(3, { output: 'kept' }),
        ...[1, 2, 3].map((n) => record(n, { output: 'all' })),
      )
      .survivesRestoreAtEveryStep(everyWay);
  });

  test('keeps what a generator gave before it failed, and takes something that is no iterable as a failure', async () => {
    await verifyOperator<number>((input) => {
      const lazy = input
        .flatMap(function* (n) {
          yield n;
          yield not2(n);
        })
        .onError('dead-letter');
      return { lazy, dead: lettersOf(lazy), wrong: input.flatMap(() => 5 as never).onError('skip') };
    })
      .input(record(1), record(2))
      .expect(
        record(1, { output: 'lazy' }),
        record(1, { output: 'lazy' }),
        record(2, { output: 'lazy' }),
        letter('flatMap function', '2'),
      )
      .survivesRestoreAtEveryStep(everyWay);
  });

  test('of a key function, wherever it is called', async () => {
    await verifyOperator<number>((input) => {
      const counted = input.keyBy(not2).aggregate({ n: count() }).onError('dead-letter');
      return { counted, dead: lettersOf(counted) };
    })
      .input(record(1, { atMs: 1 }), record(2, { atMs: 2 }), record(1, { atMs: 3 }))
      .expect(
        record({ key: 1, n: 1 }, { output: 'counted', atMs: 1 }),
        letter('key function', '2', { atMs: 2 }),
        record({ key: 1, n: 2 }, { output: 'counted', atMs: 3 }),
      )
      .survivesRestoreAtEveryStep(everyWay);
  });

  test('takes a key that cannot be one as a failure of the record', async () => {
    await verifyOperator<{ readonly k?: string }>((input) => {
      const counted = input
        .keyBy((r) => r.k as string)
        .aggregate({ n: count() })
        .onError('dead-letter');
      return { counted, dead: counted.deadLetters().map(({ code, raw }) => [code, raw]) };
    })
      .input(record({ k: 'a' }), record({}))
      .expect(
        record({ key: 'a', n: 1 }, { output: 'counted' }),
        record(['MR_KEY_INVALID', '{}'], { output: 'dead' }),
      )
      .survivesRestoreAtEveryStep(everyWay);
  });

  test('of several aggregates puts a record into all or none', async () => {
    await verifyOperator<number>((input) => {
      const totals = input
        .keyBy(() => 'k')
        .aggregate({
          top: topN(1, { by: (n) => n }),
          n: count(),
          big: count((n) => n > 1),
          total: sum(not2),
          mean: avg((n) => n),
        })
        .onError('dead-letter');
      return { totals, dead: lettersOf(totals) };
    })
      .input(record(2), record(1), record(2), record(3))
      .expect(
        letter('aggregate function', '2'),
        record({ key: 'k', n: 1, big: 0, total: 1, mean: 1, top: [1] }, { output: 'totals' }),
        letter('aggregate function', '2'),
        record({ key: 'k', n: 2, big: 1, total: 4, mean: 2, top: [3] }, { output: 'totals' }),
      )
      .survivesRestoreAtEveryStep(everyWay);
  });

  test('of a reduce goes on with what it had', async () => {
    await verifyOperator<number>((input) => ({
      sums: input
        .keyBy(() => 'k')
        .reduce((a, b) => a + not2(b))
        .onError('skip'),
    }))
      .input(record(1), record(2), record(3))
      .expect(record(1, { output: 'sums' }), record(4, { output: 'sums' }))
      .survivesRestoreAtEveryStep(everyWay);
  });

  test('of a window leaves records out when they come, and keys when it fires', async () => {
    const bad = aggregator<number, number, number>({
      create: () => 0,
      add: (total, n) => total + n,
      merge: (a, b) => a + b,
      result: (total) => {
        if (total === 7) throw new RangeError('two');
        return total;
      },
    });
    await verifyOperator<number>((input) => {
      const totals = input
        .keyBy((n) => n % 2)
        .window(tumbling(10))
        .aggregate({ total: sum(not2), bad })
        .onError('dead-letter');
      const slid = input
        .keyBy((n) => n % 2)
        .window(sliding(10, 5))
        .aggregate({ total: sum(not2) })
        .onError('skip');
      return { totals, dead: lettersOf(totals), slid };
    })
      .input(
        record(2, { atMs: 1 }),
        record(4, { atMs: 2 }),
        record(3, { atMs: 3 }),
        record(1, { atMs: 4 }),
        record(3, { atMs: 9 }),
        watermark(9),
      )
      .expect(
        letter('window function', '2', { atMs: 1 }),
        record({ key: 0, windowStart: -5, windowEnd: 5, total: 4 }, { output: 'slid', atMs: 4 }),
        record({ key: 1, windowStart: -5, windowEnd: 5, total: 4 }, { output: 'slid', atMs: 4 }),
        record({ key: 0, windowStart: 0, windowEnd: 10, total: 4, bad: 4 }, { output: 'totals', atMs: 9 }),
        letter('window function', '{"key":1,"windowStart":0,"windowEnd":10}', { atMs: 9 }),
        record({ key: 0, windowStart: 0, windowEnd: 10, total: 4 }, { output: 'slid', atMs: 9 }),
        record({ key: 1, windowStart: 0, windowEnd: 10, total: 7 }, { output: 'slid', atMs: 9 }),
        watermark(9),
      )
      .survivesRestoreAtEveryStep(everyWay);
  });

  test('of a window function leaves out the key', async () => {
    await verifyOperator<number>((input) => {
      const fired = input
        .keyBy((n) => n)
        .window(tumbling(10))
        .process((key) => [not2(key)])
        .onError('dead-letter');
      return { fired, dead: lettersOf(fired) };
    })
      .input(record(1, { atMs: 1 }), record(2, { atMs: 1 }), watermark(9))
      .expect(
        record(1, { output: 'fired', atMs: 9 }),
        letter('window function', '{"key":2,"windowStart":0,"windowEnd":10}', { atMs: 9 }),
        watermark(9),
      )
      .survivesRestoreAtEveryStep(everyWay);
  });

  test('of a process function keeps what it emitted and stored before, and a timer fails for itself', async () => {
    const seen = outputTag<number>('seen');
    await verifyOperator<number>((input) => {
      const processed = input
        .keyBy(() => 'k')
        .process({
          state: { calls: valueState({ initial: 0 }) },
          emits: type<string>(),
          onRecord(n, ctx) {
            ctx.state.calls.update(ctx.state.calls.value() + 1);
            ctx.output(seen, n);
            ctx.timers.registerProcessingTime(n * 10);
            not2(n);
            ctx.emit(`${n} in call ${ctx.state.calls.value()}`);
          },
          onTimer: ({ timestamp }) => [String(not2(timestamp / 10))],
        })
        .onError('dead-letter');
      return { processed, seen: processed.sideOutput(seen), dead: lettersOf(processed) };
    })
      .input(record(1), record(2), record(3), processingTime(30), endOfInput)
      .expect(
        record('1 in call 1', { output: 'processed' }),
        ...[1, 2, 3].map((n) => record(n, { output: 'seen' })),
        letter('process function onRecord', '2'),
        record('3 in call 3', { output: 'processed' }),
        record('1', { output: 'processed' }),
        letter('process function onTimer', '{"key":"k","timestamp":20,"domain":"processing"}'),
        record('3', { output: 'processed' }),
        processingTime(30),
        endOfInput,
      )
      .survivesRestoreAtEveryStep(everyWay);
  });

  test('of event time, of a join and of an end', async () => {
    await verifyOperator<number>((input) => {
      const timed = input
        .watermarks({ kind: 'bounded', boundMs: 0, timestamp: (n: number) => not2(n) } as never)
        .onError('dead-letter');
      const joined = timed
        .join(fromArray([1, 3, 4]), {
          recordKey: (n) => n,
          tableKey: (n) => n,
          select: (n) => {
            if (n === 4) throw new RangeError('four');
            return n * 100;
          },
        })
        .onError('skip');
      const end = joined
        .forEach((n) => {
          if (n === 300) throw new RangeError('three hundred');
        })
        .onError('dead-letter');
      return {
        dead: lettersOf(timed),
        joined,
        end: end.deadLetters().map(({ reason, raw }) => [reason, raw]),
      };
    })
      .input(record(1), record(2), record(3), record(4))
      .expect(
        record(100, { output: 'joined', atMs: 1 }),
        record(['MR_USER_FUNCTION', 'timestamp function: RangeError: two', '2'], { output: 'dead' }),
        record(300, { output: 'joined', atMs: 3 }),
        record(['forEach function: RangeError: three hundred', '300'], { output: 'end', atMs: 3 }),
      )
      .holds({ parallelism: [1] });
  });
});

describe('A failure that is not the record’s', () => {
  async function failureOf<T>(
    operators: OperatorsUnderTest<T>,
    values: readonly T[],
  ): Promise<MillraceError> {
    const harness = await ChainHarness.open<T>({ operators, parallelism: 1 });
    try {
      for (const value of values) harness.send([{ value }]);
    } catch (error) {
      if (isMillraceError(error)) return error;
      throw error;
    } finally {
      await harness.close();
    }
    throw new Error('expected a failure');
  }

  test('fails the job: a promise would be returned for each record', async () => {
    const error = await failureOf<number>(
      (input) => input.map(((n: number) => Promise.resolve(n)) as never).onError('skip'),
      [1],
    );
    expect(error.code).toBe('MR_PROMISE_RETURNED');
  });

  test('fails the job when it comes from an operator behind that has no such policy, also if user code catches it', async () => {
    const error = await failureOf<number>(
      (input) =>
        input
          .process({
            emits: type<number>(),
            onRecord(n, ctx) {
              try {
                ctx.emit(n);
              } catch {
                // Whatever it is.
              }
              throw new Error('mine');
            },
          })
          .onError('skip')
          .map(not2),
      [1, 2],
    );
    expect(error.message).toContain('map function');
    expect(error.message).toContain('RangeError: two');
  });

  test('fails the job when there are more than `max` of them, for good', async () => {
    const error = await failureOf<number>(
      (input) => input.map(not2).onError({ action: 'skip', max: 2 }),
      [2, 2, 2],
    );
    expect(error).toMatchObject({ code: 'MR_USER_FUNCTION', retry: 'never' });
    expect(error.message).toContain('`max` is 2');
  });

  test('fails the job when the operating system refuses', async () => {
    const full = Object.assign(new Error('no space left'), { code: 'ENOSPC', syscall: 'write' });
    const error = await failureOf<number>(
      (input) => {
        input
          .forEach(() => {
            throw full;
          })
          .onError('skip');
        return input;
      },
      [1],
    );
    expect(error.cause).toBe(full);
  });
});

describe('What is left out', () => {
  test('is counted once by cause, over restores at another parallelism, with the newest samples', async () => {
    const shared = {
      operators: (input: DataStream<number>) => input.map(not2).onError('skip'),
      parallelism: 2,
    };
    const first = await ChainHarness.open<number>(shared);
    first.send([1, 2, 2, 2, 2, 3].map((value) => ({ value })));
    const restore = await first.snapshot(1);
    first.send([{ value: 2 }]);
    await first.close();
    const second = await ChainHarness.open<number>({
      ...shared,
      parallelism: 1,
      restore,
      blobStore: first.blobStore,
      attemptNumber: 2,
    });
    expect(second.chains[0]?.drops.counts).toEqual({ late: 0, skipped: 4, deadLettered: 0 });
    second.send([{ value: 2 }]);
    expect(second.chains[0]?.drops.counts).toEqual({ late: 0, skipped: 5, deadLettered: 0 });
    const samples = second.chains[0]?.drops.samples ?? [];
    expect(samples.length).toBe(3);
    expect(samples.at(-1)).toEqual({
      cause: 'skipped',
      operator: 'map',
      subtaskIndex: 0,
      position: 'record 1 of a batch from subtask 0 of "input"',
      code: 'MR_USER_FUNCTION',
      reason: 'map function: RangeError: two',
      raw: '2',
      atMs: 0,
    });
    await second.close();
  });

  test('too late is counted, and one of a batch is a sample', async () => {
    const harness = await ChainHarness.open<number>({
      operators: (input) =>
        input
          .keyBy(() => 'k')
          .window(tumbling(10))
          .process((_, records) => [[...records].length]),
      parallelism: 1,
    });
    harness.watermark(20);
    harness.send([4, 5, 6].map((value) => ({ value, atMs: value })));
    expect(harness.chains[0]?.drops.counts).toEqual({ late: 3, skipped: 0, deadLettered: 0 });
    expect(harness.chains[0]?.drops.samples).toMatchObject([{ cause: 'late', raw: '4' }]);
    await harness.close();
  });

  test('of a mini-batch, whose result fails at one key, sends those of the other keys once', async () => {
    const latest = aggregator({
      create: () => 0,
      add: (_, n: number) => n,
      merge: (_, b) => b,
      result: not2,
    });
    const harness = await ChainHarness.open<number>({
      operators: (input) =>
        input
          .keyBy((n) => n)
          .aggregate({ latest }, { emit: 'update', miniBatch: { size: 5, allowLatency: '1 minute' } })
          .onError('skip')
          .toStream(),
      parallelism: 1,
    });
    const send = (...values: readonly number[]): void =>
      harness.send(values.map((value) => ({ value, atMs: 1 })));
    const sent = (): unknown[] =>
      harness.emitted.map(({ record: sentRecord }) => {
        const { kind, row } = sentRecord as { readonly kind: string; readonly row: unknown };
        return [kind, row];
      });
    send(1, 2, 3, 4, 5);
    expect(sent()).toEqual([['insert', { key: 1, latest: 1 }]]);
    expect(harness.chains[0]?.drops.counts.skipped).toBe(1);
    harness.watermark(1);
    expect(sent().slice(1)).toEqual([3, 4, 5].map((n) => ['insert', { key: n, latest: n }]));
    send(1, 6);
    harness.watermark(2);
    expect(sent().slice(4)).toEqual([['insert', { key: 6, latest: 6 }]]);
    await harness.close();
  });
});
