import { describe, expect, test } from 'vitest';
import type { AsyncOptions, DataStream } from '@millrace/api';
import { ChainHarness } from './chain-harness.ts';
import type { HarnessSnapshot, OperatorsUnderTest } from './harness-options.ts';
import { endOfInput, processingTime, record, verifyOperator, watermark } from './verify-operator.ts';

interface Order {
  readonly id: number;
  readonly user: string;
}

const order = (id: number, user = 'u'): Order => ({ id, user });

/** Another system whose answers a test gives itself. */
class Service {
  readonly asked: number[] = [];
  readonly signals: AbortSignal[] = [];
  readonly #open = new Map<number, PromiseWithResolvers<string>[]>();

  ask(id: number, signal?: AbortSignal): Promise<string> {
    this.asked.push(id);
    if (signal !== undefined) this.signals.push(signal);
    const { promise, resolve, reject } = withResolvers<string>();
    this.#open.set(id, [...(this.#open.get(id) ?? []), { promise, resolve, reject }]);
    return promise;
  }

  answer(...ids: readonly number[]): void {
    for (const id of ids) this.#take(id)?.resolve(`answer ${id}`);
  }

  fail(id: number): void {
    this.#take(id)?.reject(new Error(`no answer ${id}`));
  }

  #take(id: number): PromiseWithResolvers<string> | undefined {
    return this.#open.get(id)?.shift();
  }
}

interface PromiseWithResolvers<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (error: Error) => void;
}

/** Node 20 has no `Promise.withResolvers`. */
function withResolvers<T>(): PromiseWithResolvers<T> {
  let resolve: (value: T) => void = () => undefined;
  let reject: (error: Error) => void = () => undefined;
  const promise = new Promise<T>((onValue, onError) => {
    resolve = onValue;
    reject = onError;
  });
  return { promise, resolve, reject };
}

function asking(service: Service, options: AsyncOptions<string> = {}): OperatorsUnderTest<Order> {
  return (input) => input.mapAsync(({ id }, { signal }) => service.ask(id, signal), options);
}

async function open(
  operators: OperatorsUnderTest<Order>,
  restore?: HarnessSnapshot,
  from?: ChainHarness<Order>,
  parallelism = 1,
): Promise<ChainHarness<Order>> {
  return ChainHarness.open<Order>({
    operators,
    parallelism,
    ...(restore === undefined ? {} : { restore, attemptNumber: restore.checkpointId + 1 }),
    ...(from === undefined ? {} : { blobStore: from.blobStore }),
  });
}

const results = (harness: ChainHarness<Order>): unknown[] => harness.emitted.map((each) => each.record);

async function send(harness: ChainHarness<Order>, ...orders: readonly Order[]): Promise<void> {
  harness.send(orders.map((value) => ({ value, atMs: value.id })));
  await harness.settle();
}

