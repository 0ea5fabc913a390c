// Links between slots that run in one thread: embedded jobs and the simulator.
import type { TimerPort } from '@millrace/common';
import type { SlotDeployment, SubtaskLocation } from '@millrace/proto';
import { ChannelExchange } from '../exchange/channel-exchange.ts';
import type { Link } from '../exchange/link.ts';
import { memoryLinkPair } from './memory-link.ts';

export interface LocalNetworkOptions {
  readonly timers: TimerPort;
  /** How long a message takes; each call may answer otherwise. Order is kept. */
  readonly delayMs?: () => number;
}

/** Threading: one thread. Bounds: the links of the attempts that run. */
export class LocalNetwork {
  readonly #options: LocalNetworkOptions;
  readonly #exchanges = new Map<string, ChannelExchange>();
  /** Producing ends whose slot is not deployed yet. */
  readonly #waiting = new Map<string, Link[]>();

  constructor(options: LocalNetworkOptions) {
    this.#options = options;
  }

  /** The network of one slot for one attempt. `close` breaks its links, as the end of its process would. */
  open(taskManagerId: string, deployment: SlotDeployment): ChannelExchange {
    const { timers, delayMs } = this.#options;
    const attempt = `${deployment.jobId}/${deployment.attemptNumber}`;
    const nameOf = (location: Pick<SubtaskLocation, 'taskManagerId' | 'slotIndex'>): string =>
      `${attempt}/${location.taskManagerId}/${location.slotIndex}`;
    const exchange = new ChannelExchange({
      timers,
      connect: (producer) => {
        const [consuming, producing] = memoryLinkPair(timers, delayMs);
        this.#offer(nameOf(producer), producing);
        return consuming;
      },
    });
    const name = nameOf({ taskManagerId, slotIndex: deployment.slotIndex });
    this.#exchanges.set(name, exchange);
    for (const link of this.#waiting.get(name) ?? []) exchange.accept(link);
    this.#waiting.delete(name);
    return exchange;
  }

  close(taskManagerId: string, deployment: SlotDeployment): void {
    const name = `${deployment.jobId}/${deployment.attemptNumber}/${taskManagerId}/${deployment.slotIndex}`;
    this.#exchanges.get(name)?.close();
    this.#exchanges.delete(name);
    for (const link of this.#waiting.get(name) ?? []) link.close();
    this.#waiting.delete(name);
  }

  #offer(name: string, link: Link): void {
    const exchange = this.#exchanges.get(name);
    if (exchange !== undefined) exchange.accept(link);
    else this.#waiting.set(name, [...(this.#waiting.get(name) ?? []), link]);
  }
}
