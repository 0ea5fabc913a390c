// All channels of the subtasks of one slot: those that stay inside are joined directly, the others go through the network.
import { invariant, type WireError } from '@millrace/common';
import type { ChannelDescriptor, SlotDeployment, SubtaskDeployment } from '@millrace/proto';
import { InputChannel } from '../channel/input-channel.ts';
import { connectLocally } from '../channel/local-channel.ts';
import type { OutputChannel } from '../channel/output-channel.ts';
import type { OriginChannel } from '../chain/record-origin.ts';
import { receiveRemotely, sendRemotely, type RemoteChannelOptions } from '../channel/remote-channel.ts';
import type { ChannelNetwork } from './slot-ports.ts';

export interface SlotChannelsOptions {
  readonly deployment: SlotDeployment;
  readonly network: ChannelNetwork;
  /** Something arrived: the slot's loop has work. */
  readonly wake: () => void;
  readonly fail: (error: WireError) => void;
}

/** Name of a channel, unique among all channels of all jobs; both ends make the same. */
function channelKey(deployment: SlotDeployment, channel: ChannelDescriptor): string {
  const { jobId, attemptNumber } = deployment;
  return `${jobId}/${attemptNumber}/${channel.edgeId}/${channel.producerSubtask}/${channel.consumerSubtask}`;
}

function isLocal(channel: ChannelDescriptor): boolean {
  const { producer, consumer } = channel;
  return producer.taskManagerId === consumer.taskManagerId && producer.slotIndex === consumer.slotIndex;
}

/** The channels of a slot. Contract: nothing goes to or comes from another slot before `connect`. */
export class SlotChannels {
  readonly #options: SlotChannelsOptions;
  readonly #inputs = new Map<string, InputChannel>();
  readonly #closers: (() => void)[] = [];
  readonly #connectors: (() => void)[] = [];

  constructor(options: SlotChannelsOptions) {
    this.#options = options;
    for (const subtask of options.deployment.subtasks) {
      for (const channel of subtask.inputChannels) this.#addInput(subtask, channel);
    }
  }

  /** Input channels of a subtask, by edge and producer. */
  inputsOf(subtask: SubtaskDeployment): InputChannel[] {
    return sorted(subtask.inputChannels).map((channel) => {
      const input = this.#inputs.get(channelKey(this.#options.deployment, channel));
      invariant(input !== undefined, 'no such input channel');
      return input;
    });
  }

  /** Where the input channels of a subtask come from, in their order. */
  originsOf(subtask: SubtaskDeployment): readonly OriginChannel[] {
    const { nodes } = this.#options.deployment.streamGraph;
    return sorted(subtask.inputChannels).map(({ edgeId, producerSubtask }) => {
      const edge = subtask.inputEdges.find((candidate) => candidate.edgeId === edgeId);
      return { producerName: nodes[edge?.fromNode ?? -1]?.name ?? '', producerSubtask };
    });
  }

  /** Output channels of a subtask over one edge, by consumer. Call once. */
  outputsOf(subtask: SubtaskDeployment, edgeId: number): OutputChannel[] {
    const channels = subtask.outputChannels.filter((channel) => channel.edgeId === edgeId);
    return sorted(channels).map((channel) => this.#output(channel));
  }

  /** Opens the channels to and from other slots. */
  connect(): void {
    for (const connect of this.#connectors.splice(0)) connect();
  }

  close(): void {
    for (const close of this.#closers.splice(0)) close();
  }

  #addInput(subtask: SubtaskDeployment, channel: ChannelDescriptor): void {
    const inputIndex = subtask.inputEdges.findIndex((edge) => edge.edgeId === channel.edgeId);
    invariant(inputIndex >= 0, 'a channel of an edge that the subtask does not have');
    const input = new InputChannel(inputIndex, this.#options.wake);
    this.#inputs.set(channelKey(this.#options.deployment, channel), input);
    if (!isLocal(channel))
      this.#connectors.push(() => this.#closers.push(receiveRemotely(input, this.#remote(channel))));
  }

  #output(channel: ChannelDescriptor): OutputChannel {
    if (isLocal(channel)) {
      const { deployment, wake } = this.#options;
      const input = this.#inputs.get(channelKey(deployment, channel));
      // Mode `commit` deploys vertices with a sink only: nothing flows, and their consumers are not there.
      if (input === undefined && deployment.mode === 'commit')
        return connectLocally(new InputChannel(0, wake));
      invariant(input !== undefined, 'the consumer of a local channel is not in this slot');
      return connectLocally(input);
    }
    const sender = sendRemotely(this.#remote(channel));
    sender.output.onCredit = this.#options.wake;
    this.#connectors.push(sender.connect);
    this.#closers.push(sender.close);
    return sender.output;
  }

  #remote(channel: ChannelDescriptor): RemoteChannelOptions {
    const { deployment, network, fail, wake } = this.#options;
    return {
      address: { key: channelKey(deployment, channel), channel },
      attemptNumber: deployment.attemptNumber,
      network,
      fail,
      wake,
    };
  }
}

function sorted(channels: readonly ChannelDescriptor[]): ChannelDescriptor[] {
  return [...channels].sort(
    (a, b) =>
      a.edgeId - b.edgeId || a.producerSubtask - b.producerSubtask || a.consumerSubtask - b.consumerSubtask,
  );
}
