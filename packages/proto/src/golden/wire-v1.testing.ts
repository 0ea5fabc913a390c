// What the golden bytes of wire-v1.json stand for, written by hand.
import { createBatchBuilder } from '../data/batch-builder.ts';
import type { FrameHeader } from '../data/frame-v1.ts';
import type { RecordBatch } from '../data/record-batch.ts';
import type { ControlElement } from '../data/stream-element.ts';

const cycle: { name: string; self?: unknown } = { name: 'loop' };
cycle.self = cycle;

/** By the name of their bytes in wire-v1.json. */
export const goldenValues: Readonly<Record<string, unknown>> = {
  'value null': null,
  'value undefined': undefined,
  'value true': true,
  'value 63': 63,
  'value -1000': -1000,
  'value -0': -0,
  'value NaN': NaN,
  'value 0.5': 0.5,
  'value 2^53': 2 ** 53,
  'value text': 'word',
  'value long text': 'é'.repeat(130),
  'value lone surrogate': 'a\ud800',
  'value bigint': -(2n ** 70n),
  'value date': new Date(1_700_000_000_000),
  'value bytes': Uint8Array.of(1, 2, 255),
  'value array': [1, 'two', [null, undefined]],
  'value object': { b: 1, a: { ключ: 'x' }, 2: false },
  'value map': new Map([['k', new Set([1])]]),
  'value cycle': cycle,
};

/** Records of one batch each, with event time `100 + row` and key hash `-row`. */
export const goldenBatches: Readonly<Record<string, readonly unknown[]>> = {
  'batch numbers': [1, -2, 3],
  'batch floats': [1.5, -0, NaN],
  'batch tuples': [
    ['word', 3],
    ['日本', 4],
  ],
  'batch structs': [
    {
      id: 1,
      at: new Date(5),
      user: { name: 'a', tags: ['x', 'y', 'z', 'x'] },
      ok: true,
      big: 1n,
      other: new Map([[1, 2]]),
    },
    {
      id: 2,
      at: new Date(6),
      user: { name: 'b', tags: ['p', 'q', 'r', 's', 't'] },
      ok: false,
      big: -5n,
      other: null,
    },
  ],
};

/** Records that make the builder widen before it has the shape in which the last batch is. */
export const goldenWidened: readonly unknown[] = [
  { a: 1, b: null },
  { a: 1.5 },
  { b: 'x', a: 2 },
  { a: null, b: undefined },
];

export const goldenHeader: FrameHeader = {
  producerAttempt: 1,
  consumerAttempt: 2,
  edgeId: 3,
  producerSubtask: 4,
  consumerSubtask: 5,
  sequence: 4_000_000_000,
};

export const goldenElements: Readonly<Record<string, ControlElement>> = {
  'frame watermark': { kind: 1, timestampMs: -Infinity, splitId: 'file-1#0' },
  'frame barrier': {
    kind: 2,
    checkpointId: 2 ** 40,
    timestampMs: 1_700_000_000_000,
    completedCheckpointId: 2 ** 40 - 1,
    mode: 'drain',
  },
  'frame status': { kind: 3, isIdle: true },
  'frame end of input': { kind: 4 },
  'frame assignment': {
    kind: 5,
    split: { ordinal: 7, split: { id: 'é', path: '/a' }, position: { row: 3 } },
  },
  'frame no more splits': { kind: 6 },
  'frame credit': { kind: 16, count: 9 },
  'frame split request': { kind: 17 },
  'frame split finished': { kind: 18, split: { id: 's' } },
};

/** Builds the batches of `records`, rows of one target. */
export function buildBatches(records: readonly unknown[]): RecordBatch[] {
  const batches: RecordBatch[] = [];
  const builder = createBatchBuilder({
    codegenId: 'golden',
    targetCount: 1,
    isKeyed: true,
    onBatch: (_target, batch) => void batches.push(batch),
  });
  records.forEach((record, row) => builder.append(0, record, 100 + row, -row));
  builder.flushAll();
  return batches;
}
