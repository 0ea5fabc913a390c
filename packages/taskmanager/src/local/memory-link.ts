// A link within one thread: for slots that share it, and for the simulator, whose timers decide when things arrive.
import type { TimerPort, WireError } from '@millrace/common';
import type { Link, LinkEvents } from '../exchange/link.ts';

/** The two ends of one link. What one sends, the other gets in order, `delayMs()` later at the earliest. */
export function memoryLinkPair(timers: TimerPort, delayMs: () => number = () => 0): readonly [Link, Link] {
  const first = new MemoryLink(timers, delayMs);
  const second = new MemoryLink(timers, delayMs);
  first.peer = second;
  second.peer = first;
  return [first, second];
}

class MemoryLink implements Link {
  readonly isWithinProcess = true;
  peer: MemoryLink | undefined;
  readonly #timers: TimerPort;
  readonly #delayMs: () => number;
  #inbox: ((events: LinkEvents) => void)[] = [];
  #events: LinkEvents | undefined;
  #isScheduled = false;
  #isClosed = false;

  constructor(timers: TimerPort, delayMs: () => number) {
    this.#timers = timers;
    this.#delayMs = delayMs;
  }

  open(events: LinkEvents): void {
    this.#events = events;
    this.#wake();
  }

  subscribe(channelId: number, key: string): void {
    this.#send((events) => events.onSubscribe(channelId, key));
  }

  sendFrame(channelId: number, frame: Uint8Array): void {
    this.#send((events) => events.onFrame(channelId, frame));
  }

  closeChannel(channelId: number, error: WireError | undefined): void {
    this.#send((events) => events.onChannelClosed(channelId, error));
  }

  close(): void {
    if (this.#isClosed) return;
    this.#send((events) => events.onLinkClosed(undefined));
    this.#isClosed = true;
  }

  #send(word: (events: LinkEvents) => void): void {
    if (!this.#isClosed) this.peer?.take(word);
  }

  take(word: (events: LinkEvents) => void): void {
    this.#inbox.push(word);
    this.#wake();
  }

  #wake(): void {
    if (this.#isScheduled || this.#events === undefined || this.#inbox.length === 0) return;
    this.#isScheduled = true;
    this.#timers.schedule(this.#delayMs(), () => {
      this.#isScheduled = false;
      const inbox = this.#inbox;
      this.#inbox = [];
      for (const word of inbox) if (!this.#isClosed && this.#events !== undefined) word(this.#events);
      this.#wake();
    });
  }
}
