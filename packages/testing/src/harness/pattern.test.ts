/* oxlint-disable vitest/expect-expect -- verifyOperator asserts */
// Patterns in real operator chains: sorted by event time, late events, timeouts, both time domains, failing conditions.
import { expect, test } from 'vitest';
import { begin, outputTag, skipPastLastEvent, type DeadLetter, type TimedOutMatch } from '@millrace/api';
import { ChainHarness } from './chain-harness.ts';
import type { HarnessSnapshot } from './harness-options.ts';
import { endOfInput, processingTime, record, verifyOperator, watermark } from './verify-operator.ts';

const everyWay = { parallelism: [1, 3] };

interface Payment {
  readonly card: string;
  readonly amount: number;
}

const pay = (card: string, amount: number, atMs: number) => record<Payment>({ card, amount }, { atMs });

test('a pattern sees the events of each key in the order of their time, whatever order they come in', async () => {
  await verifyOperator<Payment>((input) =>
    input
      .keyBy(({ card }) => card)
      .pattern((first) =>
        first('small', ({ amount }) => amount < 1)
          .followedBy('large', ({ amount }) => amount > 500)
          .within(10),
      )
      .select(({ small, large }, { key, timestamp }) => ({
        key,
        sum: small.amount + large.amount,
        timestamp,
      })),
  )
    .input(
      pay('a', 900, 8),
      pay('b', 0.5, 3),
      pay('a', 0.5, 2),
      pay('a', 20, 4),
      watermark(5),
      pay('b', 700, 14),
      pay('a', 600, 11),
      watermark(20),
      endOfInput,
    )
    .expect(
      watermark(5),
      record({ key: 'a', sum: 900.5, timestamp: 8 }, { atMs: 8 }),
      watermark(20),
      endOfInput,
    )
    .survivesRestoreAtEveryStep(everyWay);
});

test('late events go to their side output, partial matches that run out of time to theirs, at the time that they did', async () => {
  const late = outputTag<Payment>('late');
  const lonely = outputTag<TimedOutMatch<{ readonly small: Payment; readonly large: Payment }>>('lonely');
  await verifyOperator<Payment>((input) => {
    const main = input
      .keyBy(({ card }) => card)
      .pattern((first) =>
        first('small', ({ amount }) => amount < 1)
          .followedBy('large', ({ amount }) => amount > 500)
          .within(10),
      )
      .sideOutputLateData(late)
      .timedOut(lonely)
      .matches();
    return { main, late: main.sideOutput(late), lonely: main.sideOutput(lonely) };
  })
    .input(
      pay('a', 0.1, 5),
      watermark(7),
      pay('a', 700, 7),
      pay('a', 800, 16),
      watermark(14),
      watermark(17),
      pay('b', 0.2, 18),
      endOfInput,
    )
    .expect(
      watermark(7),
      record({ card: 'a', amount: 700 }, { atMs: 7, output: 'late' }),
      watermark(14),
      record(
        { match: { small: { card: 'a', amount: 0.1 }, large: undefined }, timedOutAt: 15 },
        { atMs: 15, output: 'lonely' },
      ),
      watermark(17),
      record(
        { match: { small: { card: 'b', amount: 0.2 }, large: undefined }, timedOutAt: 28 },
        { atMs: 28, output: 'lonely' },
      ),
      endOfInput,
    )
    .survivesRestoreAtEveryStep(everyWay);
});

test('a trailing notFollowedBy is a match when its time is over, at that time', async () => {
  await verifyOperator<Payment>((input) =>
    input
      .keyBy(({ card }) => card)
      .pattern((first) =>
        first('order', ({ amount }) => amount > 0)
          .notFollowedBy('payment', ({ amount }) => amount < 0)
          .within(10),
      )
      .matches(),
  )
    .input(pay('paid', 5, 1), pay('open', 7, 2), pay('paid', -5, 4), watermark(10), watermark(12), endOfInput)
    .expect(
      watermark(10),
      record({ order: { card: 'open', amount: 7 } }, { atMs: 12 }),
      watermark(12),
      endOfInput,
    )
    .survivesRestoreAtEveryStep(everyWay);
});

