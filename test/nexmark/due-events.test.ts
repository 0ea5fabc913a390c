// Events that come when they are due: each at its time, whoever asks when, and all that was missed at once.
import { expect, test } from 'vitest';
import type { ConnectorContext, SplitReader } from '@millrace/api';
import { nexmarkBids, type Bid } from '@millrace/connector-nexmark';
import { whenDue } from '../../examples/nexmark/latency.ts';

const RATE = 10_000;
const FIRST_EVENT_MS = 1_767_225_600_000;
const DUE_FROM_MS = 5_000.25;
// The generator looks at nothing of it.
const CONTEXT = { parallelism: 2 } as ConnectorContext;

class Clock {
  nowMs = 0;
  readonly #readers: SplitReader<Bid>[] = [];
  readonly #source = whenDue(nexmarkBids({ events: 20_000, eventRate: RATE }), {
    dueFromMs: DUE_FROM_MS,
    eventRate: RATE,
    places: [4, 50],
    nowMs: () => this.nowMs,
  });

  async open(position?: number): Promise<void> {
    for (const split of await this.#source.enumerate(CONTEXT))
      this.#readers.push(await this.#source.openSplit(split, position, CONTEXT));
  }

  /** Times of the events of both splits until these have nothing more; undefined: both have ended. */
  read(atMs: number): number[] | undefined {
    this.nowMs = atMs;
    const times: number[] = [];
    let ended = 0;
    for (const reader of this.#readers) {
      for (;;) {
        const batch = reader.read(1_000);
        if (batch instanceof Promise) throw new Error('the reader answers later');
        if (batch === undefined) ended++;
        if (batch?.kind !== 'computed') break;
        const dateTime = batch.columns.find(({ name }) => name === 'dateTime');
        for (let row = batch.from; row < batch.to; row++)
          times.push(Number(dateTime?.valueAt(row)) - FIRST_EVENT_MS);
      }
    }
    return ended === 2 ? undefined : times;
  }
}

/** How many bids have a time of at most `ms`. */
function bidsUntil(ms: number): number {
  const events = (RATE / 1_000) * (ms + 1);
  return Math.floor(events / 50) * 46 + Math.max(0, (events % 50) - 4);
}

test('no event comes before it is due, and none that is due is held back', async () => {
  const clock = new Clock();
  await clock.open();
  expect(clock.read(5_000)).toEqual([]);
  let given = 0;
  for (const afterMs of [0, 0.7, 1.5, 2, 10, 11, 250, 251, 1_000]) {
    const times = clock.read(DUE_FROM_MS + afterMs) ?? [];
    given += times.length;
    expect(Math.max(0, ...times)).toBeLessThanOrEqual(afterMs);
    expect(given).toBe(bidsUntil(Math.floor(afterMs)));
  }
});

test('all that was missed comes at once, and then the end', async () => {
  const clock = new Clock();
  await clock.open();
  expect(clock.read(DUE_FROM_MS + 60_000)).toBeUndefined();
});

test('a reader goes on behind its position', async () => {
  const clock = new Clock();
  await clock.open(1_000);
  const times = clock.read(DUE_FROM_MS + 299) ?? [];
  expect(Math.min(...times)).toBe(200);
  expect(times.length).toBe(920);
});
