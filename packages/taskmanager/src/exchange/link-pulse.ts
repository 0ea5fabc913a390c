// Tells a connection that is dead from one whose other end is busy. A slot's thread may be in user code for long, so that its
// silence means nothing by itself. But when a new connection to it is answered and the old one is not, the old one is dead.
import type { Cancellable, TimerPort } from '@millrace/common';

/** Looks within the time-out. */
const BEATS = 8;
/** Beats of silence after which a new connection is tried. */
const BEATS_BEFORE_PROBE = 5;
/** Beats from the new connection's answer to the verdict: an answer of the old one may be on its way. */
const BEATS_AFTER_ANSWER = 1;
/** A message that is on its way may take as long as at this rate; nothing else comes meanwhile. */
const BYTES_PER_SECOND_MIN = 64 * 1024;

export interface LinkPulseOptions {
  readonly timers: TimerPort;
  /** Silence of a connection whose other end answers a new one. */
  readonly timeoutMs: number;
  /** Asks the other end for a sign of life. */
  readonly ping: () => void;
  /** Makes a new connection to the same slot and asks there; `onAnswer` comes later, if it does. Returns what ends it. */
  readonly probe: (onAnswer: () => void) => () => void;
  readonly onHalfOpen: (silentMs: number) => void;
}

/*
 * Time is counted in beats between which this thread's own events were handled, so that a thread that was busy, or a process
 * that was stopped, does not blame others. In a beat without a sign of life the other end is asked for one; after five a new
 * connection asks, too; after eight, when only that one was answered, the old one is half-open, and `onHalfOpen` is called, once.
 * Bounds: one ping and one probe at a time. Threading: one thread.
 */
export class LinkPulse {
  readonly #of: LinkPulseOptions;
  #timer: Cancellable;
  #silentBeats = 0;
  /** Beats more than usual that are waited, for a large message. */
  #patienceBeats = 0;
  #isHeard = false;
  #isAsked = false;
  #endProbe: (() => void) | undefined;
  #answeredAtBeat: number | undefined;

  constructor(of: LinkPulseOptions) {
    this.#of = of;
    this.#timer = this.#beatLater();
  }

  /** Something has come. */
  heard(): void {
    this.#isHeard = true;
    this.#patienceBeats = 0;
  }

  /** A single message of so many bytes is about to come. */
  expect(bytes: number): void {
    this.#patienceBeats = Math.ceil(((bytes / BYTES_PER_SECOND_MIN) * 1_000) / this.#beatMs);
  }

  /** The connection is over. */
  stop(): void {
    this.#timer.cancel();
    this.#forgetProbe();
  }

  get #beatMs(): number {
    return this.#of.timeoutMs / BEATS;
  }

  #beatLater(): Cancellable {
    return this.#of.timers.schedule(this.#beatMs, () => this.#beat());
  }

  #beat(): void {
    this.#timer = this.#beatLater();
    if (this.#isHeard) {
      this.#isHeard = false;
      this.#isAsked = false;
      this.#silentBeats = 0;
      this.#forgetProbe();
      return;
    }
    this.#silentBeats++;
    if (!this.#isAsked) {
      this.#isAsked = true;
      this.#of.ping();
      return;
    }
    const silentBeats = this.#silentBeats - this.#patienceBeats;
    if (silentBeats >= BEATS && this.#isProbeConclusive) {
      this.stop();
      this.#of.onHalfOpen(Math.round(this.#silentBeats * this.#beatMs));
    } else if (silentBeats >= BEATS_BEFORE_PROBE) this.#probe();
  }

  get #isProbeConclusive(): boolean {
    return (
      this.#answeredAtBeat !== undefined && this.#silentBeats - this.#answeredAtBeat >= BEATS_AFTER_ANSWER
    );
  }

  #probe(): void {
    if (this.#endProbe !== undefined) {
      // One that got no answer in a whole time-out may have died, too.
      if (this.#answeredAtBeat !== undefined || this.#silentBeats % BEATS !== 0) return;
      this.#forgetProbe();
    }
    let isWanted = true;
    const end = this.#of.probe(() => {
      if (isWanted) this.#answeredAtBeat ??= this.#silentBeats;
    });
    this.#endProbe = () => {
      isWanted = false;
      end();
    };
  }

  #forgetProbe(): void {
    this.#endProbe?.();
    this.#endProbe = undefined;
    this.#answeredAtBeat = undefined;
  }
}