test('loops are lists, optional steps may be absent, and a stream without a key is one sequence', async () => {
  await verifyOperator<Payment>((input) =>
    input
      .pattern((first) =>
        first('rise', ({ amount }, ctx) => amount > (ctx.events('rise').at(-1)?.amount ?? 0))
          .oneOrMore()
          .consecutive()
          .greedy()
          .next('fall', ({ amount }, ctx) => amount < (ctx.events('rise').at(-1)?.amount ?? 0))
          .next('note', ({ amount }) => amount === 0)
          .optional()
          .afterMatch(skipPastLastEvent()),
      )
      .flatSelect(({ rise, fall, note }) => [
        `${rise.map(({ amount }) => amount).join('<')}>${fall.amount}`,
        ...(note === undefined ? [] : ['noted']),
      ]),
  )
    .input(
      pay('a', 2, 1),
      pay('b', 3, 2),
      pay('a', 5, 3),
      pay('b', 1, 4),
      pay('a', 9, 5),
      watermark(5),
      endOfInput,
    )
    .expect(record('2<3<5>1'), watermark(5), endOfInput)
    .survivesRestoreAtEveryStep(everyWay);
});

test('in processing time events are taken as they come, and time out by the clock', async () => {
  const late = outputTag<string>('slow');
  await verifyOperator<Payment>((input) => {
    const main = input
      .keyBy(({ card }) => card)
      .pattern(
        begin('first', ({ amount }: Payment) => amount === 1)
          .next('second', ({ amount }) => amount === 2)
          .within(10),
        { time: 'processing' },
      )
      .timedOut(late, ({ first }) => `slow ${first?.card}`)
      .select(({ first, second }) => `${first.card} ${second.amount}`);
    return { main, slow: main.sideOutput(late) };
  })
    .input(
      processingTime(100),
      record({ card: 'a', amount: 1 }),
      record({ card: 'b', amount: 1 }),
      processingTime(105),
      record({ card: 'a', amount: 2 }),
      processingTime(109),
      processingTime(110),
      record({ card: 'b', amount: 2 }),
      endOfInput,
    )
    .expect(
      processingTime(100),
      processingTime(105),
      record('a 2'),
      processingTime(109),
      record('slow b', { output: 'slow' }),
      processingTime(110),
      endOfInput,
    )
    .survivesRestoreAtEveryStep(everyWay);
});

test('in processing time with an order, events of a millisecond are taken when it is over, or the input', async () => {
  await verifyOperator<Payment>((input) =>
    input
      .keyBy(({ card }) => card)
      .pattern(
        (first) =>
          first('less').next('more', ({ amount }, ctx) => amount > (ctx.events('less')[0]?.amount ?? 0)),
        {
          time: 'processing',
          compare: (a, b) => a.amount - b.amount,
        },
      )
      .select(({ less, more }) => `${less.card} ${less.amount}<${more.amount}`),
  )
    .input(
      processingTime(100),
      record({ card: 'a', amount: 3 }),
      record({ card: 'b', amount: 9 }),
      record({ card: 'a', amount: 1 }),
      record({ card: 'a', amount: 2 }),
      processingTime(101),
      record({ card: 'b', amount: 8 }),
      processingTime(105),
      record({ card: 'b', amount: 11 }),
      record({ card: 'b', amount: 10 }),
      endOfInput,
    )
    .expect(
      processingTime(100),
      record('a 1<2'),
      record('a 2<3'),
      processingTime(101),
      processingTime(105),
      record('b 8<10'),
      record('b 10<11'),
      endOfInput,
    )
    .survivesRestoreAtEveryStep(everyWay);
});

test('events of equal time are compared as the program says', async () => {
  await verifyOperator<Payment>((input) =>
    input
      .keyBy(({ card }) => card)
      .pattern((first) => first('a').next('b').afterMatch(skipPastLastEvent()), {
        compare: (a, b) => a.amount - b.amount,
      })
      .select(({ a, b }) => `${a.amount} ${b.amount}`),
  )
    .input(pay('a', 3, 1), pay('a', 1, 1), pay('a', 4, 1), pay('a', 2, 1), watermark(1), endOfInput)
    .expect(record('1 2'), record('3 4'), watermark(1), endOfInput)
    .survivesRestoreAtEveryStep(everyWay);
});

test('without input there is no output', async () => {
  await verifyOperator<Payment>((input) => input.pattern((first) => first('a')).matches())
    .input(watermark(1), endOfInput)
    .expect(watermark(1), endOfInput)
    .survivesRestoreAtEveryStep(everyWay);
});

