import { describe, expect, test } from 'vitest';
import {
  aggregatingState,
  listState,
  mapState,
  reducingState,
  valueState,
  type DataStream,
  type TtlOptions,
} from '@millrace/api';
import type { OperatorChain } from '@millrace/runtime';
import { ChainHarness } from './chain-harness.ts';
import { endOfInput, processingTime, record, verifyOperator, watermark } from './verify-operator.ts';

interface Reading {
  readonly key: string;
  readonly value: number;
}

const reading = (key: string, value: number): Reading => ({ key, value });

/** Emits for each reading what states of all kinds have of its key, with the reading itself. */
const keeping = (ttl: TtlOptions) => (input: DataStream<Reading>) =>
  input
    .keyBy(({ key }) => key)
    .process({
      state: {
        last: valueState<number>({ ttl }),
        all: listState<number>({ ttl }),
        byValue: mapState<number, number>({ ttl }),
        sum: reducingState<number>((a, b) => a + b, { ttl }),
        mean: aggregatingState(
          {
            create: () => ({ sum: 0, count: 0 }),
            add: (soFar, value: number) => ({ sum: soFar.sum + value, count: soFar.count + 1 }),
            result: ({ sum, count }) => sum / count,
          },
          { ttl },
        ),
      },
      onRecord({ key, value }, { state }) {
        const last = state.last.value();
        state.last.update(value);
        state.all.add(value);
        state.byValue.put(value, value);
        state.sum.add(value);
        state.mean.add(value);
        const all = [...state.all.get()].join('+');
        const values = [...state.byValue.keys()].toSorted((a, b) => a - b).join('+');
        return [`${key}: ${last ?? 'nothing'} ${all} ${values} ${state.sum.get()} ${state.mean.get()}`];
      },
    });

describe('state with a TTL', () => {
  test('by the wall clock, each item and entry by itself', async () => {
    await verifyOperator<Reading>(keeping({ duration: 100 }))
      .input(
        record(reading('a', 1)),
        processingTime(60),
        record(reading('a', 2)),
        processingTime(99),
        record(reading('b', 7)),
        processingTime(120),
        record(reading('a', 3)),
        processingTime(300),
        record(reading('a', 4)),
        endOfInput,
      )
      .expect(
        record('a: nothing 1 1 1 1'),
        processingTime(60),
        record('a: 1 1+2 1+2 3 1.5'),
        processingTime(99),
        record('b: nothing 7 7 7 7'),
        processingTime(120),
        // Of sum and mean the time began anew with the second reading.
        record('a: 2 2+3 2+3 6 2'),
        processingTime(300),
        record('a: nothing 4 4 4 4'),
        endOfInput,
      )
      .survivesRestoreAtEveryStep({ parallelism: [1, 2] });
  });

  test('by event time: the watermark is the clock, and records out of order count at their own time', async () => {
    await verifyOperator<Reading>(keeping({ duration: 100, time: 'event' }))
      .input(
        record(reading('a', 1), { atMs: 50 }),
        watermark(100),
        record(reading('a', 2), { atMs: 120 }),
        watermark(149),
        record(reading('b', 7), { atMs: 20 }),
        watermark(150),
        record(reading('a', 3), { atMs: 160 }),
        watermark(248),
        // It came late: what it wrote is kept from the watermark of then on.
        record(reading('b', 8), { atMs: 240 }),
        watermark(500),
        record(reading('b', 9), { atMs: 510 }),
        endOfInput,
      )
      .expect(
        record('a: nothing 1 1 1 1'),
        watermark(100),
        record('a: 1 1+2 1+2 3 1.5'),
        watermark(149),
        record('b: nothing 7 7 7 7'),
        watermark(150),
        record('a: 2 2+3 2+3 6 2'),
        watermark(248),
        record('b: 7 7+8 7+8 15 7.5'),
        watermark(500),
        record('b: nothing 9 9 9 9'),
        endOfInput,
      )
      .survivesRestoreAtEveryStep({ parallelism: [1, 2] });
  });

  test('a read starts the time anew, where it is to', async () => {
    await verifyOperator<Reading>((input) =>
      input
        .keyBy(({ key }) => key)
        .process({
          state: { first: valueState<number>({ ttl: { duration: 100, update: 'onReadAndWrite' } }) },
          onRecord({ value }, { state }) {
            const first = state.first.value();
            if (first === undefined) state.first.update(value);
            return [first ?? `first ${value}`];
          },
        }),
    )
      .input(
        record(reading('a', 1)),
        processingTime(80),
        record(reading('a', 2)),
        processingTime(160),
        record(reading('a', 3)),
        processingTime(260),
        record(reading('a', 4)),
      )
      .expect(
        record('first 1'),
        processingTime(80),
        record(1),
        processingTime(160),
        record(1),
        processingTime(260),
        record('first 4'),
      )
      .survivesRestoreAtEveryStep({ parallelism: [1] });
  });

  test('what is over may be seen until it is cleaned, where that is wanted', async () => {
    const visible = (visibility: NonNullable<TtlOptions['visibility']>) => (input: DataStream<Reading>) =>
      input
        .keyBy(({ key }) => key)
        .process({
          state: { last: valueState<number>({ ttl: { duration: 100, time: 'event', visibility } }) },
          onRecord({ value }, { state }) {
            const last = state.last.value();
            state.last.update(value);
            return [last ?? 'nothing'];
          },
        });
    // 100 ms are over at the watermark 100; cleaning comes when the span of time that this is in is over.
    const events = [
      record(reading('a', 1), { atMs: 0 }),
      watermark(101),
      record(reading('a', 2), { atMs: 102 }),
    ];
    await verifyOperator<Reading>(visible('returnExpiredIfNotCleanedUp'))
      .input(...events)
      .expect(record('nothing'), watermark(101), record(1))
      .holds();
    await verifyOperator<Reading>(visible('neverReturnExpired'))
      .input(...events)
      .expect(record('nothing'), watermark(101), record('nothing'))
      .holds();
  });

  test('a timer finds state whose end the watermark has jumped over with it', async () => {
    await verifyOperator<Reading>((input) =>
      input
        .keyBy(({ key }) => key)
        .process({
          state: { count: valueState({ initial: 0, ttl: { duration: 100, time: 'event' } }) },
          onRecord(_reading, { state, timers, timestamp }) {
            state.count.update(state.count.value() + 1);
            timers.registerEventTime(timestamp + 50);
            timers.registerEventTime(timestamp + 150);
          },
          onTimer: ({ timestamp }, { state }) => [`${timestamp}: ${state.count.value()}`],
        }),
    )
      .input(record(reading('a', 1), { atMs: 0 }), watermark(1_000), endOfInput)
      .expect(record('50: 1'), record('150: 0'), watermark(1_000), endOfInput)
      .survivesRestoreAtEveryStep({ parallelism: [1, 2] });
  });
});

