// The two ends of a channel between slots: frames, sequence numbers, credit. Whatever is wrong fails the attempt.
import { MillraceError, toWireError, type WireError } from '@millrace/common';
import type { ChannelAddress, ChannelNetwork, FrameReceiver, FrameSender } from '../slot/slot-ports.ts';
import type { FrameCodec, FrameHeader } from './frame-codec.ts';
import type { InputChannel } from './input-channel.ts';
import { CHANNEL_CREDITS, OutputChannel } from './output-channel.ts';

/** Batches that the consumer takes before it gives their credit back in one frame. */
const CREDITS_RETURNED = CHANNEL_CREDITS >> 1;

export interface RemoteChannelOptions {
  readonly address: ChannelAddress;
  readonly attemptNumber: number;
  readonly network: ChannelNetwork;
  readonly codec: FrameCodec;
  /** Something arrived. */
  readonly wake: () => void;
  readonly fail: (error: WireError) => void;
}

/** Numbers the frames of one direction, and checks those that come back. */
class FrameSequence {
  readonly #options: RemoteChannelOptions;
  #sent = 0;
  #received = 0;

  constructor(options: RemoteChannelOptions) {
    this.#options = options;
  }

  next(): FrameHeader {
    const { channel } = this.#options.address;
    const { edgeId, producerSubtask, consumerSubtask } = channel;
    return { attemptNumber: this.#options.attemptNumber, edgeId, producerSubtask, consumerSubtask, sequence: this.#sent++ };
  }

  /** @throws {MillraceError} MR_PROTOCOL for another attempt's or channel's frame, a gap or a repeat */
  check(header: FrameHeader): void {
    const { attemptNumber, address } = this.#options;
    const { channel } = address;
    const isOurs =
      header.attemptNumber === attemptNumber &&
      header.edgeId === channel.edgeId &&
      header.producerSubtask === channel.producerSubtask &&
      header.consumerSubtask === channel.consumerSubtask;
    if (!isOurs || header.sequence !== this.#received) {
      throw new MillraceError('MR_PROTOCOL', `Cannot take a frame on channel "${address.key}": expected frame ${this.#received} of attempt ${attemptNumber}, got another`, {
        details: { ...header, expectedSequence: this.#received, expectedAttempt: attemptNumber },
      });
    }
    this.#received++;
  }
}

/** Runs `action`; what it throws fails the slot, because nobody else on the stack can tell whom it concerns. */
function guarded(options: RemoteChannelOptions, action: () => void): void {
  try {
    action();
  } catch (error) {
    options.fail(toWireError(error));
  }
}

function onClosed(options: RemoteChannelOptions, error: WireError | undefined): void {
  if (error !== undefined) {
    options.fail(error);
    return;
  }
  const { key } = options.address;
  options.fail(toWireError(new MillraceError('MR_CHANNEL_CLOSED', `Channel "${key}" was closed by its other end`)));
}

/** The producing end: `connect` offers it to the network; credit comes once the consumer has subscribed. */
export function sendRemotely(options: RemoteChannelOptions): {
  readonly output: OutputChannel;
  readonly connect: () => void;
  readonly close: () => void;
} {
  const sequence = new FrameSequence(options);
  let sender: FrameSender | undefined;
  let isClosed = false;
  const output = new OutputChannel((element) => {
    const frame = options.codec.encode(sequence.next(), element);
    const bytes = frame.byteLength;
    sender?.send(frame);
    return bytes;
  });
  const connect = (): void => {
    sender = options.network.openSender(options.address, {
      onSubscribed: () => guarded(options, () => output.grant(CHANNEL_CREDITS)),
      onUpstream: (frame) =>
        guarded(options, () => {
          if (isClosed) return;
          const { header, element } = options.codec.decodeUpstream(frame);
          sequence.check(header);
          if (element.kind === 'credit') output.grant(element.count);
          else output.onSplitRequest();
          options.wake();
        }),
      onClosed: (error) => {
        if (!isClosed) onClosed(options, error);
      },
    });
  };
  const close = (): void => {
    isClosed = true;
    sender?.close();
  };
  return { output, connect, close };
}

/** The consuming end: subscribes at once and gives credit back as batches are taken. Returns its `close`. */
export function receiveRemotely(input: InputChannel, options: RemoteChannelOptions): () => void {
  const sequence = new FrameSequence(options);
  let isClosed = false;
  let takenCount = 0;
  const receiver: FrameReceiver = options.network.openReceiver(options.address, {
    onFrame: (frame) =>
      guarded(options, () => {
        if (isClosed) return;
        const { header, element } = options.codec.decode(frame);
        sequence.check(header);
        input.arrive(element);
      }),
    onClosed: (error) => {
      if (!isClosed) onClosed(options, error);
    },
  });
  input.onTaken = () => {
    takenCount++;
    if (takenCount < CREDITS_RETURNED) return;
    receiver.sendUpstream(options.codec.encodeUpstream(sequence.next(), { kind: 'credit', count: takenCount }));
    takenCount = 0;
  };
  input.requestSplit = () => {
    receiver.sendUpstream(options.codec.encodeUpstream(sequence.next(), { kind: 'split-request' }));
  };
  return () => {
    isClosed = true;
    receiver.close();
  };
}
