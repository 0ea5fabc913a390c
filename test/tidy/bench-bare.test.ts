// The bare loops: what they come to, and that a comparison of unequal work is refused.
import { expect, test } from 'vitest';
import { BareBids, FIRST_BID } from '../bench/bare/bare-bids.ts';
import { compareWithLoop, requireSame, type BareComparison } from '../bench/bare/bare-comparison.ts';
import { FrameWriter, readFrame, readNumbers } from '../bench/bare/bid-frames.ts';
import { CountTable } from '../bench/bare/count-table.ts';

const SAME: BareComparison = {
  what: 'the same',
  loop: 'a loop',
  engine: 'another',
  unit: 'M records/s',
  unitScale: 1e6,
  turnMs: 0,
  runLoop: () => ({ units: 1, result: 2 }),
  runEngine: () => Promise.resolve({ units: 1, result: 2 }),
};

test('the factor is that of the speeds', async () => {
  const row = await compareWithLoop({ ...SAME, unitScale: 1 });
  expect(row).toMatchObject({ what: 'the same', isWithin: row.factor <= 2 });
  expect(row.loopSpeed).toBeGreaterThan(0);
});

test.each([
  { units: 2, result: 2 },
  { units: 1, result: 3 },
])('work that comes to something else is refused: %o', async (other) => {
  await expect(compareWithLoop({ ...SAME, runEngine: () => other })).rejects.toMatchObject({
    code: 'MR_INTERNAL',
  });
});

test('sums of doubles may differ by their order', () => {
  expect(() => requireSame('', { units: 1, result: 1e15 }, { units: 1, result: 1e15 + 1 })).not.toThrow();
});

test('a frame gives back the bids that were written, and is full before it is handed over', () => {
  const bids = new BareBids(10_000_000);
  const written = Array.from({ length: 2_000 }, (_, index) => bids.bidAt(index, FIRST_BID + (index % 46)));
  const frames: Buffer[] = [];
  const writer = new FrameWriter((frame) => void frames.push(Buffer.from(frame)));
  for (const bid of written) writer.put(bid);
  writer.flush();
  writer.flush();
  expect(frames.slice(0, -1).every(({ byteLength }) => byteLength > 65_000 && byteLength <= 65_536)).toBe(
    true,
  );
  const read: unknown[] = [];
  for (const frame of frames) readFrame(frame, (bid) => read.push(bid));
  expect(read).toEqual(written);
  expect(frames.reduce((sum, frame) => sum + readNumbers(frame), 0)).toBe(
    written.reduce((sum, { auction, price }) => sum + auction + price, 0),
  );
});

test('the table counts as a Map does, and is empty when it was drained', () => {
  const table = new CountTable(300);
  const counts = new Map<number, number>();
  for (let index = 0; index < 3_000; index++) {
    const key = (index * index) % 299;
    counts.set(key, (counts.get(key) ?? 0) + 1);
    expect(table.add(key)).toBe(counts.get(key));
  }
  const drained = new Map<number, number>();
  const sum = table.drain((key, count) => (drained.set(key, count), count));
  expect(sum).toBe(3_000);
  expect(drained).toEqual(counts);
  expect(table.drain(() => 1)).toBe(0);
  expect(table.add(1)).toBe(1);
});
