/* oxlint-disable vitest/expect-expect -- verifyOperator asserts */
// Percolation in event time: whichever comes first, a document meets the queries as of its time.
import { expect, test } from 'vitest';
import type { BlobStore } from '@millrace/common';
import { outputTag, percolate, type DataStream, type SearchCondition } from '@millrace/api';
import { ChainHarness } from './chain-harness.ts';
import type { HarnessSnapshot } from './harness-options.ts';
import { endOfInput, record, verifyOperator, watermark } from './verify-operator.ts';

const everyWay = { parallelism: [1, 3] };

/** Every record of the input comes over both edges: a document says nothing of a query, and a change has no fields. */
interface Either {
  readonly kind: 'insert' | 'updateBefore' | 'updateAfter' | 'delete';
  readonly row: { readonly id: string; readonly query: SearchCondition };
  readonly title?: string;
}

const nothing: SearchCondition = { match_all: {} };
const has = (title: string): SearchCondition => ({ match: { title } });
const document = (title: string, atMs: number) =>
  record<Either>({ kind: 'updateBefore', row: { id: 'none', query: nothing }, title }, { atMs });
const change = (kind: Either['kind'], id: string, query: SearchCondition, atMs: number) =>
  record<Either>({ kind, row: { id, query } }, { atMs });
const text = ({ title }: { readonly title?: string }, { id }: { readonly id: string }): string =>
  `${title} for ${id}`;
const timed = (input: DataStream<Either>) => percolate(input, input, { select: text, time: 'event' });
const match = (of: string, atMs: number) => record(of, { atMs });

test('a document waits for the watermark, and meets the queries as of its time, whichever came first', async () => {
  await verifyOperator<Either>(timed)
    .input(
      document('fox and hen', 5),
      document('old fox', 2),
      change('insert', 'fox', has('fox'), 3),
      change('updateAfter', 'fox', has('hen'), 6),
      document('hen again', 6),
      document('fox again', 6),
      watermark(5),
      change('delete', 'fox', nothing, 8),
      document('last hen', 7),
      document('no hen', 8),
      change('insert', 'all', has('hen'), 9),
      watermark(8),
      document('hen at the end', 9),
      endOfInput,
    )
    .expect(
      match('fox and hen for fox', 5),
      watermark(5),
      match('hen again for fox', 6),
      match('last hen for fox', 7),
      watermark(8),
      match('hen at the end for all', 9),
      endOfInput,
    )
    .survivesRestoreAtEveryStep(everyWay);
});

test('a late document goes to its output, once; a late change is taken at once', async () => {
  const late = outputTag<Either>('late');
  await verifyOperator<Either>((input) => {
    const main = percolate(input, input, { select: text, time: 'event', lateOutput: late });
    return { main, late: main.sideOutput(late).filter(({ title }) => title !== undefined) };
  })
    .input(
      watermark(10),
      document('fox', 10),
      change('insert', 'fox', has('fox'), 4),
      document('new fox', 11),
      endOfInput,
    )
    .expect(
      watermark(10),
      record(
        { kind: 'updateBefore', row: { id: 'none', query: nothing }, title: 'fox' },
        { atMs: 10, output: 'late' },
      ),
      match('new fox for fox', 11),
      endOfInput,
    )
    .survivesRestoreAtEveryStep(everyWay);
});

test('more matches than may be sent at once, and documents that fail, keep their order', async () => {
  const ids = Array.from({ length: 1_100 }, (_, index) => `q${String(index).padStart(4, '0')}`);
  await verifyOperator<Either>((input) =>
    percolate(input, input, {
      time: 'event',
      select: ({ title }, { id }) => {
        if (title === 'bad') throw new Error('no');
        return `${title} for ${id}`;
      },
    }).onError('skip'),
  )
    .input(
      document('good', 2),
      document('bad', 1),
      ...ids.map((id) => change('insert', id, { exists: { field: 'title' } }, 1)),
      watermark(1),
      endOfInput,
    )
    .expect(watermark(1), ...ids.map((id) => match(`good for ${id}`, 2)), endOfInput)
    .holds(everyWay);
});

test('an empty input gives nothing', async () => {
  await verifyOperator<Either>(timed)
    .input(endOfInput)
    .expect(endOfInput)
    .survivesRestoreAtEveryStep(everyWay);
});

test('documents that wait are in each snapshot once, and all subtasks have them after it', async () => {
  const open = async (parallelism: number, before?: ChainHarness<Either>, checkpointId = 0) =>
    ChainHarness.open<Either>({
      parallelism,
      operators: timed,
      ...(before === undefined
        ? {}
        : {
            restore: await before.snapshot(checkpointId),
            blobStore: before.blobStore,
            attemptNumber: checkpointId + 1,
          }),
    });
  let harness = await open(2);
  const titles = Array.from({ length: 50 }, (_, index) => `fox ${index}`);
  harness.send(
    titles.map((title, index) => ({
      value: { kind: 'updateBefore', row: { id: 'none', query: nothing }, title },
      atMs: 10 + (index % 20),
    })),
  );
  harness = await open(3, harness, 1);
  harness = await open(1, harness, 2);
  harness = await open(4, harness, 3);
  harness.send(
    ['a', 'b', 'c', 'd', 'e'].map((id) => ({
      value: { kind: 'insert', row: { id, query: has('fox') } },
      atMs: 1,
    })),
  );
  harness.watermark(100);
  expect(harness.emitted).toHaveLength(250);
  expect(new Set(harness.emitted.map((emitted) => emitted.record)).size).toBe(250);
  await harness.close();
});

test('with checkpoints at least once, a document that only some subtasks have matched at a barrier is matched by the others after a restore', async () => {
  const open = (parallelism: number, restore?: HarnessSnapshot, blobStore?: BlobStore) =>
    ChainHarness.open<Either>({
      parallelism,
      operators: timed,
      checkpointMode: 'at-least-once',
      ...(restore === undefined ? {} : { restore, attemptNumber: 2 }),
      ...(blobStore === undefined ? {} : { blobStore }),
    });
  const ids = Array.from({ length: 30 }, (_, index) => `q${index}`);
  const titles = Array.from({ length: 10 }, (_, index) => `fox ${index + 1}`);
  const wanted = titles.flatMap((title) => ids.map((id) => `${title} for ${id}`));
  for (const parallelism of [1, 2, 3, 5]) {
    const before = await open(3);
    before.send(ids.map((id) => ({ value: { kind: 'insert', row: { id, query: has('fox') } }, atMs: 0 })));
    before.send(
      titles.map((title, index) => ({
        value: { kind: 'updateBefore', row: { id: 'none', query: nothing }, title },
        atMs: index + 1,
      })),
    );
    // As channels in which what is behind a barrier was taken before the last barrier came.
    for (const [index, watermarkMs] of [7, 2, 4].entries())
      expect(before.chains[index]?.advanceWatermark(watermarkMs)).toBe(true);
    const snapshot = { ...(await before.snapshot(1)), watermarkMs: 2 };
    const after = await open(parallelism, snapshot, before.blobStore);
    after.watermark(100);
    const emitted = [...before.emitted, ...after.emitted].map(({ record: text }) => text as string);
    expect([...new Set(emitted)].toSorted()).toEqual(wanted.toSorted());
    // Of the restored ones each has every document once.
    expect(new Set(after.emitted.map(({ record: text }) => text)).size).toBe(after.emitted.length);
    await before.close();
    await after.close();
  }
});
