import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isMillraceError } from '@millrace/common';
import { createBatchBuilder } from './batch-builder.ts';
import { decodeBatchV1 } from './batch-codec-v1.ts';
import { recordsOf } from './batch-shape.ts';
import { decodeFrameV1, encodeBatchFrameV1, encodeFrameV1, type FrameHeader } from './frame-v1.ts';
import type { RecordBatch } from './record-batch.ts';
import type { ControlElement } from './stream-element.ts';

const u32 = fc.nat({ max: 0xffffffff });
const header: fc.Arbitrary<FrameHeader> = fc.record({
  producerAttempt: u32,
  consumerAttempt: u32,
  edgeId: u32,
  producerSubtask: u32,
  consumerSubtask: u32,
  sequence: u32,
});
const timestampMs = fc.oneof(fc.double({ noNaN: true }), fc.constantFrom(Infinity, -Infinity));
const json = fc.jsonValue().map((value) => JSON.parse(JSON.stringify(value)) as never);
const control: fc.Arbitrary<ControlElement> = fc.oneof(
  fc.record({ kind: fc.constant(1 as const), timestampMs, splitId: fc.string({ unit: 'binary' }) }),
  fc.record({
    kind: fc.constant(2 as const),
    checkpointId: fc.nat({ max: 2 ** 48 - 1 }),
    timestampMs,
    completedCheckpointId: fc.nat({ max: 2 ** 48 - 1 }),
    mode: fc.constantFrom('continue', 'stop', 'drain'),
  }),
  fc.record({ kind: fc.constant(3 as const), isIdle: fc.boolean() }),
  fc.constant<ControlElement>({ kind: 4 }),
  fc.record({
    kind: fc.constant(5 as const),
    split: fc.record(
      { ordinal: fc.nat(), split: fc.record({ id: fc.string(), path: json }), position: json },
      { requiredKeys: ['ordinal', 'split'] },
    ),
  }),
  fc.constant<ControlElement>({ kind: 6 }),
  fc.record({ kind: fc.constant(16 as const), count: fc.integer({ min: 1, max: 0xffffffff }) }),
  fc.constant<ControlElement>({ kind: 17 }),
  fc.record({ kind: fc.constant(18 as const), split: json }),
);

function batchOf(records: readonly unknown[]): RecordBatch {
  let made: RecordBatch | undefined;
  const builder = createBatchBuilder({
    codegenId: 'test',
    targetCount: 1,
    isKeyed: true,
    onBatch: (_target, batch) => {
      made = batch;
    },
  });
  for (const record of records) builder.append(0, record, 1, 2);
  builder.flushAll();
  if (made === undefined) throw new Error('no batch');
  return made;
}

function codeOf(decode: () => unknown): string | undefined {
  try {
    decode();
    return undefined;
  } catch (error) {
    return isMillraceError(error) ? error.code : String(error);
  }
}

test('every control element comes back with its header', () => {
  fc.assert(
    fc.property(header, control, (head, element) => {
      expect(decodeFrameV1(encodeFrameV1(head, element))).toEqual({ header: head, element });
    }),
    { numRuns: 500 },
  );
});

test('a batch comes back from a frame wherever its bytes lie', () => {
  fc.assert(
    fc.property(header, fc.nat({ max: 9 }), (head, offset) => {
      const records = [
        { a: 1, b: 'x', c: 2.5 },
        { a: 2, b: 'y', c: NaN },
      ];
      const frame = encodeBatchFrameV1(head, batchOf(records));
      const moved = new Uint8Array(frame.length + offset);
      moved.set(frame, offset);
      const decoded = decodeFrameV1(moved.subarray(offset));
      expect(decoded.header).toEqual(head);
      if (decoded.element.kind !== 0) throw new Error('not a batch');
      expect(recordsOf(decodeBatchV1(decoded.element.batchBytes))).toStrictEqual(records);
    }),
    { numRuns: 30 },
  );
});

test('a changed, cut or longer control frame is refused as corrupt', () => {
  fc.assert(
    fc.property(header, control, fc.nat(), fc.integer({ min: 1, max: 255 }), (head, element, at, flip) => {
      const bytes = encodeFrameV1(head, element);
      const index = at % bytes.length;
      expect(codeOf(() => decodeFrameV1(bytes.subarray(0, index)))).toBe('MR_FRAME_CORRUPT');
      const longer = new Uint8Array(bytes.length + 1);
      longer.set(bytes);
      expect(codeOf(() => decodeFrameV1(longer))).toBe('MR_FRAME_CORRUPT');
      bytes[index] = (bytes[index] ?? 0) ^ flip;
      expect(codeOf(() => decodeFrameV1(bytes))).toBe('MR_FRAME_CORRUPT');
    }),
    { numRuns: 500 },
  );
});

test('every changed byte of a batch frame is refused as corrupt, by the frame or by the batch', () => {
  const frame = encodeBatchFrameV1(
    {
      producerAttempt: 1,
      consumerAttempt: 1,
      edgeId: 2,
      producerSubtask: 3,
      consumerSubtask: 4,
      sequence: 5,
    },
    batchOf([
      { a: 1, b: 'x', c: new Map([[1, 2]]) },
      { a: 2, b: 'y', c: null },
    ]),
  );
  for (let at = 0; at < frame.length; at++) {
    const changed = frame.slice();
    changed[at] = (changed[at] ?? 0) ^ 0x10;
    expect(
      codeOf(() => {
        const { element } = decodeFrameV1(changed);
        if (element.kind === 0) decodeBatchV1(element.batchBytes);
      }),
    ).toBe('MR_FRAME_CORRUPT');
  }
});
