// Frames of 32 KiB between two processes: the data exchange beside gRPC by itself.
import { Client, credentials, type ClientReadableStream } from '@grpc/grpc-js';
import { FRAMES_SERVICE, KIB, request } from '../exchange-protocol.ts';
import { Puller, startPeer, TURN_BYTES } from '../exchange-puller.ts';
import type { BareComparison } from './bare-comparison.ts';
import type { Opened } from './state-by-loops.ts';

const FRAME_BYTES = 32 * KIB;
const CHANNELS = 4;
/** As the exchange has it: only the client's window can be set. */
const WINDOW_BYTES = 8 * KIB * KIB;

export async function openFrames(): Promise<Opened> {
  const { child, addresses } = await startPeer();
  const puller = new Puller(addresses.exchange);
  const client = new Client(addresses.grpc, credentials.createInsecure(), {
    'grpc-node.flow_control_window': WINDOW_BYTES,
    'grpc.max_receive_message_length': -1,
  });
  const frames = TURN_BYTES / FRAME_BYTES;
  const comparison: BareComparison = {
    what: 'frames of 32 KiB between two processes',
    loop: 'gRPC, one stream from the server, by the clock',
    engine: 'the data exchange, four channels of 8 credits, by the clock',
    unit: 'MB/s',
    unitScale: 1e6,
    counts: 'bytes',
    warmUps: 3,
    runLoop: async () => ({ units: TURN_BYTES, result: await pullGrpc(client, frames) }),
    runEngine: async () => ({ units: await puller.pull(FRAME_BYTES, CHANNELS), result: frames }),
  };
  const close = (): Promise<void> => {
    puller.close();
    client.close();
    child.disconnect();
    return Promise.resolve();
  };
  return { comparison, close };
}

/** Resolves to the whole frames taken. */
function pullGrpc(client: Client, frames: number): Promise<number> {
  const { path, requestSerialize, responseDeserialize } = FRAMES_SERVICE.frames;
  const stream: ClientReadableStream<Uint8Array> = client.makeServerStreamRequest(
    path,
    requestSerialize,
    responseDeserialize,
    request(frames, FRAME_BYTES),
  );
  return new Promise((resolve, reject) => {
    let taken = 0;
    stream.on('data', (frame: Uint8Array) => (taken += frame.byteLength / FRAME_BYTES));
    stream.on('end', () => resolve(taken));
    stream.on('error', reject);
  });
}
