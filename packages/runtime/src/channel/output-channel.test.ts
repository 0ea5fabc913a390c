import { expect, test } from 'vitest';
import { batchOf } from './batch-of.testing.ts';
import { ElementKind, END_OF_INPUT, type ChannelElement } from './channel-element.ts';
import { InputChannel } from './input-channel.ts';
import { connectLocally } from './local-channel.ts';
import { CHANNEL_CREDITS, OutputChannel } from './output-channel.ts';

const batch = batchOf([1]);
const watermark = (timestampMs: number) =>
  ({ kind: ElementKind.Watermark, timestampMs, splitId: '' }) as const;

function recordingChannel(): { readonly output: OutputChannel; readonly sent: ChannelElement[] } {
  const sent: ChannelElement[] = [];
  const output = new OutputChannel((element) => {
    sent.push(element);
    return 1;
  });
  return { output, sent };
}

test('OutputChannel sends nothing before its consumer is there', () => {
  const { output, sent } = recordingChannel();
  output.sendBatch(batch);
  output.sendControl(END_OF_INPUT);
  expect(sent).toEqual([]);
  output.grant(1);
  expect(sent.map(({ kind }) => kind)).toEqual([ElementKind.Batch, ElementKind.EndOfInput]);
});

test('OutputChannel sends no batch without credit, and control events behind the batches before them', () => {
  const { output, sent } = recordingChannel();
  output.grant(2);
  for (let count = 0; count < 3; count++) output.sendBatch(batch);
  output.sendControl(watermark(5));
  expect(sent.length).toBe(2);
  expect(output.hasCredit).toBe(false);
  output.grant(1);
  expect(sent.map(({ kind }) => kind)).toEqual([0, 0, 0, 1]);
  expect(output.hasCredit).toBe(false);
  output.sendControl(watermark(6));
  expect(sent.length).toBe(5);
});

test('OutputChannel keeps only the newest of the watermarks that wait', () => {
  const { output, sent } = recordingChannel();
  output.grant(0);
  output.sendBatch(batch);
  for (let timestampMs = 0; timestampMs < 10_000; timestampMs++) output.sendControl(watermark(timestampMs));
  expect(output.waitingCount).toBe(2);
  output.grant(1);
  expect(sent[1]).toEqual(watermark(9_999));
});

test('OutputChannel takes whatever one element emits without credit, but no more control events than its bound', () => {
  const { output } = recordingChannel();
  for (let count = 0; count < 20_000; count++) output.sendBatch(batch);
  expect(output.waitingCount).toBe(20_000);
  for (let count = 0; count < 4_096; count++) output.sendControl(END_OF_INPUT);
  expect(() => output.sendControl(END_OF_INPUT)).toThrow(expect.objectContaining({ code: 'MR_PROTOCOL' }));
});

test('InputChannel takes no more batches than its credits', () => {
  const input = new InputChannel(0, () => {});
  for (let count = 0; count < CHANNEL_CREDITS; count++) input.arrive({ kind: ElementKind.Batch, batch });
  expect(() => input.arrive({ kind: ElementKind.Batch, batch })).toThrow(
    expect.objectContaining({ code: 'MR_PROTOCOL' }),
  );
});

test('OutputChannel tells when credit is back', () => {
  const { output } = recordingChannel();
  let calls = 0;
  output.onCredit = () => calls++;
  output.grant(1);
  output.sendBatch(batch);
  output.sendBatch(batch);
  output.grant(1);
  expect(calls).toBe(1);
  output.grant(1);
  expect(calls).toBe(2);
});

test('a local channel holds no more batches than its credits', () => {
  const input = new InputChannel(0, () => {});
  const output = connectLocally(input);
  for (let count = 0; count < 100; count++) {
    output.sendBatch(batch);
    expect(input.queue.count).toBeLessThanOrEqual(CHANNEL_CREDITS);
  }
  let takenCount = 0;
  while (input.queue.poll() !== undefined) {
    takenCount++;
    input.onTaken();
    expect(input.queue.count).toBeLessThanOrEqual(CHANNEL_CREDITS);
  }
  expect(takenCount).toBe(100);
});
