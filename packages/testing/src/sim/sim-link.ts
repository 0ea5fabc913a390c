// Data links between slots: ordered, slow, and gone at once or unnoticed for a while when an end dies.
import { MillraceError, toWireError, type WireError } from '@millrace/common';
import type { Link, LinkEvents } from '@millrace/taskmanager/local';
import { SimLane, type SimProcess } from './sim-process.ts';
import type { RoutedConnection, SimRoutes } from './sim-routes.ts';

export interface SimLinkOptions {
  readonly delayMs: () => number;
  /** How long after the death of one end the other notices. */
  readonly noticeMs: () => number;
  readonly routes: SimRoutes;
  /** How long a dead connection may stay unnoticed whose other end takes new ones; undefined: for ever. */
  readonly silenceMs: number | undefined;
  /** A connection was taken for dead. */
  readonly onHalfOpen: (wasDead: boolean) => void;
  /** Sees each frame before it is sent. */
  readonly onFrame: (linkId: number, frame: Uint8Array) => void;
}

let nextLinkId = 1;

/** Two ends of one connection between two threads. */
export class SimLinkPair {
  readonly consuming: SimLinkEnd;
  readonly producing: SimLinkEnd;
  /** Neither end is used any more. */
  onOver: () => void = () => undefined;
  #isBroken = false;
  /** Nothing arrives any more, and nobody is told. */
  isFrozen = false;
  readonly #route: RoutedConnection;
  readonly #options: SimLinkOptions;

  constructor(of: { readonly consumer: SimProcess; readonly producer: SimProcess }, options: SimLinkOptions) {
    this.#options = options;
    const id = nextLinkId++;
    this.consuming = new SimLinkEnd(id, of.consumer, options);
    this.producing = new SimLinkEnd(id, of.producer, options);
    this.consuming.peer = this.producing;
    this.producing.peer = this.consuming;
    for (const end of [this.consuming, this.producing]) end.isFrozen = () => this.isFrozen;
    this.#route = {
      ends: [of.consumer.machine, of.producer.machine],
      giveUp: () => void this.break(),
    };
    options.routes.add(this.#route);
    for (const end of [this.consuming, this.producing]) {
      end.onReset = () => void this.break();
      end.onOver = () => this.#overPerhaps();
    }
    of.consumer.onDeath(() => this.break());
    of.producer.onDeath(() => this.break());
  }

  /** What is under way arrives no more; each end that lives is told. Returns whether that changed anything. */
  break(): boolean {
    if (this.#isBroken || (this.consuming.isOver && this.producing.isOver)) return false;
    this.#isBroken = true;
    this.#options.routes.remove(this.#route);
    this.onOver();
    this.consuming.lose(this.#options.noticeMs());
    this.producing.lose(this.#options.noticeMs());
    return true;
  }

  /** The next frame of either end is cut off in its middle. */
  resetOnNextFrame(): void {
    this.consuming.isResetNext = true;
    this.producing.isResetNext = true;
  }

  #overPerhaps(): void {
    if (!this.consuming.isOver || !this.producing.isOver) return;
    this.#options.routes.remove(this.#route);
    this.onOver();
  }
}

/** One end. Contract: as the port says. */
export class SimLinkEnd implements Link {
  /** Of the simulated kind: it may be between processes. */
  readonly isWithinProcess = false;
  peer: SimLinkEnd | undefined;
  readonly #id: number;
  readonly #owner: SimProcess;
  readonly #options: SimLinkOptions;
  readonly #lane: SimLane;
  #events: LinkEvents | undefined;
  /** What came before `open`, and what comes until that is handed over; undefined: what comes is handed over at once. */
  #early: ((events: LinkEvents) => void)[] | undefined = [];
  /** Nothing more is sent. */
  #isClosed = false;
  /** Nothing more arrives but the loss. */
  #isLost = false;
  #isEnded = false;
  isResetNext = false;
  isFrozen: () => boolean = () => false;
  onReset: () => void = () => undefined;
  onOver: () => void = () => undefined;
  /** Something has come. */
  onHeard: () => void = () => undefined;

  constructor(id: number, owner: SimProcess, options: SimLinkOptions) {
    this.#id = id;
    this.#owner = owner;
    this.#options = options;
    this.#lane = new SimLane(owner.scheduler);
  }

  get isOver(): boolean {
    return this.#isEnded || this.#isClosed || this.#owner.isDead;
  }

  open(events: LinkEvents): void {
    this.#events = events;
    // Events never come inside a call to the link.
    if (this.#early?.length === 0) this.#early = undefined;
    else this.#owner.post(0, 'link opened', () => this.#handEarly());
  }

  subscribe(channelId: number, key: string): void {
    this.#send('subscribe', (events) => events.onSubscribe(channelId, key));
  }

  sendFrame(channelId: number, frame: Uint8Array): void {
    if (this.isResetNext && !this.#isClosed && !this.#isLost) return this.onReset();
    this.#options.onFrame(this.#id, frame);
    this.#send('frame', (events) => events.onFrame(channelId, frame));
  }

  /** Asks the other end for a sign of life. */
  ping(): void {
    this.#send('ping', () => this.peer?.pong());
  }

  pong(): void {
    this.#send('pong', () => undefined);
  }

  closeChannel(channelId: number, error: WireError | undefined): void {
    this.#send('close channel', (events) => events.onChannelClosed(channelId, error));
  }

  close(): void {
    if (this.#isClosed) return;
    const { peer } = this;
    this.#send('close', () => peer?.end(undefined));
    this.#isClosed = true;
    this.onOver();
  }

  /** The connection is gone; the owner learns it after `noticeMs`. */
  lose(noticeMs: number): void {
    this.#isLost = true;
    if (this.#owner.isDead) return;
    this.#owner.post(noticeMs, 'link lost', () => this.end(toWireError(lost())));
  }

  end(error: WireError | undefined): void {
    if (this.#isEnded) return;
    if (this.#early !== undefined) {
      this.#early.push(() => this.end(error));
      return;
    }
    this.#isEnded = true;
    this.onOver();
    this.#events?.onLinkClosed(error);
  }

  #send(label: string, word: (events: LinkEvents) => void): void {
    const { peer } = this;
    if (this.#isClosed || this.#isLost || peer === undefined || this.isFrozen()) return;
    const { routes, delayMs } = this.#options;
    const from = this.#owner.machine;
    this.#lane.put(peer.#owner, delayMs() + routes.delayMs(from, peer.#owner.machine), {
      label,
      action: () => routes.carry(from, peer.#owner, () => peer.#arrive(word)),
    });
  }

  #arrive(word: (events: LinkEvents) => void): void {
    if (this.#isLost || this.isFrozen()) return;
    this.onHeard();
    if (this.#early === undefined) this.#hand(word);
    else this.#early.push(word);
  }

  #handEarly(): void {
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const word of early) this.#hand(word);
  }

  #hand(word: (events: LinkEvents) => void): void {
    if (!this.#isEnded && !this.#isClosed && this.#events !== undefined) word(this.#events);
  }
}

function lost(): MillraceError {
  return new MillraceError(
    'MR_CHANNEL_CLOSED',
    'Lost a data channel: the connection to the other slot broke',
  );
}
