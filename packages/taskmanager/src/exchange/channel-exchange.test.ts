import { MessageChannel } from 'node:worker_threads';
import { describe, expect, test } from 'vitest';
import type { WireError } from '@millrace/common';
import { realTimers } from '@millrace/common/node';
import { channel } from '../../test/channel.ts';
import { memoryLinkPair } from '../local/memory-link.ts';
import { ChannelExchange } from './channel-exchange.ts';
import type { Link } from './link.ts';
import { portLink } from './port-link.ts';

function portLinkPair(): readonly [Link, Link] {
  const { port1, port2 } = new MessageChannel();
  return [portLink(port1), portLink(port2)];
}

/** A consuming and a producing slot with one link between them. */
function pair(ends: () => readonly [Link, Link], openWaitMs = 60_000) {
  let accept = (): void => {};
  const producer = new ChannelExchange({
    timers: realTimers,
    openWaitMs,
    connect: () => {
      throw new Error('unused');
    },
  });
  const consumer = new ChannelExchange({
    timers: realTimers,
    openWaitMs,
    connect: () => {
      const [consuming, producing] = ends();
      accept = () => producer.accept(producing);
      accept();
      return consuming;
    },
  });
  return { producer, consumer };
}

function receive(exchange: ChannelExchange, index: number) {
  const frames: number[] = [];
  let receiver: { sendUpstream(frame: Uint8Array): void; close(): void } | undefined;
  const closed = new Promise<WireError | undefined>((resolve) => {
    receiver = exchange.openReceiver(channel(index), {
      onFrame: (frame) => frames.push(frame[0] ?? -1),
      onClosed: resolve,
    });
  });
  return { frames, closed, receiver };
}

function produce(
  exchange: ChannelExchange,
  index: number,
  frames: readonly number[],
): Promise<WireError | undefined> {
  return new Promise((resolve) => {
    const sender = exchange.openSender(channel(index), {
      onSubscribed: () => {
        for (const frame of frames) sender.send(Uint8Array.of(frame));
        sender.close();
        resolve(undefined);
      },
      onUpstream: () => undefined,
      onClosed: resolve,
    });
  });
}

describe.each([
  ['a MessagePort', portLinkPair],
  ['memory', () => memoryLinkPair(realTimers)],
] as const)('ChannelExchange over %s', (_name, ends) => {
  test('delivers frames of several channels in order, whichever side opens first', async () => {
    const { producer, consumer } = pair(ends);
    const early = receive(consumer, 0);
    const sent = [produce(producer, 0, [1, 2, 3]), produce(producer, 1, [4, 5])];
    const late = receive(consumer, 1);

    await Promise.all([...sent, early.closed, late.closed]);
    expect(early.frames).toEqual([1, 2, 3]);
    expect(late.frames).toEqual([4, 5]);
    consumer.close();
  });

  test('tells the producer what the consumer sends upstream', async () => {
    const { producer, consumer } = pair(ends);
    const upstream = new Promise<Uint8Array>((resolve) => {
      producer.openSender(channel(0), {
        onSubscribed: () => undefined,
        onUpstream: resolve,
        onClosed: () => undefined,
      });
    });
    receive(consumer, 0).receiver?.sendUpstream(Uint8Array.of(9));
    expect([...(await upstream)]).toEqual([9]);
    consumer.close();
  });

  test('keeps what the consumer sends upstream until the producer is there', async () => {
    const { producer, consumer } = pair(ends);
    const { receiver } = receive(consumer, 0);
    receiver?.sendUpstream(Uint8Array.of(1));
    receiver?.sendUpstream(Uint8Array.of(2));
    // Once this channel is known on the other side, all that was sent before has come.
    const other = receive(consumer, 1);
    await produce(producer, 1, [7]);
    await other.closed;
    const events: (number | undefined)[] = [];
    await new Promise<void>((resolve) => {
      producer.openSender(channel(0), {
        onSubscribed: () => events.push(0),
        onUpstream: ([frame]) => {
          if (events.push(frame) === 3) resolve();
        },
        onClosed: () => undefined,
      });
    });
    expect(events).toEqual([0, 1, 2]);
    consumer.close();
  });

  test('forgets a consumer that went before the producer was there', async () => {
    const { producer, consumer } = pair(ends);
    receive(consumer, 0).receiver?.close();
    // Once this channel is known on the other side, all that was sent before has come.
    const other = receive(consumer, 1);
    await produce(producer, 1, [7]);
    await other.closed;
    const next = receive(consumer, 0);
    await produce(producer, 0, [1, 2]);
    expect([await next.closed, next.frames]).toEqual([undefined, [1, 2]]);
    consumer.close();
  });

  test('closes the other side with MR_CHANNEL_CLOSED when one slot ends', async () => {
    const { producer, consumer } = pair(ends);
    const received = receive(consumer, 0);
    producer.openSender(channel(0), {
      onSubscribed: () => producer.close(),
      onUpstream: () => undefined,
      onClosed: () => undefined,
    });
    expect((await received.closed)?.code).toBe('MR_CHANNEL_CLOSED');
  });

  test('gives up on a side that does not come', async () => {
    const { producer, consumer } = pair(ends, 20);
    expect((await receive(consumer, 0).closed)?.message).toContain(
      'its producer did not open it within 20 ms',
    );
    expect((await produce(producer, 1, []))?.message).toContain('its consumer did not come within 20 ms');
    consumer.close();
  });
});
