// Looks whether the TaskManagers that this one's slots read from can still be reached. Their slots cannot be asked: they
// may compute for long without a pause. But the operating system takes a connection for them all the while, so that a
// network that is cut between two TaskManagers, both of which the JobManager hears, is noticed whatever user code does.
import { connect } from 'node:net';
import {
  MillraceError,
  toWireError,
  type Cancellable,
  type Clock,
  type TimerPort,
  type WireError,
} from '@millrace/common';
import type { SlotDeployment } from '@millrace/proto';

/** Looks within the time that a peer may be out of reach. */
const LOOKS = 5;

export interface PeerWatchOptions {
  readonly taskManagerId: string;
  readonly timers: TimerPort;
  readonly clock: Clock;
  /** How long a peer may be out of reach. */
  readonly timeoutMs: number;
  /** Resolves to whether anything answers at `address`, within `limitMs`. */
  readonly reach?: (address: string, limitMs: number) => Promise<boolean>;
}

interface Watched {
  readonly addresses: ReadonlySet<string>;
  readonly onLost: (error: WireError) => void;
}

/** Threading: the main thread. Bounds: one connection at a time and TaskManager, closed as soon as it is made. */
export class PeerWatch {
  readonly #of: PeerWatchOptions;
  readonly #reach: (address: string, limitMs: number) => Promise<boolean>;
  readonly #watched = new Map<string, Watched>();
  readonly #reachedMs = new Map<string, number>();
  readonly #underWay = new Set<string>();
  #timer: Cancellable | undefined;
  #lookedMs = 0;

  constructor(of: PeerWatchOptions) {
    this.#of = of;
    this.#reach = of.reach ?? answers;
  }

  /** Watches the producers of a slot in other TaskManagers until `unwatch`; `onLost` is called at most once. */
  watch(name: string, deployment: SlotDeployment, onLost: (error: WireError) => void): void {
    const addresses = new Set(producersOf(deployment, this.#of.taskManagerId).values());
    if (addresses.size === 0) return;
    const nowMs = this.#of.clock.monotonicMs();
    for (const address of addresses) if (!this.#isWatched(address)) this.#reachedMs.set(address, nowMs);
    this.#watched.set(name, { addresses, onLost });
    if (this.#timer === undefined) this.#lookLater(nowMs);
  }

  unwatch(name: string): void {
    this.#watched.delete(name);
    for (const address of this.#reachedMs.keys())
      if (!this.#isWatched(address)) this.#reachedMs.delete(address);
    if (this.#watched.size > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #isWatched(address: string): boolean {
    for (const { addresses } of this.#watched.values()) if (addresses.has(address)) return true;
    return false;
  }

  #lookLater(nowMs: number): void {
    this.#lookedMs = nowMs;
    this.#timer = this.#of.timers.schedule(this.#of.timeoutMs / LOOKS, () => this.#look());
  }

  #look(): void {
    const nowMs = this.#of.clock.monotonicMs();
    const intervalMs = this.#of.timeoutMs / LOOKS;
    // A process that was stopped knows nothing of the time in which it was.
    const isAwake = nowMs - this.#lookedMs < 2 * intervalMs;
    for (const [address, reachedMs] of this.#reachedMs) {
      if (!isAwake) this.#reachedMs.set(address, nowMs);
      else if (nowMs - reachedMs > this.#of.timeoutMs) this.#lost(address, nowMs - reachedMs);
      if (this.#reachedMs.has(address)) void this.#ask(address, intervalMs);
    }
    if (this.#watched.size > 0) this.#lookLater(nowMs);
  }

  async #ask(address: string, limitMs: number): Promise<void> {
    if (this.#underWay.has(address)) return;
    this.#underWay.add(address);
    try {
      const isReached = await this.#reach(address, limitMs);
      if (isReached && this.#reachedMs.has(address))
        this.#reachedMs.set(address, this.#of.clock.monotonicMs());
    } finally {
      this.#underWay.delete(address);
    }
  }

  #lost(address: string, silentMs: number): void {
    const error = toWireError(
      new MillraceError(
        'MR_CHANNEL_CLOSED',
        `Cannot reach the TaskManager at ${address}: nothing has answered there for ${Math.round(silentMs)} ms, though it may be alive. Look at the network between the two machines`,
        { details: { address, silentMs } },
      ),
    );
    for (const [name, { addresses, onLost }] of Array.from(this.#watched)) {
      if (!addresses.has(address)) continue;
      this.unwatch(name);
      onLost(error);
    }
  }
}

/** One address of each other TaskManager that a slot reads from: what cuts off one of its slots cuts off all. */
function producersOf(deployment: SlotDeployment, taskManagerId: string): ReadonlyMap<string, string> {
  const addresses = new Map<string, string>();
  for (const { inputChannels } of deployment.subtasks) {
    for (const { producer } of inputChannels)
      if (producer.taskManagerId !== taskManagerId && producer.dataAddress !== '')
        addresses.set(producer.taskManagerId, producer.dataAddress);
  }
  return addresses;
}

/** A connection that is refused is an answer, too: the process is gone, which others notice, but not its machine. */
function answers(address: string, limitMs: number): Promise<boolean> {
  const colon = address.lastIndexOf(':');
  const host = address.slice(0, colon).replaceAll(/[[\]]/g, ''); // As in [::1]:6123.
  const port = Number(address.slice(colon + 1));
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const end = (isReached: boolean): void => {
      socket.destroy();
      resolve(isReached);
    };
    socket.setTimeout(limitMs, () => end(false));
    socket.once('connect', () => end(true));
    socket.once('error', ({ code }: NodeJS.ErrnoException) =>
      end(code === 'ECONNREFUSED' || code === 'ECONNRESET'),
    );
  });
}