describe('asynchronous operators', () => {
  test('results keep event time, in the order of their records; a synchronous answer needs no promise', async () => {
    await verifyOperator<Order>((input) =>
      input.mapAsync(({ id }) => (id % 2 === 0 ? id : Promise.resolve(id)), { capacity: 2 }),
    )
      .input(
        ...[1, 2, 3, 4, 5].map((id) => record(order(id), { atMs: id })),
        watermark(5),
        record(order(6), { atMs: 6 }),
        processingTime(1),
        record(order(7), { atMs: 7 }),
        endOfInput,
      )
      .expect(
        ...[1, 2, 3, 4, 5].map((id) => record(id, { atMs: id })),
        watermark(5),
        record(6, { atMs: 6 }),
        processingTime(1),
        record(7, { atMs: 7 }),
        endOfInput,
      )
      .survivesRestoreAtEveryStep({ parallelism: [1, 3] });
  });

  test('keyed records, and answers of many records, survive what the harness does to them', async () => {
    await verifyOperator<Order>((input) =>
      input
        .keyBy(({ user }) => user)
        .flatMapAsync(async ({ id, user }) => Array.from({ length: id }, (_, index) => `${user}${index}`), {
          order: 'unordered',
        }),
    )
      .input(record(order(2, 'a')), record(order(0, 'b')), record(order(1, 'c')), endOfInput)
      .expect(record('a0'), record('a1'), record('c0'), endOfInput)
      .survivesRestoreAtEveryStep({ parallelism: [1, 2] });
  });

  test('without input there is no output', async () => {
    await verifyOperator<Order>((input) => input.mapAsync(async ({ id }) => id))
      .input(watermark(3), endOfInput)
      .expect(watermark(3), endOfInput)
      .survivesRestoreAtEveryStep({ parallelism: [1, 2] });
  });

  test('ordered, a slow answer holds back those behind it', async () => {
    const service = new Service();
    const harness = await open(asking(service));
    await send(harness, order(1), order(2), order(3));
    service.answer(3, 2);
    await harness.settle();
    expect(results(harness)).toEqual([]);
    service.answer(1);
    await harness.settle();
    expect(results(harness)).toEqual(['answer 1', 'answer 2', 'answer 3']);
    await harness.close();
  });

  test('unordered, answers leave as they come, but not before a watermark that came before their record', async () => {
    const service = new Service();
    const harness = await open(asking(service, { order: 'unordered' }));
    await send(harness, order(1), order(2));
    harness.watermark(2);
    await send(harness, order(3));
    service.answer(3, 2);
    await harness.settle();
    expect(results(harness)).toEqual(['answer 2']);
    expect(harness.chains[0]?.inFlight?.releasedWatermarkMs).toBe(-Infinity);
    service.answer(1);
    await harness.settle();
    expect(results(harness)).toEqual(['answer 2', 'answer 1', 'answer 3']);
    expect(harness.chains[0]?.inFlight?.releasedWatermarkMs).toBe(2);
    await harness.close();
  });

  test('in the order per key, only records of the same key wait', async () => {
    const service = new Service();
    const harness = await open((input) =>
      input.keyBy(({ user }) => user).mapAsync(({ id }) => service.ask(id)),
    );
    await send(harness, order(1, 'a'), order(2, 'a'), order(3, 'b'));
    service.answer(2, 3);
    await harness.settle();
    expect(results(harness)).toEqual(['answer 3']);
    service.answer(1);
    await harness.settle();
    expect(results(harness)).toEqual(['answer 3', 'answer 1', 'answer 2']);
    await harness.close();
  });

  test('no more calls are made than the capacity allows, and the chain says that it is full', async () => {
    const service = new Service();
    const harness = await open(asking(service, { capacity: 2 }));
    await send(harness, order(1), order(2), order(3), order(4));
    expect(service.asked).toEqual([1, 2]);
    expect(harness.chains[0]?.inFlight?.isFull).toBe(true);
    service.answer(2);
    await harness.settle();
    // The answer has come, but it has not left: it still takes its place.
    expect(service.asked).toEqual([1, 2]);
    service.answer(1);
    await harness.settle();
    expect(service.asked).toEqual([1, 2, 3, 4]);
    service.answer(3, 4);
    await harness.settle();
    expect(harness.chains[0]?.inFlight?.isFull).toBe(false);
    expect(results(harness)).toHaveLength(4);
    await harness.close();
  });

  test('what is in flight is in the snapshot and is asked again, whatever the parallelism', async () => {
    for (const parallelism of [1, 2]) {
      const service = new Service();
      const keyed: OperatorsUnderTest<Order> = (input) =>
        input.keyBy(({ user }) => user).mapAsync(({ id }) => service.ask(id), { capacity: 2 });
      const first = await open(keyed);
      await send(first, order(1, 'a'), order(2, 'a'), order(3, 'b'), order(4, 'a'));
      service.answer(2);
      await first.settle();
      const snapshot = await first.snapshot(1);
      await first.close();
      const again = new Service();
      const second = await open(
        (input) => input.keyBy(({ user }) => user).mapAsync(({ id }) => again.ask(id)),
        snapshot,
        first,
        parallelism,
      );
      await second.settle();
      expect(again.asked.toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4]);
      again.answer(4, 3, 2);
      await second.settle();
      expect(results(second)).toEqual(['answer 3']);
      again.answer(1);
      await second.settle();
      expect(results(second)).toEqual(['answer 3', 'answer 1', 'answer 2', 'answer 4']);
      expect(second.emitted.map(({ timestampMs }) => timestampMs)).toEqual([3, 1, 2, 4]);
      // Nothing is left, neither in flight nor in the next snapshot.
      const empty = await second.snapshot(2);
      const third = await open(asking(new Service()), undefined);
      expect(
        empty.operators
          .flat()
          .flatMap(({ keyedFiles }) => keyedFiles.flatMap(({ runs }) => runs))
          .reduce((sum, { entryCount }) => sum + entryCount, 0),
      ).toBe(0);
      await third.close();
      await second.close();
    }
  });

  test('records without a key keep their order over a restore', async () => {
    const service = new Service();
    const first = await open(asking(service));
    await send(first, order(1), order(2), order(3));
    const snapshot = await first.snapshot(1);
    await first.close();
    const again = new Service();
    const second = await open(asking(again), snapshot, first);
    await second.settle();
    again.answer(3, 2, 1);
    await second.settle();
    expect(results(second)).toEqual(['answer 1', 'answer 2', 'answer 3']);
    await second.close();
  });

  test('the end of input waits for the answers', async () => {
    const service = new Service();
    const harness = await open(asking(service));
    await send(harness, order(1));
    harness.endInput();
    await harness.settle();
    expect(harness.chains[0]?.isAwaitingResults).toBe(true);
    service.answer(1);
    await harness.settle();
    expect(results(harness)).toEqual(['answer 1']);
    expect(harness.chains[0]?.isAwaitingResults).toBe(false);
    await harness.close();
  });
});

