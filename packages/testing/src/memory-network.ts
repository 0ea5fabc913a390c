// Channels between slots of one process, for tests and the simulator: frames arrive later, in order, each once.
import type { TimerPort, WireError } from '@millrace/common';
import type {
  ChannelAddress,
  ChannelNetwork,
  FrameReceiver,
  FrameSender,
  ReceiverEvents,
  SenderEvents,
} from '@millrace/runtime';

interface Line {
  sender: SenderEvents | undefined;
  receiver: ReceiverEvents | undefined;
  isSubscribed: boolean;
  /** When the last frame of each direction arrives, monotonic: a later one never overtakes it. */
  downMs: number;
  upMs: number;
}

export interface MemoryNetworkOptions {
  readonly timers: TimerPort;
  readonly monotonicMs: () => number;
  /** Delay of each frame, ms; 0 unless given. */
  readonly delayMs?: () => number;
}

/** A network in memory. Frames are copied, as a real one would. */
export class MemoryNetwork implements ChannelNetwork {
  readonly #options: MemoryNetworkOptions;
  readonly #lines = new Map<string, Line>();
  /** Frames sent downstream so far. */
  frameCount = 0;

  constructor(options: MemoryNetworkOptions) {
    this.#options = options;
  }

  openSender(address: ChannelAddress, events: SenderEvents): FrameSender {
    const line = this.#line(address.key);
    line.sender = events;
    this.#subscribe(line);
    return {
      isWithinProcess: false,
      send: (frame) => {
        this.frameCount++;
        const copy = frame.slice();
        line.downMs = this.#deliver(line.downMs, () => line.receiver?.onFrame(copy));
      },
      close: () => {
        line.sender = undefined;
        line.downMs = this.#deliver(line.downMs, () => line.receiver?.onClosed(undefined));
      },
    };
  }

  openReceiver(address: ChannelAddress, events: ReceiverEvents): FrameReceiver {
    const line = this.#line(address.key);
    line.receiver = events;
    this.#subscribe(line);
    return {
      isWithinProcess: false,
      sendUpstream: (frame) => {
        const copy = frame.slice();
        line.upMs = this.#deliver(line.upMs, () => line.sender?.onUpstream(copy));
      },
      close: () => {
        line.receiver = undefined;
        line.upMs = this.#deliver(line.upMs, () => line.sender?.onClosed(undefined));
      },
    };
  }

  /** Breaks all channels, as a dying process would. */
  breakAll(error: WireError): void {
    for (const line of this.#lines.values()) {
      line.downMs = this.#deliver(line.downMs, () => line.receiver?.onClosed(error));
      line.upMs = this.#deliver(line.upMs, () => line.sender?.onClosed(error));
    }
    this.#lines.clear();
  }

  #line(key: string): Line {
    const known = this.#lines.get(key);
    if (known !== undefined) return known;
    const line: Line = { sender: undefined, receiver: undefined, isSubscribed: false, downMs: 0, upMs: 0 };
    this.#lines.set(key, line);
    return line;
  }

  #subscribe(line: Line): void {
    if (line.isSubscribed || line.sender === undefined || line.receiver === undefined) return;
    line.isSubscribed = true;
    line.upMs = this.#deliver(line.upMs, () => line.sender?.onSubscribed());
  }

  /** Order is kept also where timers of one instant fire in any order: each instant is later than the last. */
  #deliver(lastMs: number, action: () => void): number {
    const nowMs = this.#options.monotonicMs();
    const atMs = Math.max(nowMs + (this.#options.delayMs?.() ?? 0), lastMs + 1e-6);
    this.#options.timers.schedule(atMs - nowMs, action);
    return atMs;
  }
}
