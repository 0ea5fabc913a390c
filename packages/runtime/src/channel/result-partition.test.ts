// A watermark that waits for rows of the chain: what may pass it, and what sends it.
import { expect, test } from 'vitest';
import type { JobEdge } from '@millrace/proto';
import { ElementKind, IDLE, type ChannelElement, type WatermarkElement } from './channel-element.ts';
import { OutputChannel } from './output-channel.ts';
import { ResultPartition } from './result-partition.ts';

const watermark = (timestampMs: number): WatermarkElement => ({
  kind: ElementKind.Watermark,
  timestampMs,
  splitId: '',
});

function open(): { readonly partition: ResultPartition; readonly sent: unknown[] } {
  const sent: unknown[] = [];
  const channel = new OutputChannel((element: ChannelElement) => {
    sent.push(element.kind === ElementKind.Batch ? element.batch.rowCount : element);
    return 0;
  });
  channel.grant(8);
  const edge = { partitioning: 'forward' } as unknown as JobEdge;
  return { partition: new ResultPartition({ edge, channels: [channel], codegenId: 'test' }), sent };
}

test('a watermark that is held is sent once, behind the rows appended before its release', () => {
  const { partition, sent } = open();
  partition.holdWatermark(watermark(1));
  partition.append(0, { n: 1 }, NaN, 0);
  partition.holdWatermark(watermark(2));
  partition.flush();
  expect(sent).toEqual([1]);
  partition.append(0, { n: 2 }, NaN, 0);
  partition.releaseWatermark();
  partition.releaseWatermark();
  expect(sent).toEqual([1, 1, watermark(2)]);
});

test('what follows a held watermark does not overtake it, and a later watermark takes its place', () => {
  const { partition, sent } = open();
  partition.holdWatermark(watermark(1));
  partition.broadcast(IDLE);
  partition.holdWatermark(watermark(2));
  partition.broadcast(watermark(3));
  partition.releaseWatermark();
  expect(sent).toEqual([watermark(1), IDLE, watermark(3)]);
});
