/* oxlint-disable vitest/expect-expect -- verifyOperator asserts */
import { expect, test } from 'vitest';
import { clusterWith, nearestCentre, streamingKMeans, type Centres } from '@millrace/api';
import { ChainHarness } from './chain-harness.ts';
import { endOfInput, record, verifyOperator, watermark } from './verify-operator.ts';

interface Reading {
  readonly machine: string;
  readonly celsius: number;
}

const reading = (celsius: number, atMs: number, machine = 'm') =>
  record<Reading>({ machine, celsius }, { atMs });
const features = ({ celsius }: Reading): readonly number[] => [celsius];

test('streamingKMeans gives each record its cluster, and the centres from time to time and at the end', async () => {
  await verifyOperator<Reading>((input) => {
    const { clustered, centres } = streamingKMeans(
      input.keyBy(({ machine }) => machine),
      { k: 2, features, every: 10, warmUp: 0 },
    );
    return {
      clustered: clustered.map(
        ({ record: { celsius }, cluster, distance }) => `${celsius}: ${cluster} at ${distance}`,
      ),
      centres: centres.map(
        (at) =>
          `${at.key} ${at.atMs} ${at.count}: ${at.centres.map(({ centre, weight }) => `${centre.join()}×${weight}`).join(' ')}`,
      ),
    };
  })
    .input(
      reading(0, 3),
      reading(10, 1),
      reading(2, 2),
      watermark(9),
      reading(14, 12),
      // Late: it moves its centre, and the next ones are sent in time.
      reading(1, 4),
      watermark(15),
      endOfInput,
    )
    .expect(
      record('0: 0 at 0', { output: 'clustered' }),
      record('10: 1 at 0', { output: 'clustered' }),
      record('2: 0 at 2', { output: 'clustered' }),
      record('m 9 3: 1×2 10×1', { output: 'centres' }),
      watermark(9),
      record('14: 1 at 4', { output: 'clustered' }),
      record('1: 0 at 0', { output: 'clustered' }),
      watermark(15),
      record('m 19 5: 1×3 12×2', { output: 'centres' }),
      endOfInput,
    )
    .survivesRestoreAtEveryStep({ parallelism: [1, 3] });
});

test('a stream without a key is clustered as a whole, from given centres and with a half-life', async () => {
  await verifyOperator<Reading>((input) => {
    const options = { k: 2, features, centres: [[0], [100]], halfLife: { time: 10 }, every: '1 s' } as const;
    const { clustered, centres } = streamingKMeans(input, options);
    return {
      clustered: clustered.map(({ cluster }) => cluster),
      centres: centres.map((at) => at.centres.map(({ centre }) => centre[0])),
    };
  })
    .input(reading(90, 10, 'a'), reading(4, 20, 'b'), endOfInput)
    .expect(
      record(1, { output: 'clustered' }),
      record(0, { output: 'clustered' }),
      record([4 / 1.5, 95], { output: 'centres' }),
      endOfInput,
    )
    .survivesRestoreAtEveryStep({ parallelism: [1, 3] });
});

test('nearestCentre classes points of another stream by centres that were sent', () => {
  const centres = [
    { cluster: 0, centre: [0, 0], weight: 1 },
    { cluster: 1, centre: [3, 4], weight: 1 },
  ];
  expect(nearestCentre({ centres }, [3, 5])).toEqual({ cluster: 1, distance: 1 });
});

test('a point that is none fails the record, and wrong options the graph', async () => {
  const open = (bad: readonly number[]) =>
    ChainHarness.open<Reading>({
      operators: (input) => streamingKMeans(input, { k: 2, features: () => bad }).clustered,
      parallelism: 1,
    });
  for (const [bad, message] of [
    [[NaN], 'all have to be finite numbers'],
    [[], 'an array of 1 to 1000 numbers'],
  ] as const) {
    const harness = await open(bad);
    expect(() => harness.send([{ value: { machine: 'm', celsius: 1 }, atMs: 1 }])).toThrow(message);
    await harness.close();
  }
  const build = (options: object) => () =>
    ChainHarness.open<Reading>({
      operators: (input) => streamingKMeans(input, { k: 2, features, ...options }).clustered,
      parallelism: 1,
    });
  await expect(build({ k: 0 })()).rejects.toThrow('`k` of streamingKMeans()');
  await expect(build({ centres: [[1]] })()).rejects.toThrow('write 2 arrays of equally many finite numbers');
  await expect(build({ halfLife: { records: 0 } })()).rejects.toThrow('`halfLife`');
  await expect(build({ warmUp: 20_000 })()).rejects.toThrow('`warmUp`');
});

test('clusterWith classes records by the newest centres of their key', async () => {
  const centresOf = (...all: number[]) => all.map((at, cluster) => ({ cluster, centre: [at], weight: 1 }));
  interface Either extends Centres<string> {
    readonly x?: number;
  }
  const none = { key: 'nobody', atMs: 0, count: 0, centres: [] };
  const point = (key: string, x: number) => record<Either>({ ...none, count: key.length, x }, { atMs: x });
  const newest = (key: string, ...all: number[]) =>
    record<Either>({ ...none, key, centres: centresOf(...all) });
  await verifyOperator<Either>((input) =>
    clusterWith(input, input, {
      features: ({ x }) => [x ?? 0],
      key: ({ count }) => (count === 1 ? 'a' : 'bb'),
    })
      .filter(({ record: { x } }) => x !== undefined)
      .map(({ record: { x }, cluster, distance }) => `${x}: ${cluster}, ${distance}`),
  )
    .input(
      point('a', 1),
      watermark(-9),
      newest('a', 0, 10),
      watermark(-8),
      point('a', 2),
      point('bb', 3),
      watermark(-7),
      newest('bb', 4),
      watermark(-6),
      point('bb', 5),
      watermark(-5),
      newest('a', 9),
      watermark(-4),
      point('a', 6),
      endOfInput,
    )
    .expect(
      record('1: -1, Infinity', { atMs: 1 }),
      watermark(-9),
      watermark(-8),
      record('2: 0, 2', { atMs: 2 }),
      record('3: -1, Infinity', { atMs: 3 }),
      watermark(-7),
      watermark(-6),
      record('5: 0, 1', { atMs: 5 }),
      watermark(-5),
      watermark(-4),
      record('6: 0, 3', { atMs: 6 }),
      endOfInput,
    )
    .survivesRestoreAtEveryStep({ parallelism: [1, 3] });
});
