import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { Json, Source, SourceBatch, Split, SplitContext } from '@millrace/api';
import {
  nexmarkAuctions,
  nexmarkBids,
  nexmarkEvents,
  nexmarkPersons,
  type NexmarkEvent,
  type NexmarkOptions,
} from './index.ts';

const CONTEXT: SplitContext = {
  files: {} as SplitContext['files'],
  baseDirectory: '/',
  jobName: 'test',
  subtaskIndex: 0,
  parallelism: 1,
};

function recordsOf<T>(batch: SourceBatch<T>): T[] {
  const at = (row: number): T => {
    if (batch.kind === 'indexed') return batch.recordAt(row);
    if (batch.kind !== 'computed') throw new Error('no such batch');
    return Object.fromEntries(batch.columns.map(({ name, valueAt }) => [name, valueAt(row)])) as T;
  };
  const { from, to } = batch as { readonly from: number; readonly to: number };
  return Array.from({ length: to - from }, (_, index) => at(from + index));
}

/** Reads a split in batches of `recordsMax`, opened anew behind each of them. */
async function readSplit<T>(source: Source<T>, split: Split, recordsMax: number): Promise<T[]> {
  const records: T[] = [];
  let position: Json | undefined;
  for (;;) {
    const reader = await source.openSplit(split, position, CONTEXT);
    const batch = await reader.read(recordsMax);
    if (batch === undefined) return records;
    records.push(...recordsOf(batch));
    position = batch.position;
  }
}

async function read<T>(source: Source<T>, recordsMax = 7): Promise<T[][]> {
  const splits = await source.enumerate(CONTEXT);
  return Promise.all(splits.map((split) => readSplit(source, split, recordsMax)));
}

async function eventsOf(options: NexmarkOptions): Promise<NexmarkEvent[]> {
  return (await read(nexmarkEvents(options), 1_000)).flat();
}

function linesOf(events: readonly unknown[]): string {
  return events.map((event) => `${JSON.stringify(event)}\n`).join('');
}

test('the first 60 events are those of the golden file, byte for byte', async () => {
  const golden = readFileSync(new URL('./golden/events-60.jsonl', import.meta.url), 'utf8');
  expect(linesOf((await eventsOf({ events: 100 })).slice(0, 60))).toBe(golden);
});

test.each([
  [{ events: 1_000 }, '22aa24aed0903dc6c01a878dc330c81c17796c1181d1cba0f3799692e2786676'],
  [
    { events: 1_000, seed: 7, eventRate: 10_000, disorder: 100 },
    '429ad7ee12840f14ab40434a019ae02e438c6f9407649c74d9bf5d5fa570e7c8',
  ],
])('events of %j have the golden hash', async (options, hash) => {
  const text = linesOf(await eventsOf(options));
  expect(createHash('sha256').update(text).digest('hex')).toBe(hash);
});

test.each([
  [{ events: 1_000 }],
  [{ events: 1_000, splits: 3, seed: 5, eventRate: 1_000 }],
  [{ events: 1_000, splits: 2, disorder: 100 }],
  [{ events: 1_049, splits: 4, disorder: 7 }],
])(
  'of %j, each kind by itself is what the events have, in their order, from any position',
  async (options) => {
    const whole = await read(nexmarkEvents(options), 11);
    const ofKind = <K extends 0 | 1 | 2>(kind: K): unknown[][] =>
      whole.map((split) =>
        split.filter(({ event_type }) => event_type === kind).map((event) => Object.values(event)[1]),
      );
    for (const recordsMax of [1, 7, 46, 5_000]) {
      expect(await read(nexmarkPersons(options), recordsMax)).toEqual(ofKind(0));
      expect(await read(nexmarkAuctions(options), recordsMax)).toEqual(ofKind(1));
      expect(await read(nexmarkBids(options), recordsMax)).toEqual(ofKind(2));
    }
  },
);

test('splits take blocks in turn: together they have the events of one', async () => {
  const one = await eventsOf({ events: 1_200, splits: 1 });
  const splits = await read(nexmarkEvents({ events: 1_200, splits: 4 }), 50);
  const inTurn = one.map((_, index) => {
    const block = Math.floor(index / 50);
    return splits[block % 4]?.[Math.floor(block / 4) * 50 + (index % 50)];
  });
  expect(inTurn).toEqual(one);
  // Whole blocks for each split.
  expect((await read(nexmarkEvents({ events: 399, splits: 4 }))).map((split) => split.length)).toEqual([
    50, 50, 50, 50,
  ]);
});

test('without a number of events there is no end', async () => {
  const source = nexmarkBids({ eventRate: 1_000 });
  expect(source.boundedness).toBe('unbounded');
  const [split] = await source.enumerate(CONTEXT);
  const reader = await source.openSplit(split as Split, 50_000_000, CONTEXT);
  const batch = await reader.read(1);
  expect(recordsOf(batch as SourceBatch<unknown>)).toMatchObject([
    { dateTime: 1_767_225_600_000 + 50_000_004 },
  ]);
});

test('options are checked', () => {
  expect(() => nexmarkBids({ events: -1 })).toThrow('`events`: write a whole number from 0');
  expect(() => nexmarkBids({ disorder: 0 })).toThrow('`disorder`');
  expect(() => nexmarkBids({ ratePerSecond: 0 })).toThrow('`ratePerSecond`');
  expect(() => nexmarkBids({ rate: 5 } as NexmarkOptions)).toThrow('Unknown option "rate"');
});
