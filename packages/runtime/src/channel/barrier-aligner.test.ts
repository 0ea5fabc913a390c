import { expect, test } from 'vitest';
import { AlignmentStep, BarrierAligner } from './barrier-aligner.ts';

const { Skip, Block, Aligned } = AlignmentStep;

test('BarrierAligner blocks a channel after its barrier until the last one arrives', () => {
  const aligner = new BarrierAligner(3);
  expect(aligner.onBarrier(1, 7, 100)).toBe(Block);
  expect([0, 1, 2].map((channel) => aligner.isBlocked(channel))).toEqual([false, true, false]);
  expect(aligner.onBarrier(0, 7, 110)).toBe(Block);
  expect(aligner.onBarrier(2, 7, 125)).toBe(Aligned);
  expect([0, 1, 2].map((channel) => aligner.isBlocked(channel))).toEqual([false, false, false]);
  expect(aligner.lastAlignmentMs).toBe(25);
});

test('BarrierAligner with one channel is aligned at once', () => {
  expect(new BarrierAligner(1).onBarrier(0, 1, 0)).toBe(Aligned);
});

test.each([
  {
    name: 'a newer barrier aborts the older alignment',
    barriers: [
      [0, 1],
      [1, 2],
      [0, 2],
    ],
    steps: [Block, Block, Aligned],
  },
  {
    name: 'a barrier older than the one being aligned is skipped',
    barriers: [
      [0, 2],
      [1, 1],
      [1, 2],
    ],
    steps: [Block, Skip, Aligned],
  },
  {
    name: 'a barrier of a settled checkpoint is skipped',
    barriers: [
      [0, 3],
      [1, 3],
      [0, 3],
      [1, 2],
    ],
    steps: [Block, Aligned, Skip, Skip],
  },
] as const)('BarrierAligner: $name', ({ barriers, steps }) => {
  const aligner = new BarrierAligner(2);
  const given: number[] = [];
  for (const [channel, checkpointId] of barriers) given.push(aligner.onBarrier(channel, checkpointId, 0));
  expect(given).toEqual(steps);
});

test('BarrierAligner frees all channels on abort and skips what still comes', () => {
  const aligner = new BarrierAligner(2);
  aligner.onBarrier(0, 5, 0);
  aligner.abort(5);
  expect(aligner.isBlocked(0)).toBe(false);
  expect(aligner.aligningId).toBe(0);
  expect(aligner.onBarrier(1, 5, 0)).toBe(Skip);
  expect(aligner.onBarrier(0, 6, 0)).toBe(Block);
});

test('BarrierAligner keeps a newer alignment when an older checkpoint is aborted', () => {
  const aligner = new BarrierAligner(2);
  aligner.onBarrier(0, 6, 0);
  aligner.abort(5);
  expect(aligner.isBlocked(0)).toBe(true);
});

test('BarrierAligner refuses barriers of a blocked or unknown channel', () => {
  const aligner = new BarrierAligner(2);
  aligner.onBarrier(0, 1, 0);
  expect(() => aligner.onBarrier(0, 2, 0)).toThrow(expect.objectContaining({ code: 'MR_PROTOCOL' }));
  expect(() => aligner.onBarrier(9, 1, 0)).toThrow(expect.objectContaining({ code: 'MR_PROTOCOL' }));
});

test('BarrierAligner that does not block lets a channel through behind its barrier, and still waits for the last one', () => {
  const aligner = new BarrierAligner(3, false);
  expect(aligner.onBarrier(1, 7, 100)).toBe(Block);
  expect(aligner.isBlocked(1)).toBe(false);
  expect(aligner.onBarrier(0, 7, 110)).toBe(Block);
  expect(aligner.onBarrier(2, 7, 125)).toBe(Aligned);
  expect(aligner.lastAlignmentMs).toBe(25);
});

test('BarrierAligner that does not block starts over at a newer barrier, and refuses the same one twice', () => {
  const aligner = new BarrierAligner(2, false);
  aligner.onBarrier(0, 1, 0);
  expect(aligner.onBarrier(0, 2, 0)).toBe(Block);
  expect(aligner.onBarrier(1, 1, 0)).toBe(Skip);
  expect(() => aligner.onBarrier(0, 2, 0)).toThrow(expect.objectContaining({ code: 'MR_PROTOCOL' }));
  expect(aligner.onBarrier(1, 2, 0)).toBe(Aligned);
});
