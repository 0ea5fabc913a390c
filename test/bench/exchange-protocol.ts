// What both processes of the exchange benchmark agree on. A request is two UINT32, little endian: frames, bytes of each.
import type { ChannelAddress } from '@millrace/runtime';

export const KIB = 1024;
export const TOKEN = 'bench';
export const JOB = 'b'.repeat(32);
/** Channels that the producer offers. */
export const CHANNELS_MAX = 4;

export interface PeerAddresses {
  readonly tcpPort: number;
  /** `host:port` of the data exchange. */
  readonly exchange: string;
  /** `host:port` of the bare gRPC service. */
  readonly grpc: string;
}

const identity = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** gRPC by itself: as many frames as a request asks for. */
export const FRAMES_SERVICE = {
  frames: {
    path: '/bench/frames',
    requestStream: false,
    responseStream: true,
    requestSerialize: identity,
    requestDeserialize: identity,
    responseSerialize: identity,
    responseDeserialize: identity,
  },
} as const;

export function channelAddress(index: number, dataAddress: string): ChannelAddress {
  return {
    key: `bench/${index}`,
    channel: {
      edgeId: index,
      producerSubtask: 0,
      consumerSubtask: 0,
      producer: { taskManagerId: 'producer', slotIndex: 0, dataAddress },
      consumer: { taskManagerId: 'consumer', slotIndex: 0, dataAddress: '' },
    },
  };
}

export function request(frames: number, bytes: number): Uint8Array {
  const message = new Uint8Array(8);
  const view = new DataView(message.buffer);
  view.setUint32(0, frames, true);
  view.setUint32(4, bytes, true);
  return message;
}
