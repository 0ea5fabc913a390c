// The producing process of the exchange benchmark: sends as many frames as it is asked for, over TCP and over the data exchange.
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { Server, ServerCredentials, type ServerWritableStream } from '@grpc/grpc-js';
import { asJobId } from '@millrace/common';
import { realTimers } from '@millrace/common/node';
import { ChannelExchange, DataExchangeServer } from '@millrace/taskmanager/exchange';
import {
  CHANNELS_MAX,
  channelAddress,
  FRAMES_SERVICE,
  JOB,
  TOKEN,
  type PeerAddresses,
} from './exchange-protocol.ts';

/** A buffer of its own for each frame, as an encoder makes it. */
const frameOf = (bytes: number): Uint8Array => Buffer.allocUnsafeSlow(bytes);

const tcp = createServer({ noDelay: true }, (socket) => {
  let owed = { frames: 0, bytes: 0 };
  socket.on('data', (request) => {
    owed = { frames: request.readUInt32LE(0), bytes: request.readUInt32LE(4) };
    write(socket, owed);
  });
  socket.on('drain', () => write(socket, owed));
  socket.on('error', () => socket.destroy());
});

function write(socket: Socket, owed: { frames: number; readonly bytes: number }): void {
  while (owed.frames > 0) {
    owed.frames--;
    if (!socket.write(frameOf(owed.bytes))) return;
  }
}

const server = await DataExchangeServer.open({ host: '127.0.0.1', token: TOKEN });
const exchange = new ChannelExchange({
  timers: realTimers,
  connect: () => {
    throw new Error('this process consumes nothing');
  },
});
server.serve({ jobId: asJobId(JOB), attemptNumber: 1, linkSecret: '' }, (link) => exchange.accept(link));
for (let index = 0; index < CHANNELS_MAX; index++) {
  const sender = exchange.openSender(channelAddress(index, ''), {
    onSubscribed: () => undefined,
    onUpstream: (request) => {
      const view = new DataView(request.buffer, request.byteOffset, request.byteLength);
      for (let frames = view.getUint32(0, true); frames > 0; frames--)
        sender.send(frameOf(view.getUint32(4, true)));
    },
    onClosed: () => undefined,
  });
}

const grpc = new Server();
grpc.addService(FRAMES_SERVICE, {
  frames: (call: ServerWritableStream<Uint8Array, Uint8Array>) => {
    const { request } = call;
    const view = new DataView(request.buffer, request.byteOffset, request.byteLength);
    let frames = view.getUint32(0, true);
    const write = (): void => {
      for (; frames > 0; frames--) {
        if (!call.write(frameOf(view.getUint32(4, true)))) {
          frames--;
          call.once('drain', write);
          return;
        }
      }
      call.end();
    };
    write();
  },
});
const grpcPort = await new Promise<number>((resolve, reject) => {
  grpc.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
    error === null ? resolve(port) : reject(error),
  );
});

tcp.listen(0, '127.0.0.1', () => {
  const addresses: PeerAddresses = {
    tcpPort: (tcp.address() as AddressInfo).port,
    exchange: server.address,
    grpc: `127.0.0.1:${grpcPort}`,
  };
  process.send?.(addresses);
});
process.on('disconnect', () => process.exit(0));
