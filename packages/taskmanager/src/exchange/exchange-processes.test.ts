import { fork, type ChildProcess } from 'node:child_process';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeAll, expect, test } from 'vitest';
import { asJobId, type WireError } from '@millrace/common';
import { realTimers } from '@millrace/common/node';
import { bundleSource } from '../../test/bundle-source.ts';
import { channel } from '../../test/channel.ts';
import { ChannelExchange } from './channel-exchange.ts';
import { openGrpcLink } from './grpc-link.ts';

const CREDIT = Uint8Array.of(16);
let peer: URL;
const children: ChildProcess[] = [];

beforeAll(async () => {
  peer = await bundleSource('test/exchange-peer.ts');
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

async function startPeer(
  frameCount: number,
  channelCount: number,
  busyMs = 0,
): Promise<{ child: ChildProcess; address: string }> {
  const child = fork(fileURLToPath(peer), [frameCount, channelCount, busyMs].map(String));
  children.push(child);
  const message = await new Promise<{ address: string }>((resolve) =>
    child.once('message', (sent) => resolve(sent as { address: string })),
  );
  return { child, address: message.address };
}

function consumerOf(
  token = 'secret',
  attemptNumber = 1,
  linkSecret = 'of the attempt',
  silenceMs?: number,
): ChannelExchange {
  return new ChannelExchange({
    timers: realTimers,
    connect: ({ dataAddress }) =>
      openGrpcLink({
        address: dataAddress,
        request: { token, jobId: asJobId('a'.repeat(32)), attemptNumber, linkSecret },
        timers: realTimers,
        silenceMs,
      }),
  });
}

/** Stands between a consumer and its producer; `freeze` makes the connections of that moment half-open. */
async function startRelay(address: string) {
  const port = Number(address.slice(address.lastIndexOf(':') + 1));
  const open: { readonly sockets: readonly Socket[]; isFrozen: boolean }[] = [];
  const server = createServer((client) => {
    const target = connect({ host: '127.0.0.1', port });
    const connection = { sockets: [client, target], isFrozen: false };
    open.push(connection);
    client.on('data', (bytes) => void (connection.isFrozen || target.write(bytes)));
    target.on('data', (bytes) => void (connection.isFrozen || client.write(bytes)));
    for (const socket of connection.sockets) socket.on('error', () => socket.destroy());
    client.on('close', () => target.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    get connectionsMade() {
      return open.length;
    },
    freeze: () => open.forEach((connection) => (connection.isFrozen = true)),
    close: () => {
      for (const { sockets } of open) for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

/** Takes frames and gives credit for 16 at a time; resolves when the channel is closed. */
function consume(
  exchange: ChannelExchange,
  index: number,
  address: string,
  onFrame = (_sequence: number): void => {},
) {
  const sequences: number[] = [];
  let misalignedCount = 0;
  const closed = new Promise<WireError | undefined>((resolve) => {
    const receiver = exchange.openReceiver(channel(index, address), {
      onFrame: (frame) => {
        const sequence = new DataView(frame.buffer, frame.byteOffset).getFloat64(0);
        if (frame.byteLength !== 8 + (sequence % 1024)) resolve(undefined);
        sequences.push(sequence);
        if (frame.byteOffset % 8 !== 0) misalignedCount++;
        onFrame(sequence);
        if (sequences.length % 16 === 0) receiver.sendUpstream(CREDIT);
      },
      onClosed: resolve,
    });
    receiver.sendUpstream(CREDIT);
  });
  return { sequences, closed, misaligned: () => misalignedCount };
}

test('ChannelExchange carries 10,000 frames of each of two channels between two processes in order, as credit allows', async () => {
  const { address } = await startPeer(10_000, 2);
  const exchange = consumerOf();
  const consumed = [0, 1].map((index) => consume(exchange, index, address));

  expect(await Promise.all(consumed.map(({ closed }) => closed))).toEqual([undefined, undefined]);
  const expected = Array.from({ length: 10_000 }, (_, sequence) => sequence);
  for (const { sequences, misaligned } of consumed) {
    expect(sequences).toEqual(expected);
    expect(misaligned(), 'columns of frames that are misaligned are copied once more').toBe(0);
  }
  exchange.close();
});

test('ChannelExchange notices within a second that the producing process was killed', async () => {
  const { child, address } = await startPeer(1_000_000, 1);
  const exchange = consumerOf();
  let killedMs = 0;
  const { closed } = consume(exchange, 0, address, (sequence) => {
    if (sequence !== 100) return;
    killedMs = performance.now();
    child.kill('SIGKILL');
  });

  expect((await closed)?.code).toBe('MR_CHANNEL_CLOSED');
  expect(performance.now() - killedMs).toBeLessThan(1_000);
});

test('ChannelExchange notices that its connection is dead, although the producing process is alive and takes new ones', async () => {
  const relay = await startRelay((await startPeer(1_000_000, 1)).address);
  const exchange = consumerOf('secret', 1, 'of the attempt', 400);
  const { closed } = consume(exchange, 0, relay.address, (sequence) => {
    if (sequence === 100) relay.freeze();
  });

  const error = await closed;
  expect(error?.code).toBe('MR_CHANNEL_CLOSED');
  expect(error?.message).toContain('while a new connection was answered');
  expect(relay.connectionsMade).toBe(2);
  relay.close();
});

test('ChannelExchange waits for a producer whose thread computes for many times the silence of a dead connection', async () => {
  const { address } = await startPeer(300, 1, 1_500);
  const exchange = consumerOf('secret', 1, 'of the attempt', 80);
  const { sequences, closed } = consume(exchange, 0, address);

  expect(await closed).toBeUndefined();
  expect(sequences).toHaveLength(300);
  exchange.close();
});

test('DataExchangeServer refuses a wrong token, another attempt, and who does not know the secret of the attempt', async () => {
  const { address } = await startPeer(10, 1);

  const wrongToken = await consume(consumerOf('other'), 0, address).closed;
  expect(wrongToken?.code).toBe('MR_CHANNEL_CLOSED');
  expect(wrongToken?.message).toContain('wrong token');
  const wrongAttempt = await consume(consumerOf('secret', 2), 0, address).closed;
  expect(wrongAttempt?.message).toContain('this slot runs another attempt');
  const wrongSecret = await consume(consumerOf('secret', 1, 'guessed'), 0, address).closed;
  expect(wrongSecret?.message).toContain('this slot runs another attempt');
});

test('ChannelExchange closes a channel whose producer listens nowhere', async () => {
  const error = await consume(consumerOf(), 0, '127.0.0.1:1').closed;
  expect(error?.code).toBe('MR_CHANNEL_CLOSED');
});
