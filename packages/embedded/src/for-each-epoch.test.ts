import { defineJob, forEachEpoch, fromArray, generate, type Epoch } from '@millrace/api';
import { expect, test } from 'vitest';
import { executeJob } from './execute-job.ts';

type Call = string;

/** Notes its calls; `isWanted` says which epochs are. */
function noting(calls: Call[], isWanted: (epoch: Epoch) => boolean | void = () => undefined) {
  return forEachEpoch<number>({
    open: (epoch) => {
      calls.push(`open ${epoch.partition}/${epoch.partitions} ${epoch.epoch}`);
      return isWanted(epoch);
    },
    process: (n) => void calls.push(`${n}`),
    close: (error) => void calls.push(error === undefined ? 'close' : `close: ${(error as Error).message}`),
  });
}

test('an epoch is opened before its first record and closed at its checkpoint', async () => {
  const calls: Call[] = [];
  await executeJob(defineJob('one', (env) => void env.source(fromArray([1, 2, 3])).sink(noting(calls))));
  expect(calls).toEqual(['open 0/1 1', '1', '2', '3', 'close']);
});

test('epochs count up with the checkpoints, in each partition, and each record is in one', async () => {
  const calls: Call[] = [];
  const job = defineJob(
    'many',
    (env) =>
      void env.source(generate({ count: 400, ratePerSecond: 1_000 }, (index) => index)).sink(noting(calls)),
    { checkpoint: { interval: '20 ms' } },
  );
  await executeJob(job);
  const epochs = calls.filter((call) => call.startsWith('open')).map((call) => Number(call.split(' ')[2]));
  expect(epochs.length).toBeGreaterThan(1);
  expect(epochs).toEqual([...new Set(epochs)].sort((a, b) => a - b));
  expect(calls.filter((call) => call === 'close')).toHaveLength(epochs.length);
  expect(calls.filter((call) => /^\d+$/.test(call))).toHaveLength(400);
});

test('records of an epoch that `open` does not want are left out, and the epoch is closed all the same', async () => {
  const calls: Call[] = [];
  const sink = noting(calls, () => false);
  await executeJob(defineJob('none', (env) => void env.source(fromArray([1, 2])).sink(sink)));
  expect(calls).toEqual(['open 0/1 1', 'close']);
});

test('an epoch that fails is closed with the error, and comes again under its number', async () => {
  const calls: Call[] = [];
  let failures = 1;
  const job = defineJob(
    'fails',
    (env) =>
      void env.source(fromArray([1, 2])).sink(
        forEachEpoch<number>({
          open: ({ epoch }) => void calls.push(`open ${epoch}`),
          process: (n) => {
            if (n === 2 && failures-- > 0) throw new Error('no room');
            calls.push(`${n}`);
          },
          close: (error) =>
            void calls.push(error === undefined ? 'close' : `close: ${(error as Error).message}`),
        }),
      ),
    { restart: { type: 'fixed-delay', delay: 0, attempts: 3 } },
  );
  await executeJob(job);
  expect(calls).toEqual(['open 1', '1', 'close: no room', 'open 1', '1', '2', 'close']);
});

test('what is no writer is refused when the graph is built', () => {
  for (const writer of [{}, { process: 5 }, { process: () => {}, write: () => {} }, null])
    expect(() => forEachEpoch(writer as never)).toThrow(
      expect.objectContaining({ code: 'MR_OPTION_INVALID' }) as Error,
    );
  expect(() => forEachEpoch({ process: (async () => {}) as () => void })).toThrow(
    expect.objectContaining({ code: 'MR_PROMISE_RETURNED' }) as Error,
  );
});
