// ChannelNetwork of one slot over links: matches the channels that the slot opens with those that the other ends ask for.
import {
  invariant,
  MillraceError,
  toWireError,
  type Cancellable,
  type TimerPort,
  type WireError,
} from '@millrace/common';
import type { SubtaskLocation } from '@millrace/proto';
import type {
  ChannelAddress,
  ChannelNetwork,
  FrameReceiver,
  FrameSender,
  ReceiverEvents,
  SenderEvents,
} from '@millrace/runtime';
import type { Link, LinkEvents } from './link.ts';

/**
 * How long one side of a channel waits for the other. Generous, because the other side may be restoring its state: a
 * lost process is noticed by its closed connection, and a cancelled attempt ends the wait.
 */
export const CHANNEL_OPEN_WAIT_MS = 300_000;

export interface ChannelExchangeOptions {
  readonly timers: TimerPort;
  /** Makes the consuming end of a link to a producing slot. Called once a slot. */
  readonly connect: (producer: SubtaskLocation) => Link;
  readonly openWaitMs?: number;
}

/** A channel's producing side before and after its consumer came. */
interface SenderEntry {
  readonly events: SenderEvents;
  link: Link | undefined;
  channelId: number;
  wait: Cancellable | undefined;
  /** What came upstream before `onSubscribed`; undefined: nothing waits for that any more. */
  early: Uint8Array[] | undefined;
}

/** A consumer that asked for a channel that is not open yet. */
interface WaitingSubscription {
  readonly link: Link;
  readonly channelId: number;
  readonly senders: Map<number, SenderEntry>;
  readonly wait: Cancellable;
  /** What the consumer sends upstream meanwhile: its request for a split. */
  readonly early: Uint8Array[];
}

/** Frames that a consumer may send before its producer is there: nothing but requests, as it has taken nothing yet. */
const EARLY_FRAMES_MAX = 16;

/** The consuming end of one link. */
interface ConsumerLink {
  readonly link: Link;
  readonly receivers: Map<number, ReceiverEvents>;
  nextChannelId: number;
  closedBy: WireError | undefined;
  isClosed: boolean;
}

/**
 * Threading: the slot's thread. Bounds: channels of one job attempt; frames in flight are bounded by the credits of
 * whoever uses the channels.
 */
export class ChannelExchange implements ChannelNetwork {
  readonly #timers: TimerPort;
  readonly #connect: (producer: SubtaskLocation) => Link;
  readonly #openWaitMs: number;
  readonly #senders = new Map<string, SenderEntry>();
  readonly #waiting = new Map<string, WaitingSubscription>();
  readonly #consumerLinks = new Map<string, ConsumerLink>();
  readonly #producerLinks = new Set<Link>();

  constructor(options: ChannelExchangeOptions) {
    this.#timers = options.timers;
    this.#connect = options.connect;
    this.#openWaitMs = options.openWaitMs ?? CHANNEL_OPEN_WAIT_MS;
  }

  /** Takes the producing end of a link over. */
  accept(link: Link): void {
    const senders = new Map<number, SenderEntry>();
    this.#producerLinks.add(link);
    link.open({
      onSubscribe: (channelId, key) => this.#onSubscribe({ link, channelId, senders, key }),
      onFrame: (channelId, frame) => {
        const entry = senders.get(channelId);
        if (entry === undefined) this.#keepEarly(link, channelId, frame);
        else if (entry.early === undefined) entry.events.onUpstream(frame);
        else entry.early.push(frame);
      },
      onChannelClosed: (channelId, error) => {
        const entry = senders.get(channelId);
        senders.delete(channelId);
        if (entry === undefined) this.#stopWaiting(link, channelId);
        else entry.events.onClosed(error);
      },
      onLinkClosed: (error) => {
        this.#producerLinks.delete(link);
        this.#stopWaiting(link);
        const entries = [...senders.values()];
        senders.clear();
        for (const { events } of entries) events.onClosed(error ?? brokenLink());
      },
    });
  }

  openSender(address: ChannelAddress, events: SenderEvents): FrameSender {
    const { key } = address;
    if (this.#senders.has(key))
      throw new MillraceError('MR_PROTOCOL', `Cannot open channel "${key}": it is open already`);
    const entry: SenderEntry = {
      events,
      link: undefined,
      channelId: -1,
      wait: undefined,
      early: undefined,
    };
    this.#senders.set(key, entry);
    const waiting = this.#waiting.get(key);
    if (waiting === undefined) {
      entry.wait = this.#timers.schedule(this.#openWaitMs, () => {
        this.#senders.delete(key);
        events.onClosed(toWireError(timedOut(key, 'its consumer did not come', this.#openWaitMs)));
      });
    } else {
      this.#waiting.delete(key);
      waiting.wait.cancel();
      this.#attach(entry, waiting);
      entry.early = waiting.early;
      // Not inside this call: the caller does not hold its sender yet.
      entry.wait = this.#timers.schedule(0, () => {
        entry.early = undefined;
        events.onSubscribed();
        for (const frame of waiting.early) events.onUpstream(frame);
      });
    }
    return {
      get isWithinProcess() {
        return entry.link?.isWithinProcess === true;
      },
      send: (frame) => {
        if (entry.link === undefined)
          throw new MillraceError(
            'MR_PROTOCOL',
            `Cannot send on channel "${key}": its consumer is not there yet`,
          );
        entry.link.sendFrame(entry.channelId, frame);
      },
      close: () => {
        entry.wait?.cancel();
        this.#senders.delete(key);
        this.#senderMaps.get(entry)?.delete(entry.channelId);
        entry.link?.closeChannel(entry.channelId, undefined);
      },
    };
  }

