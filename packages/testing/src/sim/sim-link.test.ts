import { expect, test } from 'vitest';
import { Prng } from '@millrace/common';
import { SimScheduler } from './scheduler.ts';
import { SimLinkPair } from './sim-link.ts';
import { SimProcess } from './sim-process.ts';
import { SimRoutes } from './sim-routes.ts';

test('what comes to a paused process keeps its order, though its link is opened in the middle of it', async () => {
  const scheduler = new SimScheduler(1);
  const consumer = new SimProcess(scheduler, { name: 'consumer', seed: 2 });
  const producer = new SimProcess(scheduler, { name: 'producer', seed: 3 });
  const { consuming, producing } = new SimLinkPair(
    { consumer, producer },
    {
      delayMs: () => 1,
      noticeMs: () => 1,
      routes: new SimRoutes(scheduler, new Prng(4)),
      silenceMs: undefined,
      onHalfOpen: () => undefined,
      onFrame: () => undefined,
    },
  );
  const heard: string[] = [];
  const accept = (): void =>
    producing.open({
      onSubscribe: (channelId) => heard.push(`subscribe ${channelId}`),
      onFrame: (channelId) => heard.push(`frame ${channelId}`),
      onChannelClosed: (channelId) => heard.push(`closed ${channelId}`),
      onLinkClosed: () => heard.push('link closed'),
    });

  producer.pause();
  consuming.subscribe(0, 'first');
  producer.post(2, 'link accepted', accept);
  consumer.post(3, 'frames', () => {
    consuming.subscribe(1, 'second');
    consuming.sendFrame(0, Uint8Array.of(1));
    consuming.close();
  });
  await scheduler.run({ untilMs: 10, eventsMax: 100, isDone: () => false });
  expect(heard).toEqual([]);
  producer.resume();
  await scheduler.run({ untilMs: 20, eventsMax: 100, isDone: () => false });

  expect(heard).toEqual(['subscribe 0', 'subscribe 1', 'frame 0', 'link closed']);
});
