import { asJobId, asJobVertexId } from '@millrace/common';
import { expect, test } from 'vitest';
import type { CheckpointMetadata, CheckpointPointer } from './checkpoint-metadata.ts';
import {
  decodeCheckpointMetadataV1,
  decodeCheckpointPointerV1,
  encodeCheckpointMetadataV1,
  encodeCheckpointPointerV1,
} from './checkpoint-metadata-v1.ts';

const jobId = asJobId('0123456789abcdef0123456789abcdef');
const metadata: CheckpointMetadata = {
  version: 1,
  jobId,
  jobName: 'flights',
  runId: 'ab',
  epoch: 2,
  checkpointId: 7,
  timestampMs: 1_000,
  keyGroupCount: 720,
  isFinal: false,
  vertices: [
    {
      vertexId: asJobVertexId('f'.repeat(32)),
      name: 'count',
      role: 'operator',
      parallelism: 1,
      subtasks: [
        { subtaskIndex: 0, parallelism: 1, watermarkMs: null, operators: [], newBytes: 0, totalBytes: 0 },
      ],
    },
  ],
  output: [],
};
const pointer: CheckpointPointer = {
  version: 1,
  jobId,
  retained: [{ epoch: 2, checkpointId: 7, isFinal: false, totalBytes: 9 }],
};

test('checkpoint metadata survives encoding', () => {
  expect(decodeCheckpointMetadataV1(encodeCheckpointMetadataV1(metadata))).toEqual(metadata);
});

test('a checkpoint pointer has the bytes of version 1', () => {
  const hex =
    '4d524350' +
    '0100' +
    '81000000' +
    Buffer.from(
      '{"version":1,"jobId":"0123456789abcdef0123456789abcdef","retained":[{"epoch":2,"checkpointId":7,"isFinal":false,"totalBytes":9}]}',
    ).toString('hex') +
    '7f7542c8';
  expect(Buffer.from(encodeCheckpointPointerV1(pointer)).toString('hex')).toBe(hex);
  expect(decodeCheckpointPointerV1(Buffer.from(hex, 'hex'))).toEqual(pointer);
});

test('a flip of any bit and a cut at any length are found', () => {
  const whole = encodeCheckpointMetadataV1(metadata);
  for (let index = 0; index < whole.length; index++) {
    const flipped = whole.slice();
    flipped[index] = (flipped[index] ?? 0) ^ (1 << (index % 8));
    expect(() => decodeCheckpointMetadataV1(flipped)).toThrow(
      expect.objectContaining({ code: 'MR_CHECKPOINT_CORRUPT' }),
    );
    expect(() => decodeCheckpointMetadataV1(whole.slice(0, index))).toThrow(
      expect.objectContaining({ code: 'MR_CHECKPOINT_CORRUPT' }),
    );
  }
  expect(() => decodeCheckpointMetadataV1(encodeCheckpointPointerV1(pointer))).toThrow(/does not begin/);
});
