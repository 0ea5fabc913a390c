import { expect, test } from 'vitest';
import { tumbling, type DataStream, type OpenContext } from '@millrace/api';
import { ChainHarness } from './chain-harness.ts';

test('counters, gauges and histograms of functions are told by operator and name', async () => {
  const harness = await ChainHarness.open<number>({
    parallelism: 1,
    operators: (input: DataStream<number>) => {
      let greatest = 0;
      return input
        .process({
          open({ metrics }) {
            metrics.gauge('greatest', () => greatest);
            metrics.gauge('broken', () => {
              throw new Error('no gauge');
            });
          },
          onRecord(n, { metrics }) {
            greatest = Math.max(greatest, n);
            metrics.counter('seen').inc();
            metrics.counter('sum').inc(n);
            metrics.histogram('sizes').update(n);
            return [n];
          },
        })
        .name('measuring')
        .map({
          map(n: number, { metrics }: OpenContext) {
            metrics.counter('seen').inc();
            return n;
          },
        })
        .name('behind');
    },
  });
  harness.send([1, 2, 3].map((value) => ({ value })));
  const [chain] = harness.chains;
  const operator = 'measuring';
  expect(chain?.operatorMetrics()).toEqual([
    { operator, name: 'greatest', kind: 'gauge', min: 3, max: 3, sum: 3 },
    { operator, name: 'seen', kind: 'counter', count: 3 },
    { operator, name: 'sum', kind: 'counter', count: 6 },
    {
      operator,
      name: 'sizes',
      kind: 'histogram',
      count: 3,
      sum: 6,
      min: 1,
      max: 3,
      buckets: expect.any(Array) as unknown,
    },
    { operator: 'behind', name: 'seen', kind: 'counter', count: 3 },
  ]);
  await harness.close();
});

test('a name has one kind, and an operator so many metrics', async () => {
  const opening = (open: (context: OpenContext) => void) =>
    ChainHarness.open<number>({
      parallelism: 1,
      operators: (input) => input.process({ open, onRecord: () => undefined }),
    });
  await expect(
    opening(({ metrics }) => {
      metrics.counter('x');
      metrics.histogram('x');
    }),
  ).rejects.toMatchObject({
    code: 'MR_OPTION_INVALID',
    message: expect.stringContaining('in two ways') as string,
  });
  await expect(
    opening(({ metrics }) => {
      for (let index = 0; index <= 100; index++) metrics.counter(`c${index}`);
    }),
  ).rejects.toMatchObject({ message: expect.stringContaining('has 100 already') as string });
});

test('window functions have metrics as well', async () => {
  const harness = await ChainHarness.open<number>({
    parallelism: 1,
    operators: (input) =>
      input
        .keyBy((n) => n)
        .window(tumbling(10))
        .process({
          open: ({ metrics }) => metrics.counter('opened').inc(),
          process(_key, records, _window, { metrics }) {
            metrics.histogram('records').update([...records].length);
            return [];
          },
        }),
  });
  harness.send([{ value: 1, atMs: 0 }]);
  harness.watermark(20);
  expect(harness.chains[0]?.operatorMetrics()).toMatchObject([
    { name: 'opened', count: 1 },
    { name: 'records', kind: 'histogram', count: 1, max: 1 },
  ]);
  await harness.close();
});
