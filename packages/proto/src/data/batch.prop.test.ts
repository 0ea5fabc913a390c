import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isMillraceError } from '@millrace/common';
import { createBatchBuilder } from './batch-builder.ts';
import { decodeBatchV1, encodeBatchV1 } from './batch-codec-v1.ts';
import { recordsOf } from './batch-shape.ts';
import type { RecordBatch } from './record-batch.ts';
import { outline } from './value-outline.testing.ts';
import { objectGraph, objectOf, structuredValue } from './structured-value.testing.ts';

interface Sent {
  readonly target: number;
  readonly record: unknown;
  readonly timestampMs: number;
  readonly keyHash: number;
}

const word = fc.constantFrom('a', 'the', 'word', 'longer than thirteen', '', 'é', '\ud800', '日本');
const optional = (value: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> =>
  fc.oneof({ weight: 12, arbitrary: value }, fc.constantFrom<unknown>(null, undefined));
const int = fc.oneof(
  { weight: 12, arbitrary: fc.integer() as fc.Arbitrary<number> },
  fc.constantFrom(-0, 0.5, NaN),
);

/** Streams whose records mostly look alike, as real ones do, with now and then another. */
const streamOfOneKind: fc.Arbitrary<unknown[]> = fc.oneof(
  fc.array(word, { maxLength: 80 }),
  fc.array(int, { maxLength: 80 }),
  fc.array(fc.tuple(word, int), { maxLength: 40 }),
  fc.array(
    fc.record({
      auction: int,
      url: optional(word),
      at: fc.date(),
      isHot: fc.boolean(),
      n: optional(fc.bigInt()),
    }),
    { maxLength: 40 },
  ),
  fc.array(fc.record({ a: int, b: word, c: optional(int) }, { requiredKeys: [] }), { maxLength: 40 }),
  fc.array(
    fc.record({
      user: optional(fc.record({ name: word, tags: fc.array(word), points: fc.array(int) })),
      id: int,
    }),
    { maxLength: 20 },
  ),
  fc.array(
    fc.record(
      { list: fc.array(optional(int)), pair: optional(fc.tuple(word, optional(int))) },
      { requiredKeys: ['pair'] },
    ),
    { maxLength: 20 },
  ),
  fc.array(
    fc
      .shuffledSubarray(['x', 'y', 'z', '1', '__proto__'])
      .map((keys) => objectOf(keys.map((key, index) => [key, index]))),
    { maxLength: 40 },
  ),
  fc.array(structuredValue, { maxLength: 20 }),
  fc.array(objectGraph, { maxLength: 20 }),
  fc.array(fc.oneof({ weight: 3, arbitrary: sharing(false) }, sharing(true)), { maxLength: 20 }),
);

/** Records of one shape whose parts may be one object, or be fields on an array. */
function sharing(isShared: boolean): fc.Arbitrary<unknown> {
  return fc
    .record({ date: fc.date(), tags: fc.array(word, { maxLength: 3 }), n: int })
    .map(({ date, tags, n }) => {
      const copy = isShared ? tags : [...tags];
      const point = { n };
      const view = Uint8Array.from(tags, (tag) => tag.length);
      return {
        from: date,
        to: isShared && n > 0 ? date : new Date(date),
        tags,
        copy: n > 100 && isShared ? Object.assign(copy, { extra: date }) : copy,
        point,
        index: new Map([['point', isShared ? point : { n }]]),
        list: [{ n }, isShared ? point : { n }],
        view,
        tail: new DataView(isShared ? view.buffer : view.slice().buffer, Math.min(1, view.length)),
      };
    });
}

const stream = fc.array(streamOfOneKind, { minLength: 1, maxLength: 3 }).map((parts) => parts.flat());
const sentStream: fc.Arbitrary<Sent[]> = stream.chain((records) =>
  fc.tuple(
    ...records.map((record) =>
      fc.record({
        target: fc.nat({ max: 2 }),
        record: fc.constant(record),
        timestampMs: fc.oneof(fc.double(), fc.constant(NaN)),
        keyHash: fc.integer(),
      }),
    ),
  ),
);

function gather(sent: readonly Sent[], isKeyed: boolean, rowsMax: number): RecordBatch[][] {
  const batches: RecordBatch[][] = [[], [], []];
  const builder = createBatchBuilder({
    codegenId: 'test',
    targetCount: 3,
    isKeyed,
    rowsMax,
    onBatch: (target, batch) => void batches[target]?.push(batch),
  });
  for (const { target, record, timestampMs, keyHash } of sent)
    builder.append(target, record, timestampMs, keyHash);
  builder.flushAll();
  expect(builder.pendingRows).toBe(0);
  return batches;
}

function rowsOf(batch: RecordBatch): string[] {
  return recordsOf(batch).map(
    (record, row) => `${outline(record)} @${batch.timestampsMs[row]} #${batch.keyHashes?.[row]}`,
  );
}

test('records of every target arrive in order and exactly, over a batch built and over its bytes', () => {
  fc.assert(
    fc.property(sentStream, fc.boolean(), fc.integer({ min: 1, max: 40 }), (sent, isKeyed, rowsMax) => {
      const batches = gather(sent, isKeyed, rowsMax);
      for (const [target, ofTarget] of batches.entries()) {
        const expected = sent
          .filter((one) => one.target === target)
          .map(
            ({ record, timestampMs, keyHash }) =>
              `${outline(structuredClone(record))} @${timestampMs} #${isKeyed ? keyHash : undefined}`,
          );
        expect(ofTarget.flatMap(rowsOf)).toEqual(expected);
        expect(ofTarget.map(encodeBatchV1).map(decodeBatchV1).flatMap(rowsOf)).toEqual(expected);
      }
    }),
    { numRuns: 600 },
  );
});

test('records given as the values of their fields arrive as whole ones do', () => {
  const names = ['a', 'b', '__proto__', 'return -1;'];
  const values = fc.tuple(
    fc.oneof(int, structuredValue),
    fc.oneof({ weight: 5, arbitrary: word as fc.Arbitrary<unknown> }, objectGraph),
    fc.oneof(
      { weight: 5, arbitrary: fc.record({ 'return -1;': word }) as fc.Arbitrary<unknown> },
      objectGraph,
    ),
    optional(word),
  );
  const isShared = fc.oneof({ weight: 9, arbitrary: fc.constant(false) }, fc.constant(true));
  fc.assert(
    fc.property(fc.array(fc.tuple(values, isShared), { maxLength: 30 }), (rows) => {
      const batches: RecordBatch[] = [];
      const builder = createBatchBuilder({
        codegenId: 'test',
        targetCount: 1,
        isKeyed: true,
        rowsMax: 7,
        onBatch: (_, batch) => void batches.push(batch),
      });
      const appender = builder.fieldAppender(names);
      const expected: string[] = [];
      rows.forEach(([row, shares], index) => {
        const given = shares ? [row[0], row[2], row[2], row[3]] : row;
        const record = objectOf(names.map((name, field) => [name, given[field]]));
        expected.push(outline(structuredClone(record)));
        // Now and then a whole record, of this kind or of another.
        if (index % 5 === 4) builder.append(0, record, index, index);
        else appender.append(0, index, index, ...given);
        if (index % 11 === 10) {
          builder.append(0, { other: index }, index, index);
          expected.push(outline({ other: index }));
        }
      });
      builder.flushAll();
      expect(
        batches
          .map(encodeBatchV1)
          .map(decodeBatchV1)
          .flatMap((batch) => recordsOf(batch).map(outline)),
      ).toEqual(expected);
    }),
    { numRuns: 300 },
  );
});

test('changed bytes of a batch are refused as corrupt', () => {
  fc.assert(
    fc.property(sentStream, fc.nat(), fc.integer({ min: 1, max: 255 }), (sent, at, flip) => {
      for (const batch of gather(sent, true, 64).flat()) {
        const bytes = encodeBatchV1(batch);
        const index = at % bytes.length;
        bytes[index] = (bytes[index] ?? 0) ^ flip;
        expect(codeOf(() => decodeBatchV1(bytes))).toBe('MR_FRAME_CORRUPT');
      }
    }),
    { numRuns: 300 },
  );
});

test('bytes of a batch cut short or made longer are refused as corrupt', () => {
  fc.assert(
    fc.property(sentStream, fc.nat(), (sent, at) => {
      for (const batch of gather(sent, true, 64).flat()) {
        const bytes = encodeBatchV1(batch);
        expect(codeOf(() => decodeBatchV1(bytes.subarray(0, at % bytes.length)))).toBe('MR_FRAME_CORRUPT');
        const longer = new Uint8Array(bytes.length + 1 + (at % 16));
        longer.set(bytes);
        expect(codeOf(() => decodeBatchV1(longer))).toBe('MR_FRAME_CORRUPT');
      }
    }),
    { numRuns: 200 },
  );
});

test('changed bytes under a right checksum give records or MR_FRAME_CORRUPT, never another error', () => {
  fc.assert(
    fc.property(sentStream, fc.nat(), fc.integer({ min: 1, max: 255 }), (sent, at, flip) => {
      for (const batch of gather(sent, true, 64).flat()) {
        const bytes = encodeBatchV1(batch);
        const index = 4 + (at % (bytes.length - 4));
        bytes[index] = (bytes[index] ?? 0) ^ flip;
        new DataView(bytes.buffer).setUint32(0, crc32(bytes.subarray(4)), true);
        const code = codeOf(() => recordsOf(decodeBatchV1(bytes)));
        expect(['MR_FRAME_CORRUPT', undefined]).toContain(code);
      }
    }),
    { numRuns: 1000 },
  );
});

function codeOf(decode: () => unknown): string | undefined {
  try {
    decode();
    return undefined;
  } catch (error) {
    return isMillraceError(error) ? error.code : String(error);
  }
}
