import { describe, expect, test } from 'vitest';
import type { DataStream, LookupJoinOptions } from '@millrace/api';
import { ChainHarness } from './chain-harness.ts';
import { endOfInput, record, verifyOperator, watermark } from './verify-operator.ts';

interface Order {
  readonly id: number;
  readonly user: string;
}

/** A table in another system that says what it was asked. */
class Users {
  readonly asked: string[] = [];
  failures = 0;

  city(user: string): Promise<string | undefined> {
    this.asked.push(user);
    if (this.failures > 0) {
      this.failures--;
      return Promise.reject(new Error('busy'));
    }
    return Promise.resolve(user === 'nobody' ? undefined : `city of ${user}`);
  }

  async cities(users: readonly string[]): Promise<readonly (string | undefined)[]> {
    this.asked.push(users.join('+'));
    return users.map((user) => (user === 'nobody' ? undefined : `city of ${user}`));
  }
}

type Options = Omit<
  LookupJoinOptions<Order, string, string, 'left', string>,
  'recordKey' | 'select' | 'type'
>;

const joined = (options: Options) => (input: DataStream<Order>) =>
  input.lookupJoin<string, string, string, 'left'>({
    ...options,
    recordKey: ({ user }) => user,
    type: 'left',
    select: ({ id }, city: string | undefined) => `${id} ${city ?? 'none'}`,
  });

async function run(
  options: Options,
  steps: readonly (readonly Order[] | number)[],
): Promise<readonly unknown[]> {
  const harness = await ChainHarness.open<Order>({ operators: joined(options), parallelism: 1 });
  for (const step of steps) {
    if (typeof step === 'number') harness.processingTime(step);
    else harness.send(step.map((value) => ({ value })));
    await harness.settle();
  }
  harness.endInput();
  await harness.settle();
  await harness.close();
  return harness.emitted.map(({ record }) => record);
}

const order = (id: number, user: string): Order => ({ id, user });

describe('a lookup join', () => {
  test('asks once for equal keys, and remembers rows and that there is none', async () => {
    const users = new Users();
    const results = await run({ lookup: (user) => users.city(user) }, [
      [order(1, 'a'), order(2, 'a'), order(3, 'nobody')],
      [order(4, 'a'), order(5, 'nobody')],
    ]);
    expect(results).toEqual(['1 city of a', '2 city of a', '3 none', '4 city of a', '5 none']);
    expect(users.asked).toEqual(['a', 'nobody']);
  });

  test('asks again when the time to live is over, for rows and for none each after its own', async () => {
    const users = new Users();
    await run({ lookup: (user) => users.city(user), cache: { ttl: '10 ms', negativeTtl: '3 ms' } }, [
      [order(1, 'a'), order(2, 'nobody')],
      5,
      [order(3, 'a'), order(4, 'nobody')],
      10,
      [order(5, 'a')],
    ]);
    expect(users.asked).toEqual(['a', 'nobody', 'nobody', 'a']);
  });

  test('forgets the row that was used longest ago where the cache is full, and has none with 0', async () => {
    const users = new Users();
    const steps = [
      [order(1, 'a')],
      [order(2, 'b')],
      [order(3, 'a')],
      [order(4, 'c')],
      [order(5, 'a')],
      [order(6, 'b')],
    ];
    await run({ lookup: (user) => users.city(user), cache: { entriesMax: 2 } }, steps);
    expect(users.asked).toEqual(['a', 'b', 'c', 'b']);
    const uncached = new Users();
    await run({ lookup: (user) => uncached.city(user), cache: { entriesMax: 0 } }, steps);
    expect(uncached.asked).toEqual(['a', 'b', 'a', 'c', 'a', 'b']);
  });

  test('asks anew for a key whose answer did not come in time', async () => {
    let asked = 0;
    const lookup = (user: string) =>
      ++asked === 1 ? new Promise<string>(() => undefined) : Promise.resolve(`city of ${user}`);
    const harness = await ChainHarness.open<Order>({
      operators: (input) => joined({ lookup, timeout: '5 ms' })(input).onError('skip'),
      parallelism: 1,
    });
    harness.send([{ value: order(1, 'a') }, { value: order(2, 'a') }]);
    await harness.settle();
    harness.processingTime(5);
    await harness.settle();
    harness.send([{ value: order(3, 'a') }]);
    await harness.settle();
    harness.endInput();
    await harness.settle();
    await harness.close();
    expect(harness.emitted.map(({ record }) => record)).toEqual(['3 city of a']);
    expect(asked).toBe(2);
  });

  test('asks for several keys in one call, when there are enough or the first has waited long enough', async () => {
    const users = new Users();
    const results = await run(
      { lookupAll: (keys) => users.cities(keys), batch: { keysMax: 2, delay: '5 ms' } },
      [[order(1, 'a'), order(2, 'b'), order(3, 'nobody')], 5, [order(4, 'a')]],
    );
    expect(users.asked).toEqual(['a+b', 'nobody']);
    expect(results).toEqual(['1 city of a', '2 city of b', '3 none', '4 city of a']);
  });

  test('does not remember what failed: a retry asks again', async () => {
    const users = new Users();
    users.failures = 1;
    const results = await run(
      { lookup: (user) => users.city(user), retry: { attempts: 2, initialDelay: '1 ms' } },
      [[order(1, 'a')], 1, 2],
    );
    expect(results).toEqual(['1 city of a']);
    expect(users.asked).toEqual(['a', 'a']);
  });

  test('keeps event time, early and late, and survives what the harness does to it', async () => {
    const lookup = async (user: string) => (user === 'nobody' ? undefined : `city of ${user}`);
    await verifyOperator<Order>(joined({ lookup }))
      .input(
        record(order(2, 'a'), { atMs: 2 }),
        record(order(1, 'nobody'), { atMs: 1 }),
        watermark(2),
        record(order(0, 'a'), { atMs: 0 }),
        endOfInput,
      )
      .expect(
        record('2 city of a', { atMs: 2 }),
        record('1 none', { atMs: 1 }),
        watermark(2),
        record('0 city of a', { atMs: 0 }),
        endOfInput,
      )
      .survivesRestoreAtEveryStep({ parallelism: [1, 3] });
    await verifyOperator<Order>(joined({ lookup }))
      .input(watermark(3), endOfInput)
      .expect(watermark(3), endOfInput)
      .survivesRestoreAtEveryStep({ parallelism: [1, 2] });
  });

  test('of the type inner leaves out records without a row', async () => {
    const users = new Users();
    const harness = await ChainHarness.open<Order>({
      operators: (input) =>
        input.lookupJoin({
          recordKey: ({ user }) => user,
          lookup: (user) => users.city(user),
          select: ({ id }, city) => `${id} ${city.length}`,
        }),
      parallelism: 1,
    });
    harness.send([{ value: order(1, 'nobody') }, { value: order(2, 'a') }]);
    await harness.settle();
    expect(harness.emitted.map(({ record }) => record)).toEqual(['2 9']);
    await harness.close();
  });

  test('is refused without a function, with two, or with a batch of single lookups', async () => {
    const open = (options: unknown) =>
      ChainHarness.open<Order>({ operators: joined(options as Options), parallelism: 1 });
    await expect(open({})).rejects.toThrow('of no function');
    await expect(open({ lookup: () => 1, lookupAll: () => 1 })).rejects.toThrow('of two functions');
    await expect(open({ lookup: () => 1, batch: { keysMax: 2 } })).rejects.toThrow('give `lookupAll`');
    await expect(open({ lookup: () => 1, cache: { size: 2 } })).rejects.toThrow('Unknown option "size"');
  });
});