describe('failing asynchronous functions', () => {
  test('a call that fails is made again after a delay that grows, until one succeeds', async () => {
    const service = new Service();
    const attempts: number[] = [];
    const harness = await open((input) =>
      input.mapAsync(
        ({ id }, { attempt }) => {
          attempts.push(attempt);
          return service.ask(id);
        },
        { retry: { attempts: 4, initialDelay: 10, multiplier: 2, maxDelay: 15 } },
      ),
    );
    await send(harness, order(1));
    const askedAt = async (nowMs: number): Promise<number> => {
      harness.processingTime(nowMs);
      await harness.settle();
      return service.asked.length;
    };
    service.fail(1);
    await harness.settle();
    expect([await askedAt(9), await askedAt(10)]).toEqual([1, 2]);
    service.fail(1);
    await harness.settle();
    expect([await askedAt(24), await askedAt(25)]).toEqual([2, 3]);
    service.answer(1);
    await harness.settle();
    expect(results(harness)).toEqual(['answer 1']);
    expect(attempts).toEqual([1, 2, 3]);
    await harness.close();
  });

  test('a retry without a delay stays without one, however far that is multiplied', async () => {
    const service = new Service();
    const harness = await open((input) =>
      input.mapAsync(({ id }) => service.ask(id), {
        retry: { attempts: 4, initialDelay: 0, multiplier: 1e200, maxDelay: 15 },
      }),
    );
    await send(harness, order(1));
    for (const nowMs of [1, 2, 3]) {
      service.fail(1);
      await harness.settle();
      harness.processingTime(nowMs);
      await harness.settle();
    }
    service.answer(1);
    await harness.settle();
    expect(results(harness)).toEqual(['answer 1']);
    expect(service.asked).toHaveLength(4);
    await harness.close();
  });

  test('retries may hang on the error and on the result', async () => {
    const service = new Service();
    const harness = await open((input) =>
      input
        .mapAsync(({ id }) => service.ask(id), {
          retry: {
            attempts: 2,
            initialDelay: 1,
            onError: (error) => !String(error).includes('2'),
            onResult: (result) => result === 'answer 1',
          },
        })
        .onError('skip'),
    );
    await send(harness, order(1), order(2), order(3));
    service.answer(1, 3);
    service.fail(2);
    await harness.settle();
    harness.processingTime(1);
    await harness.settle();
    expect(service.asked).toEqual([1, 2, 3, 1]);
    // The last answer counts, whatever it is.
    service.answer(1);
    await harness.settle();
    expect(results(harness)).toEqual(['answer 1', 'answer 3']);
    expect(harness.chains[0]?.drops.counts.skipped).toBe(1);
    await harness.close();
  });

  test('an error fails the job, and names operator and record', async () => {
    const service = new Service();
    const harness = await open(asking(service));
    await send(harness, order(7));
    service.fail(7);
    await expect(harness.settle()).rejects.toMatchObject({
      code: 'MR_USER_FUNCTION',
      message: expect.stringMatching(/asynchronous function of "mapAsync".*no answer 7/) as string,
    });
  });

  test('a call that throws before it gives a promise is an error like any other', async () => {
    const harness = await open((input) =>
      input
        .mapAsync(({ id }) => {
          if (id === 1) throw new Error('at once');
          return id;
        })
        .onError('skip'),
    );
    await send(harness, order(1), order(2));
    expect(results(harness)).toEqual([2]);
    expect(harness.chains[0]?.drops.counts.skipped).toBe(1);
    await harness.close();
  });

  test('a record whose time is over fails or takes its substitute; its call is aborted, its answer is dropped', async () => {
    for (const hasSubstitute of [false, true]) {
      const service = new Service();
      const harness = await open((input) =>
        input
          .mapAsync(
            {
              invoke: ({ id }, { signal }) => service.ask(id, signal),
              ...(hasSubstitute ? { timeout: ({ id }: Order) => `nothing ${id}` } : {}),
            },
            { timeout: 100 },
          )
          .onError('skip'),
      );
      await send(harness, order(1));
      harness.processingTime(50);
      await send(harness, order(2));
      harness.processingTime(100);
      await harness.settle();
      expect(service.signals.map(({ aborted }) => aborted)).toEqual([true, false]);
      service.answer(1, 2);
      await harness.settle();
      expect(results(harness)).toEqual(hasSubstitute ? ['nothing 1', 'answer 2'] : ['answer 2']);
      expect(harness.chains[0]?.drops.counts.skipped).toBe(hasSubstitute ? 0 : 1);
      if (!hasSubstitute)
        expect(harness.chains[0]?.drops.samples[0]).toMatchObject({ code: 'MR_ASYNC_TIMEOUT' });
      await harness.close();
    }
  });

  test('closing aborts what is under way', async () => {
    const service = new Service();
    const closed: string[] = [];
    const harness = await open((input: DataStream<Order>) =>
      input.mapAsync({
        open: ({ parallelism }) => void closed.push(`open ${parallelism}`),
        invoke: ({ id }, { signal }) => service.ask(id, signal),
        close: () => void closed.push('close'),
      }),
    );
    await send(harness, order(1));
    await harness.close();
    expect(service.signals[0]?.aborted).toBe(true);
    expect(closed).toEqual(['open 1', 'close']);
  });
});
