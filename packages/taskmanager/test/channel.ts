// Addresses of channels from slot 0 of one TaskManager to slot 0 of another.
import type { ChannelAddress } from '@millrace/runtime';

export function channel(index: number, dataAddress = ''): ChannelAddress {
  const producer = { taskManagerId: 'producer', slotIndex: 0, dataAddress };
  const consumer = { taskManagerId: 'consumer', slotIndex: 0, dataAddress: '' };
  return {
    key: `job/1/${index}`,
    channel: { edgeId: index, producerSubtask: 0, consumerSubtask: 0, producer, consumer },
  };
}
