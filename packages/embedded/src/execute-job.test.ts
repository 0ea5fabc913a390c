import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { expect, test } from 'vitest';
import {
  boundedOutOfOrderness,
  count,
  defineJob,
  fromArray,
  generate,
  mapState,
  sum,
  tumbling,
  valueState,
} from '@millrace/api';
import { executeJob } from './execute-job.ts';

const lines = ['to be or not to be', 'that is the question'];

const wordCount = defineJob('word-count', (env) => {
  env
    .source(fromArray(lines))
    .flatMap((line) => line.split(' '))
    .keyBy((word) => word)
    .aggregate({ count: count() })
    .print({ format: ({ key, count: words }) => `${key} ${words}` });
});

test.each([1, 3])('a word count runs on the calling thread with parallelism %i', async (parallelism) => {
  const result = await executeJob(wordCount, { parallelism });
  expect(result.state).toBe('FINISHED');
  expect(result.jobName).toBe('word-count');
  expect(result.printed.map(({ text }) => text).sort()).toEqual([
    'be 1',
    'be 2',
    'is 1',
    'not 1',
    'or 1',
    'question 1',
    'that 1',
    'the 1',
    'to 1',
    'to 2',
  ]);
});

test('job.execute() finds the engine', async () => {
  const result = await wordCount.execute();
  expect(result.printed).toHaveLength(10);
});

test('windows of a bounded job fire before it ends, and closures of the caller are called', async () => {
  const seen: string[] = [];
  const job = defineJob('windows', (env) => {
    env
      .source(
        generate({ count: 100 }, (index) => ({
          key: index % 2 === 0 ? 'even' : 'odd',
          value: index,
          at: index * 100,
        })),
      )
      .watermarks(boundedOutOfOrderness('1 second', (record) => record.at))
      .keyBy((record) => record.key)
      .window(tumbling('5 seconds'))
      .aggregate({ total: sum((record) => record.value) })
      .forEach(({ key, windowStart, total }) => {
        seen.push(`${key} ${windowStart} ${total}`);
      });
  });
  const result = await executeJob(job, { parallelism: 2 });
  expect(result.dropped).toEqual({ late: 0, skipped: 0, deadLettered: 0 });
  expect(seen.sort()).toEqual(['even 0 600', 'even 5000 1850', 'odd 0 625', 'odd 5000 1875']);
});

test('the error of user code rejects with its code and a stack that names this file', async () => {
  const job = defineJob(
    'fails',
    (env) => {
      env
        .source(fromArray([1, 2, 3]))
        .map((n) => {
          if (n === 2) throw new Error('two');
          return n;
        })
        .print();
    },
    { restart: 'none' },
  );
  const error = await executeJob(job).then(
    () => undefined,
    (thrown: unknown) => thrown as Error,
  );
  expect(error).toMatchObject({ code: 'MR_USER_FUNCTION' });
  expect(error?.message).toContain('two');
});

test('a record that a function changes is MR_RECORD_MUTATED', async () => {
  const job = defineJob('mutates', (env) => {
    env
      .source(fromArray([{ n: 1 }]))
      .map((record) => {
        (record as { n: number }).n = 2;
        return record;
      })
      .print();
  });
  await expect(executeJob(job)).rejects.toMatchObject({ code: 'MR_RECORD_MUTATED' });
});

test('a signal cancels the job', async () => {
  const abort = new AbortController();
  const job = defineJob('endless', (env) => {
    env.source(generate({ ratePerSecond: 1_000 }, (index) => index)).forEach((index) => {
      if (index === 20) abort.abort();
    });
  });
  const result = await executeJob(job, { signal: abort.signal });
  expect(result.state).toBe('CANCELED');
});

test('parameters and arguments reach the program', async () => {
  const job = defineJob('parameters', (env) => {
    env
      .source(fromArray([env.params.string('greeting')]))
      .map((text) => text + env.params.number('times', 1))
      .print();
  });
  const result = await executeJob(job, {
    args: ['--greeting', 'hello', '--times=2'],
    params: { times: '3' },
  });
  expect(result.printed.map(({ text }) => text)).toEqual(['hello3']);
});

test('nothing is left behind in the temporary directory', async () => {
  const before = (await readdir(tmpdir())).filter((name) => name.startsWith('millrace-embedded-'));
  await executeJob(wordCount);
  const after = (await readdir(tmpdir())).filter((name) => name.startsWith('millrace-embedded-'));
  expect(after.filter((name) => !before.includes(name))).toEqual([]);
});

test.each([1, 3])(
  'two keyed streams share their state, and a broadcast one comes to all of %i subtasks',
  async (parallelism) => {
    const totals: string[] = [];
    const ruled: string[] = [];
    const opened: string[] = [];
    const job = defineJob('connected', (env) => {
      const orders = env.source(
        generate({ count: 60, splits: 3 }, (index) => ({ id: index % 4, amount: index })),
      );
      const payments = env.source(
        generate({ count: 40, splits: 2, name: 'payments' }, (index) => ({ order: index % 4, paid: 1 })),
      );
      const rules = env.source(fromArray([{ name: 'a' }, { name: 'b' }]), { name: 'rules' });
      orders
        .keyBy(({ id }) => id)
        .connect(payments.keyBy(({ order }) => order))
        .process({
          state: { orders: valueState({ initial: 0 }), paid: valueState({ initial: 0 }) },
          onFirst(_order, { state, timers }) {
            state.orders.update(state.orders.value() + 1);
            timers.registerEventTime(1);
          },
          onSecond({ paid }, { state }) {
            state.paid.update(state.paid.value() + paid);
          },
          onTimer: (_timer, { key, state }) => [`${key}: ${state.orders.value()} ${state.paid.value()}`],
        })
        .forEach((line) => {
          totals.push(line);
        });
      orders
        .keyBy(({ id }) => id)
        .connect(rules.broadcast({ rules: mapState<string, boolean>() }))
        .process({
          state: { seen: valueState({ initial: 0 }) },
          onRecord(_order, { timers }) {
            timers.registerEventTime(2);
          },
          onBroadcast: ({ name }, { broadcast }) => broadcast.rules.put(name, true),
          onTimer: (_timer, { key, broadcast }) => [`${key}: ${[...broadcast.rules.keys()].sort().join()}`],
        })
        .forEach({
          open: ({ subtaskIndex }) => void opened.push(`open ${subtaskIndex}`),
          forEach: (line) => void ruled.push(line),
          close: ({ subtaskIndex }) => void opened.push(`close ${subtaskIndex}`),
        });
    });
    expect((await executeJob(job, { parallelism })).state).toBe('FINISHED');
    expect(totals.sort()).toEqual(['0: 15 10', '1: 15 10', '2: 15 10', '3: 15 10']);
    expect(ruled.sort()).toEqual(['0: a,b', '1: a,b', '2: a,b', '3: a,b']);
    expect(opened).toHaveLength(2 * parallelism);
  },
);
