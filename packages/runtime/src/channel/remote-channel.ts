// The two ends of a channel between slots: frames, sequence numbers, credit. Whatever is wrong fails the attempt.
import { MillraceError, toWireError, type WireError } from '@millrace/common';
import {
  decodeBatchV1,
  decodeFrameV1,
  decodeUncheckedBatchV1,
  encodeFrameV1,
  type Frame,
  type FrameHeader,
} from '@millrace/proto';
import type { ChannelAddress, ChannelNetwork, FrameReceiver, FrameSender } from '../slot/slot-ports.ts';
import { ElementKind, type ChannelElement, type UpstreamElement } from './channel-element.ts';
import type { InputChannel } from './input-channel.ts';
import { CHANNEL_CREDITS, OutputChannel } from './output-channel.ts';

/** Batches that the consumer takes before it gives their credit back in one frame. */
const CREDITS_RETURNED = CHANNEL_CREDITS >> 1;

export interface RemoteChannelOptions {
  readonly address: ChannelAddress;
  readonly attemptNumber: number;
  readonly network: ChannelNetwork;
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
    const { attemptNumber } = this.#options;
    return {
      producerAttempt: attemptNumber,
      consumerAttempt: attemptNumber,
      edgeId,
      producerSubtask,
      consumerSubtask,
      sequence: this.#sent++,
    };
  }

  /**
   * Returns the frame's element.
   * @throws {MillraceError} MR_PROTOCOL for another attempt's or channel's frame, a gap or a repeat
   */
  check({ header, element }: Frame): Frame['element'] {
    const { attemptNumber, address } = this.#options;
    const { channel } = address;
    const isOurs =
      header.producerAttempt === attemptNumber &&
      header.consumerAttempt === attemptNumber &&
      header.edgeId === channel.edgeId &&
      header.producerSubtask === channel.producerSubtask &&
      header.consumerSubtask === channel.consumerSubtask;
    if (!isOurs || header.sequence !== this.#received) {
      throw new MillraceError(
        'MR_PROTOCOL',
        `Cannot take a frame on channel "${address.key}": expected frame ${this.#received} of attempt ${attemptNumber}, got another`,
        {
          details: { ...header, expectedSequence: this.#received, expectedAttempt: attemptNumber },
        },
      );
    }
    this.#received++;
    return element;
  }
}

function channelElement(element: Frame['element'], isChecked: boolean): ChannelElement {
  switch (element.kind) {
    case ElementKind.Batch:
      return {
        kind: ElementKind.Batch,
        batch: isChecked ? decodeBatchV1(element.batchBytes) : decodeUncheckedBatchV1(element.batchBytes),
      };
    case ElementKind.Credit:
    case ElementKind.SplitRequest:
    case ElementKind.SplitFinished:
      throw wrongDirection(element.kind);
    default:
      return element;
  }
}

function upstreamElement(element: Frame['element']): UpstreamElement {
  switch (element.kind) {
    case ElementKind.Credit:
    case ElementKind.SplitRequest:
    case ElementKind.SplitFinished:
      return element;
    default:
      throw wrongDirection(element.kind);
  }
}

function wrongDirection(kind: number): MillraceError {
  return new MillraceError('MR_PROTOCOL', `Cannot take an element of kind ${kind}: it goes the other way`, {
    details: { kind },
  });
}

/** Runs `action`; what it throws fails the slot, because nobody else on the stack can tell whom it concerns. */
function guarded(options: RemoteChannelOptions, action: () => void): void {
  try {
    action();
  } catch (error) {
    options.fail(toWireError(error));
  }
}

/** After the end of input the other end may go first: the job is over, and its slot was told so earlier. */
function onClosed(options: RemoteChannelOptions, error: WireError | undefined, isAtEnd: boolean): void {
  if (error === undefined && isAtEnd) return;
  const { key } = options.address;
  const closed = new MillraceError(
    'MR_CHANNEL_CLOSED',
    `Lost channel "${key}": its other end closed it before the end of input`,
    { details: { key } },
  );
  options.fail(error ?? toWireError(closed));
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
  let isAtEnd = false;
  const output = new OutputChannel((element) => {
    const frame = encodeFrameV1(sequence.next(), element, sender?.isWithinProcess !== true);
    const bytes = frame.byteLength;
    if (element.kind === ElementKind.EndOfInput) isAtEnd = true;
    sender?.send(frame);
    return bytes;
  });
  const connect = (): void => {
    sender = options.network.openSender(options.address, {
      onSubscribed: () => guarded(options, () => output.grant(CHANNEL_CREDITS)),
      onUpstream: (frame) =>
        guarded(options, () => {
          if (isClosed) return;
          const element = upstreamElement(sequence.check(decodeFrameV1(frame)));
          if (element.kind === ElementKind.Credit) output.grant(element.count);
          else if (element.kind === ElementKind.SplitRequest) output.onSplitRequest();
          options.wake();
        }),
      onClosed: (error) => {
        if (!isClosed) onClosed(options, error, isAtEnd);
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
  let isAtEnd = false;
  let takenCount = 0;
  const receiver: FrameReceiver = options.network.openReceiver(options.address, {
    onFrame: (frame) =>
      guarded(options, () => {
        if (isClosed) return;
        const element = channelElement(sequence.check(decodeFrameV1(frame)), !receiver.isWithinProcess);
        if (element.kind === ElementKind.EndOfInput) isAtEnd = true;
        input.arrive(element);
      }),
    onClosed: (error) => {
      if (!isClosed) onClosed(options, error, isAtEnd);
    },
  });
  input.onTaken = () => {
    takenCount++;
    if (takenCount < CREDITS_RETURNED) return;
    receiver.sendUpstream(encodeFrameV1(sequence.next(), { kind: ElementKind.Credit, count: takenCount }));
    takenCount = 0;
  };
  input.requestSplit = () => {
    receiver.sendUpstream(encodeFrameV1(sequence.next(), { kind: ElementKind.SplitRequest }));
  };
  return () => {
    isClosed = true;
    receiver.close();
  };
}