test('an event that a condition fails on is left out, and the partial matches go on as they were', async () => {
  await verifyOperator<Payment>((input) => {
    const main = input
      .keyBy(({ card }) => card)
      .pattern((first) =>
        first('a', ({ amount }) => amount === 1)
          .followedByAny('b', ({ amount }) => {
            if (amount === 13) throw new Error('unlucky');
            return amount === 2;
          })
          .followedBy('c', ({ amount }) => amount === 3),
      )
      .select(({ a, b, c }) => a.amount + b.amount + c.amount)
      .onError('dead-letter');
    return { main, dead: main.deadLetters().map(({ reason, raw }: DeadLetter) => `${reason}: ${raw}`) };
  })
    .input(pay('x', 1, 1), pay('x', 2, 2), pay('x', 13, 3), pay('x', 3, 4), watermark(4), endOfInput)
    .expect(
      record(6),
      record('condition: Error: unlucky: {"card":"x","amount":13}', { output: 'dead' }),
      watermark(4),
      endOfInput,
    )
    .survivesRestoreAtEveryStep(everyWay);
});

test('a key has no state when nothing of it is left to match, and none that its limit does not bound', async () => {
  const harness = await ChainHarness.open<Payment>({
    parallelism: 1,
    operators: (input) =>
      input
        .keyBy(({ card }) => card)
        .pattern((first) =>
          first('a', ({ amount }) => amount === 1)
            .followedByAny('b', ({ amount }) => amount === 2)
            .within(10),
        )
        .matches(),
  });
  const entries = () => harness.chains[0]?.metrics.stateEntries;
  let peak = 0;
  for (let atMs = 0; atMs < 1_000; atMs += 2) {
    harness.send([
      { value: { card: 'x', amount: 1 }, atMs },
      { value: { card: `y${atMs}`, amount: 5 }, atMs: atMs + 1 },
    ]);
    harness.watermark(atMs + 1);
    peak = Math.max(peak, entries() ?? 0);
  }
  // A row, and timers at most as many as partial matches in the limit.
  expect(peak).toBeLessThan(10);
  harness.watermark(2_000);
  expect(entries()).toBe(0);
  await harness.close();
});

test('a snapshot that is still being written has nothing of what came after its barrier, after restores too', async () => {
  const open = (restore?: HarnessSnapshot, blobStore?: ChainHarness<Payment>['blobStore']) =>
    ChainHarness.open<Payment>({
      parallelism: 1,
      operators: (input) =>
        input
          .keyBy(({ card }) => card)
          .pattern((first) =>
            first('a', ({ amount }) => amount === 1).followedBy('b', ({ amount }) => amount === 2),
          )
          .matches(),
      ...(restore === undefined || blobStore === undefined ? {} : { restore, blobStore, attemptNumber: 2 }),
    });
  const before = await open();
  for (let step = 1; step <= 3; step++) {
    before.send([{ value: { card: 'x', amount: 1 }, atMs: step }]);
    before.watermark(step);
    if (step < 3) await before.snapshot(step);
  }
  const restored = await open(await before.snapshot(3), before.blobStore);
  const snapshots: HarnessSnapshot[] = [];
  for (let step = 4; step <= 7; step++) {
    const [chain] = restored.chains;
    const frozen = chain?.freeze(step);
    const watermarkMs = step - 1;
    // Nothing comes before the second barrier: what was restored is still as it was read.
    if (step > 4) restored.send([{ value: { card: 'x', amount: 1 }, atMs: step }]);
    restored.watermark(step);
    const written = await frozen?.write(restored.blobStore, `slow-${step}-`);
    if (step === 4) chain?.checkpointAborted(step);
    else chain?.checkpointCompleted(step);
    snapshots.push({ checkpointId: step, watermarkMs, nowMs: 0, operators: [written?.operators ?? []] });
  }
  for (const [index, snapshot] of snapshots.entries()) {
    const last = await open(snapshot, restored.blobStore);
    last.send([{ value: { card: 'x', amount: 2 }, atMs: 100 }]);
    last.watermark(100);
    expect(last.emitted).toHaveLength([3, 3, 4, 5][index] ?? 0);
    await last.close();
  }
  await before.close();
  await restored.close();
});

test('more partial matches of one key than are allowed fail the job, with what to do', async () => {
  const harness = await ChainHarness.open<Payment>({
    parallelism: 1,
    operators: (input) =>
      input
        .keyBy(({ card }) => card)
        .pattern((first) => first('a').followedByAny('b', ({ amount }) => amount < 0), {
          partialMatchesMax: 5,
        })
        .matches(),
  });
  const run = (): void => {
    for (let atMs = 0; atMs < 10; atMs++) harness.send([{ value: { card: 'x', amount: 1 }, atMs }]);
    harness.watermark(20);
  };
  expect(run).toThrow(expect.objectContaining({ code: 'MR_STATE_TOO_LARGE', retry: 'never' }) as Error);
  await harness.close();
});