const KEYS = 16_000;

async function relieve(chain: OperatorChain): Promise<void> {
  while (chain.needsRelief) await chain.relieve();
}

async function entriesOf(harness: ChainHarness<number>, checkpointId: number): Promise<number> {
  await harness.snapshot(checkpointId);
  return harness.chains[0]?.metrics.stateEntries ?? NaN;
}

describe.each(['event', 'processing'] as const)('cleaning by %s time', (time) => {
  test('takes all that is over, in memory and out of it, some at a time', async () => {
    const ttl: TtlOptions = { duration: 1_000, time };
    const harness = await ChainHarness.open<number>({
      cacheEntriesMax: 500,
      parallelism: 1,
      operators: (input) =>
        input
          .keyBy((n) => n % KEYS)
          .process({
            state: {
              value: valueState<number>({ ttl }),
              list: listState<number>({ ttl }),
              map: mapState<string, number>({ ttl }),
            },
            onRecord(n, { state }) {
              state.value.update(n);
              state.list.add(n);
              state.map.put('x', n);
            },
          }),
    });
    const chain = harness.chains[0] as OperatorChain;
    for (let from = 0; from < KEYS; from += 1_000) {
      harness.send(Array.from({ length: 1_000 }, (_, index) => ({ value: from + index, atMs: 1 })));
      await relieve(chain);
    }
    const full = await entriesOf(harness, 1);
    // A value, a head and a chunk of each list, a head and an entry of each map, and when to look at each of the three.
    expect(full).toBe(KEYS * 8);
    const expiredCount = (): number => {
      const expired = chain.operatorMetrics().find(({ name }) => name === 'state.expired');
      return expired?.kind === 'gauge' ? expired.max : NaN;
    };
    let steps = 0;
    for (let before = 0; before < KEYS * 3 && steps < 100; steps++) {
      // 10 ms of the wall clock are between two looks where no record comes.
      if (time === 'event' && steps === 0) harness.watermark(2_000);
      else harness.processingTime(2_000 + steps * 10);
      await relieve(chain);
      expect(expiredCount() - before).toBeLessThanOrEqual(8_192);
      before = expiredCount();
    }
    expect(steps).toBeGreaterThan(5);
    expect(steps).toBeLessThan(12);
    harness.processingTime(4_000);
    expect(await entriesOf(harness, 2)).toBe(0);
    await harness.close();
  });
});
