import { sourceBrand, type Source, type SourceBatch } from '@millrace/api';
import { VirtualTime } from '@millrace/testing';
import { expect, test } from 'vitest';
import type { ChainEnvironment, OperatorChain } from '../chain/operator-chain.ts';
import { TestCluster } from '../slot/slot-harness.testing.ts';
import { Collected, openStubChain, type TestRecord } from '../slot/stub-chain.testing.ts';
import { sourceToSink } from '../slot/test-source.testing.ts';

type Waiting = (batch: SourceBatch<TestRecord>) => void;

/** An unbounded source of two splits that gives what a test has put in; an awaiting reader waits for it. */
class Feed {
  readonly #waiting = new Map<string, Waiting>();
  readonly #records = new Map<string, TestRecord[]>();
  readonly source: Source<TestRecord>;
  /** How often it was asked. */
  reads = 0;

  constructor(reader: 'asks again' | 'awaits', restMs?: number) {
    this.source = {
      [sourceBrand]: 1,
      name: 'feed',
      boundedness: 'unbounded',
      isOrdered: false,
      describe: () => ({}),
      enumerate: () => [{ id: 'a' }, { id: 'b' }],
      openSplit: (split) => ({
        read: () => {
          this.reads++;
          const batch = this.#take(split.id);
          if (reader === 'asks again' || batch.records.length > 0) return { ...batch, restMs };
          return new Promise((resolve) => this.#waiting.set(split.id, resolve));
        },
      }),
    };
  }

  put(splitId: string, t: number): void {
    this.#records.set(splitId, [...(this.#records.get(splitId) ?? []), { t, key: 0 }]);
    const waiting = this.#waiting.get(splitId);
    this.#waiting.delete(splitId);
    waiting?.(this.#take(splitId));
  }

  #take(splitId: string): Extract<SourceBatch<TestRecord>, { kind: 'records' }> {
    const records = this.#records.get(splitId) ?? [];
    this.#records.delete(splitId);
    return { kind: 'records', records, position: 0 };
  }
}

/** Runs the feed with one reader, whose task stands still while `relief` is not resolved. */
async function run(feed: Feed, time: VirtualTime, relief?: { next: Promise<void> | undefined }) {
  const collected = new Collected();
  const open = openStubChain(collected);
  const openChain = async (environment: ChainEnvironment): Promise<OperatorChain> => {
    const chain = await open(environment);
    if (environment.vertex.role !== 'source') return chain;
    return Object.defineProperties(chain, {
      needsRelief: { get: () => relief?.next !== undefined },
      relieve: {
        value: () => {
          const next = relief?.next;
          if (relief !== undefined) relief.next = undefined;
          return next;
        },
      },
    });
  };
  const job = sourceToSink(feed.source, { source: 1, sink: 1 });
  const cluster = await TestCluster.start({ job, time, slot: { openChain } });
  return { collected, cluster };
}

test.each(['asks again', 'awaits'] as const)(
  'a split does not become idle while its task stands still: reader that %s',
  async (reader) => {
    const time = new VirtualTime();
    const feed = new Feed(reader);
    const relief: { next: Promise<void> | undefined } = { next: undefined };
    const { collected, cluster } = await run(feed, time, relief);
    feed.put('a', 100);
    feed.put('b', 100);
    await time.runFor(1_000);
    relief.next = new Promise((resolve) => void time.schedule(31_000, resolve));
    await time.runFor(20_000);
    feed.put('a', 50_000);
    feed.put('b', 200);
    await time.runFor(13_000);
    expect(cluster.failure).toBeUndefined();
    expect(collected.lateCount.value).toBe(0);
    expect(collected.watermarksMs.at(-1)).toBe(199);
    await cluster.cancel();
  },
);

test.each(['asks again', 'awaits'] as const)(
  'a split that was asked for 30 s and had nothing does not hold the watermark back: reader that %s',
  async (reader) => {
    const time = new VirtualTime();
    const feed = new Feed(reader);
    const { collected, cluster } = await run(feed, time);
    feed.put('b', 5);
    for (let second = 1; second <= 29; second++) {
      feed.put('a', second * 1_000);
      await time.runFor(1_000);
    }
    expect(collected.watermarksMs.at(-1)).toBe(4);
    feed.put('a', 30_000);
    await time.runFor(2_000);
    expect(collected.watermarksMs.at(-1)).toBe(29_999);
    feed.put('b', 40_000);
    feed.put('a', 50_000);
    await time.runFor(100);
    expect(collected.watermarksMs.at(-1)).toBe(39_999);
    expect(collected.lateCount.value).toBe(0);
    await cluster.cancel();
  },
);

test.each([
  [undefined, 10],
  [1, 1],
  [100, 100],
])('a reader that has nothing is asked again when it says: %s', async (restMs, everyMs) => {
  const time = new VirtualTime();
  const feed = new Feed('asks again', restMs);
  const { cluster } = await run(feed, time);
  await time.runFor(1_000);
  const before = feed.reads;
  await time.runFor(1_000);
  expect(feed.reads - before).toBe((2 * 1_000) / everyMs);
  await cluster.cancel();
});
