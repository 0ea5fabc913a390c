// Child process of the exchange test: a slot that produces numbered frames, as many as its consumer gives credit for.
import { realTimers } from '@millrace/common/node';
import { asJobId } from '@millrace/common';
import { ChannelExchange } from '../src/exchange/channel-exchange.ts';
import { DataExchangeServer } from '../src/exchange/data-exchange-server.ts';
import { channel } from './channel.ts';

const frameCount = Number(process.argv[2]);
const channelCount = Number(process.argv[3]);
/** Before each hundredth frame its thread computes for so long. */
const busyMs = Number(process.argv[4] ?? 0);
const server = await DataExchangeServer.open({ host: '127.0.0.1', token: 'secret' });
const exchange = new ChannelExchange({
  timers: realTimers,
  connect: () => {
    throw new Error('this slot consumes nothing');
  },
});
const attempt = { jobId: asJobId('a'.repeat(32)), attemptNumber: 1, linkSecret: 'of the attempt' };
server.serve(attempt, (link) => exchange.accept(link));

for (let index = 0; index < channelCount; index++) produce(index);
process.send?.({ address: server.address });

function produce(index: number): void {
  let [sent, credit] = [0, 0];
  const sender = exchange.openSender(channel(index), {
    onSubscribed: () => undefined,
    onUpstream: (frame) => {
      credit += frame[0] ?? 0;
      for (; credit > 0 && sent < frameCount; credit--) {
        if (sent % 100 === 99) compute();
        sender.send(numbered(sent++));
      }
      if (sent === frameCount) sender.close();
    },
    onClosed: () => undefined,
  });
}

function compute(): void {
  for (const untilMs = performance.now() + busyMs; performance.now() < untilMs;);
}

/** A frame of 8 to 1,031 bytes that starts with its number. */
function numbered(sequence: number): Uint8Array {
  const frame = new Uint8Array(8 + (sequence % 1024));
  new DataView(frame.buffer).setFloat64(0, sequence);
  return frame;
}
