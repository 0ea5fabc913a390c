// The data exchange between two processes, gRPC with credits, against a bare TCP socket between the same two.
import { connect, type Socket } from 'node:net';
import { compareEach, type Bench, type Comparison } from './compare.ts';
import { KIB, request } from './exchange-protocol.ts';
import { Puller, startPeer, TURN_BYTES } from './exchange-puller.ts';

/** Resolves to the bytes taken. */
function pullTcp(socket: Socket, frameBytes: number): Promise<number> {
  return new Promise((resolve) => {
    let left = TURN_BYTES;
    const onData = (chunk: Uint8Array): void => {
      left -= chunk.byteLength;
      if (left > 0) return;
      socket.off('data', onData);
      resolve(TURN_BYTES);
    };
    socket.on('data', onData);
    socket.write(request(TURN_BYTES / frameBytes, frameBytes));
  });
}

export const exchangeBench: Bench = {
  name: 'exchange',
  run: async (wants) => {
    const { child, addresses } = await startPeer();
    const socket = connect({ port: addresses.tcpPort, host: '127.0.0.1', noDelay: true });
    const puller = new Puller(addresses.exchange);
    const cases = [
      { frameKib: 32, channelCount: 4, guard: 0.4 },
      { frameKib: 256, channelCount: 1 },
    ];
    const comparisons = cases.map(({ frameKib, channelCount, guard }): Comparison => ({
      what: `${frameKib} KiB frames, ${channelCount === 1 ? '1 channel' : `${channelCount} channels`}, two processes`,
      against: 'TCP',
      unit: 'MB/s',
      unitScale: 1e6,
      counts: 'bytes',
      ...(guard === undefined ? {} : { guard }),
      warmUps: 3,
      baseline: () => pullTcp(socket, frameKib * KIB),
      ours: () => puller.pull(frameKib * KIB, channelCount),
    }));
    const rows = await compareEach(comparisons, wants);
    puller.close();
    socket.destroy();
    child.disconnect();
    return rows;
  },
};