  openReceiver(address: ChannelAddress, events: ReceiverEvents): FrameReceiver {
    const consumer = this.#consumerLinkTo(address.channel.producer);
    const channelId = consumer.nextChannelId++;
    if (consumer.isClosed) {
      this.#timers.schedule(0, () => events.onClosed(consumer.closedBy ?? brokenLink()));
      return { isWithinProcess: false, sendUpstream: () => undefined, close: () => undefined };
    }
    consumer.receivers.set(channelId, events);
    consumer.link.subscribe(channelId, address.key);
    return {
      isWithinProcess: consumer.link.isWithinProcess,
      sendUpstream: (frame) => {
        if (!consumer.isClosed) consumer.link.sendFrame(channelId, frame);
      },
      close: () => {
        if (consumer.receivers.delete(channelId) && !consumer.isClosed)
          consumer.link.closeChannel(channelId, undefined);
      },
    };
  }

  /** Closes all links; what was sent before still goes out. */
  close(): void {
    for (const { link } of this.#consumerLinks.values()) link.close();
    for (const link of this.#producerLinks) link.close();
    for (const { wait } of this.#waiting.values()) wait.cancel();
    for (const { wait } of this.#senders.values()) wait?.cancel();
    this.#consumerLinks.clear();
    this.#producerLinks.clear();
    this.#waiting.clear();
    this.#senders.clear();
  }

  readonly #senderMaps = new WeakMap<SenderEntry, Map<number, SenderEntry>>();

  #attach(
    entry: SenderEntry,
    to: { readonly link: Link; readonly channelId: number; readonly senders: Map<number, SenderEntry> },
  ): void {
    entry.wait?.cancel();
    entry.link = to.link;
    entry.channelId = to.channelId;
    to.senders.set(to.channelId, entry);
    this.#senderMaps.set(entry, to.senders);
  }

  #onSubscribe(request: {
    readonly link: Link;
    readonly channelId: number;
    readonly senders: Map<number, SenderEntry>;
    readonly key: string;
  }): void {
    const { link, channelId, key } = request;
    const entry = this.#senders.get(key);
    if (entry?.link !== undefined || this.#waiting.has(key)) {
      link.closeChannel(
        channelId,
        toWireError(
          new MillraceError('MR_PROTOCOL', `Cannot subscribe to channel "${key}": it has a consumer`),
        ),
      );
      return;
    }
    if (entry !== undefined) {
      this.#attach(entry, request);
      entry.events.onSubscribed();
      return;
    }
    const wait = this.#timers.schedule(this.#openWaitMs, () => {
      this.#waiting.delete(key);
      link.closeChannel(
        channelId,
        toWireError(timedOut(key, 'its producer did not open it', this.#openWaitMs)),
      );
    });
    this.#waiting.set(key, { ...request, wait, early: [] });
  }

  /** A consumer, or all of a link, went before the producer came. */
  #stopWaiting(link: Link, channelId?: number): void {
    for (const [key, waiting] of this.#waiting) {
      if (waiting.link !== link || (channelId !== undefined && waiting.channelId !== channelId)) continue;
      waiting.wait.cancel();
      this.#waiting.delete(key);
    }
  }

  /** The producer's slot is still on its way: whatever is lost now nobody sends again. */
  #keepEarly(link: Link, channelId: number, frame: Uint8Array): void {
    for (const waiting of this.#waiting.values()) {
      if (waiting.link !== link || waiting.channelId !== channelId) continue;
      invariant(
        waiting.early.length < EARLY_FRAMES_MAX,
        'a consumer sends much before its producer is there',
      );
      waiting.early.push(frame);
      return;
    }
  }

  #consumerLinkTo(producer: SubtaskLocation): ConsumerLink {
    const name = `${producer.taskManagerId}/${producer.slotIndex}`;
    const existing = this.#consumerLinks.get(name);
    if (existing !== undefined) return existing;
    const consumer: ConsumerLink = {
      link: this.#connect(producer),
      receivers: new Map(),
      nextChannelId: 0,
      closedBy: undefined,
      isClosed: false,
    };
    this.#consumerLinks.set(name, consumer);
    consumer.link.open(consumerEvents(consumer));
    return consumer;
  }
}

function consumerEvents(consumer: ConsumerLink): LinkEvents {
  const { receivers } = consumer;
  return {
    onSubscribe: () => undefined, // Only the producing end is asked for channels.
    onFrame: (channelId, frame) => receivers.get(channelId)?.onFrame(frame),
    onChannelClosed: (channelId, error) => {
      const events = receivers.get(channelId);
      receivers.delete(channelId);
      events?.onClosed(error);
    },
    onLinkClosed: (error) => {
      consumer.isClosed = true;
      consumer.closedBy = error;
      const open = [...receivers.values()];
      receivers.clear();
      for (const events of open) events.onClosed(error ?? brokenLink());
    },
  };
}

function brokenLink(): WireError {
  return toWireError(
    new MillraceError(
      'MR_CHANNEL_CLOSED',
      'Lost a data channel: the connection to the other slot was closed',
    ),
  );
}

function timedOut(key: string, what: string, waitMs: number): MillraceError {
  return new MillraceError('MR_CHANNEL_CLOSED', `Cannot open channel "${key}": ${what} within ${waitMs} ms`, {
    details: { key, waitMs },
  });
}
