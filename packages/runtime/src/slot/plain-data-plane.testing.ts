// Batches as plain arrays and frames as JSON: enough of a data plane for tests of channels and tasks.
import type { BatchBuilder, BatchBuilderOptions, BatchShape, RecordBatch } from '@millrace/proto';
import { ElementKind, type ChannelElement } from '../channel/channel-element.ts';
import type { FrameCodec, FrameHeader, UpstreamElement } from '../channel/frame-codec.ts';

const plainShape: BatchShape = { text: 'plain', emitPrelude: () => '', emitRecord: () => '' };

export function plainBatch(records: readonly unknown[], timestampsMs: readonly number[]): RecordBatch {
  return {
    rowCount: records.length,
    shape: plainShape,
    columns: [records],
    timestampsMs: Float64Array.from(timestampsMs),
    keyHashes: undefined,
  };
}

export function recordsOf(batch: RecordBatch): readonly unknown[] {
  return (batch.columns[0] as readonly unknown[]).slice(0, batch.rowCount);
}

export function createPlainBuilder(options: BatchBuilderOptions): BatchBuilder {
  const rowsMax = options.rowsMax ?? 100;
  const targets = Array.from({ length: options.targetCount }, () => ({ records: [] as unknown[], timestampsMs: [] as number[] }));
  const flush = (target: number): void => {
    const pending = targets[target];
    if (pending === undefined || pending.records.length === 0) return;
    targets[target] = { records: [], timestampsMs: [] };
    options.onBatch(target, plainBatch(pending.records, pending.timestampsMs));
  };
  return {
    append(target, record, timestampMs) {
      const pending = targets[target];
      if (pending === undefined) throw new Error(`no target ${target}`);
      pending.records.push(record);
      pending.timestampsMs.push(timestampMs);
      if (pending.records.length >= rowsMax) flush(target);
    },
    flush,
    flushAll: () => targets.forEach((_, target) => flush(target)),
    get pendingRows() {
      return targets.reduce((sum, { records }) => sum + records.length, 0);
    },
  };
}

function toBytes(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

function fromBytes(bytes: Uint8Array): unknown {
  return JSON.parse(new TextDecoder().decode(bytes));
}

export const plainCodec: FrameCodec = {
  encode(header, element) {
    if (element.kind !== ElementKind.Batch) return toBytes({ header, element });
    const { batch } = element;
    return toBytes({ header, records: recordsOf(batch), timestampsMs: [...batch.timestampsMs] });
  },
  encodeUpstream: (header, element) => toBytes({ header, element }),
  decode(bytes) {
    const frame = fromBytes(bytes) as { header: FrameHeader; element?: ChannelElement; records: unknown[]; timestampsMs: number[] };
    const element = frame.element ?? { kind: ElementKind.Batch, batch: plainBatch(frame.records, frame.timestampsMs) };
    return { header: frame.header, element };
  },
  decodeUpstream: (bytes) => fromBytes(bytes) as { header: FrameHeader; element: UpstreamElement },
};
