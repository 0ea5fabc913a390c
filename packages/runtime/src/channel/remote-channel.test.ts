import { encodeFrameV1, recordsOf } from '@millrace/proto';
import { asJobId, Prng, type WireError } from '@millrace/common';
import { MemoryNetwork, VirtualTime } from '@millrace/testing';
import { expect, test } from 'vitest';
import { batchOf } from './batch-of.testing.ts';
import { ElementKind, END_OF_INPUT } from './channel-element.ts';
import { InputChannel } from './input-channel.ts';
import { CHANNEL_CREDITS } from './output-channel.ts';
import { receiveRemotely, sendRemotely, type RemoteChannelOptions } from './remote-channel.ts';

const location = { taskManagerId: 'tm', slotIndex: 0, dataAddress: '' };
const channel = { edgeId: 1, producerSubtask: 0, consumerSubtask: 2, producer: location, consumer: location };

function pair(seed: number) {
  const prng = new Prng(seed);
  const time = new VirtualTime({ seed });
  const failures: WireError[] = [];
  const network = new MemoryNetwork({
    timers: time,
    monotonicMs: () => time.monotonicMs(),
    delayMs: () => prng.below(5),
  });
  const options: RemoteChannelOptions = {
    address: { key: `${asJobId('a')}/1/1/0/2`, channel },
    attemptNumber: 1,
    network,
    wake: () => {},
    fail: (error) => failures.push(error),
  };
  const input = new InputChannel(0, () => {});
  const sender = sendRemotely(options);
  return { time, failures, options, input, sender, prng, network };
}

test('a remote channel keeps order and never has more batches under way than its credits', async () => {
  for (let seed = 1; seed <= 30; seed++) {
    const { time, failures, options, input, sender, prng } = pair(seed);
    const close = receiveRemotely(input, options);
    sender.connect();
    const received: unknown[] = [];
    for (let count = 0; count < 60; count++) {
      sender.output.sendBatch(batchOf([count]));
      if (count % 7 === 0)
        sender.output.sendControl({
          kind: ElementKind.Barrier,
          checkpointId: count + 1,
          timestampMs: 0,
          completedCheckpointId: 0,
          mode: 'continue',
        });
      await time.runFor(prng.below(4));
      expect([...batchesIn(input)].length).toBeLessThanOrEqual(CHANNEL_CREDITS);
      if (prng.below(3) === 0) take(input, received);
    }
    for (let turn = 0; turn < 60; turn++) {
      await time.runUntilIdle();
      take(input, received);
    }
    expect(failures).toEqual([]);
    expect(received.filter((element) => typeof element === 'number')).toEqual(
      Array.from({ length: 60 }, (_, index) => index),
    );
    expect(received.indexOf('barrier 8')).toBe(received.indexOf(7) + 1);
    close();
  }
});

function* batchesIn(input: InputChannel): Generator<number> {
  for (let index = 0; index < input.queue.count; index++) {
    const element = input.queue.poll();
    if (element === undefined) return;
    input.queue.put(element);
    if (element.kind === ElementKind.Batch) yield index;
  }
}

function take(input: InputChannel, received: unknown[]): void {
  for (let element = input.queue.poll(); element !== undefined; element = input.queue.poll()) {
    if (element.kind === ElementKind.Batch) {
      received.push(...recordsOf(element.batch));
      input.onTaken();
    } else if (element.kind === ElementKind.Barrier) received.push(`barrier ${element.checkpointId}`);
  }
}

test.each([
  { what: 'a gap', header: { sequence: 1 } },
  { what: 'another attempt', header: { producerAttempt: 2 } },
  { what: 'another channel', header: { consumerSubtask: 1 } },
])('a remote channel refuses $what with MR_PROTOCOL', async ({ header }) => {
  const { time, failures, options, input, network } = pair(1);
  receiveRemotely(input, options);
  const raw = network.openSender(options.address, {
    onSubscribed: () => {},
    onUpstream: () => {},
    onClosed: () => {},
  });
  const right = {
    producerAttempt: 1,
    consumerAttempt: 1,
    edgeId: 1,
    producerSubtask: 0,
    consumerSubtask: 2,
    sequence: 0,
  };
  raw.send(encodeFrameV1({ ...right, ...header }, END_OF_INPUT));
  await time.runUntilIdle();
  expect(failures.map(({ code }) => code)).toEqual(['MR_PROTOCOL']);
  expect(input.queue.count).toBe(0);
});

test('a remote channel that closes before the end of input fails the slot, afterwards it does not', async () => {
  const early = pair(2);
  receiveRemotely(early.input, early.options);
  early.sender.connect();
  await early.time.runUntilIdle();
  early.sender.close();
  await early.time.runUntilIdle();
  expect(early.failures.map(({ code }) => code)).toEqual(['MR_CHANNEL_CLOSED']);
  const late = pair(2);
  receiveRemotely(late.input, late.options);
  late.sender.connect();
  late.sender.output.sendControl(END_OF_INPUT);
  await late.time.runUntilIdle();
  late.sender.close();
  await late.time.runUntilIdle();
  expect(late.failures).toEqual([]);
});
