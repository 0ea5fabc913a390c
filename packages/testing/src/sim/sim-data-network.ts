// Where slots find each other's data exchange: by the address of the worker, as long as it lives.
import { MillraceError, toWireError } from '@millrace/common';
import type { SlotDeployment, SubtaskLocation } from '@millrace/proto';
import { ChannelExchange, LinkPulse, type Link } from '@millrace/taskmanager/local';
import { SimLinkPair, type SimLinkOptions } from './sim-link.ts';
import type { SimProcess } from './sim-process.ts';

interface Endpoint {
  readonly thread: SimProcess;
  exchange: ChannelExchange | undefined;
  attempt: string;
  /** Links whose attempt is not served yet. */
  waiting: { readonly attempt: string; readonly link: Link }[];
}

/** Contract: a link to a dead worker closes; one to a worker that does not serve the attempt yet waits for it. */
export class SimDataNetwork {
  readonly #options: SimLinkOptions;
  readonly #endpoints = new Map<string, Endpoint>();
  readonly #links = new Set<SimLinkPair>();

  constructor(options: SimLinkOptions) {
    this.#options = options;
  }

  /** A worker thread listens under `address`. */
  listen(address: string, thread: SimProcess): void {
    this.#endpoints.set(address, { thread, exchange: undefined, attempt: '', waiting: [] });
    thread.onDeath(() => this.#endpoints.delete(address));
  }

  /** The network of one slot for one attempt. */
  open(address: string, deployment: SlotDeployment): ChannelExchange {
    const endpoint = this.#endpoints.get(address);
    if (endpoint === undefined) throw new MillraceError('MR_INTERNAL', `No worker listens under ${address}`);
    const attempt = `${deployment.jobId}/${deployment.attemptNumber}`;
    const exchange = new ChannelExchange({
      timers: endpoint.thread.timers,
      connect: (producer) => this.#connect(endpoint.thread, producer, attempt),
    });
    endpoint.exchange = exchange;
    endpoint.attempt = attempt;
    for (const { attempt: wanted, link } of endpoint.waiting.splice(0)) {
      if (wanted === attempt) exchange.accept(link);
      else link.close();
    }
    return exchange;
  }

  close(address: string): void {
    this.#endpoints.get(address)?.exchange?.close();
  }

  /** Connections that are open, and workers that serve an attempt. */
  get openCount(): number {
    let count = this.#links.size;
    for (const { exchange } of this.#endpoints.values()) if (exchange !== undefined) count++;
    return count;
  }

  /** Breaks one connection, chosen by `index`. Returns false when there is none. */
  breakOne(index: number): boolean {
    return this.#choose(index)?.break() ?? false;
  }

  /** Breaks one connection in the middle of its next frame. Returns false when there is none. */
  resetOne(index: number): boolean {
    const link = this.#choose(index);
    link?.resetOnNextFrame();
    return link !== undefined;
  }

  /** From now on nothing passes one connection, and nobody is told. Returns false when there is none, or nobody would notice. */
  freezeOne(index: number): boolean {
    const link = this.#options.silenceMs === undefined ? undefined : this.#choose(index);
    if (link === undefined || link.isFrozen) return false;
    link.isFrozen = true;
    return true;
  }

  #choose(index: number): SimLinkPair | undefined {
    const links = [...this.#links];
    return links[index % Math.max(1, links.length)];
  }

  #connect(consumer: SimProcess, { dataAddress }: SubtaskLocation, attempt: string): Link {
    const endpoint = this.#endpoints.get(dataAddress);
    if (endpoint === undefined) return refused(consumer, dataAddress, 1);
    const { routes } = this.#options;
    if (!routes.isReachable(consumer.machine, endpoint.thread.machine))
      return refused(consumer, dataAddress, routes.connectTimeoutMs());
    const pair = new SimLinkPair({ consumer, producer: endpoint.thread }, this.#options);
    this.#links.add(pair);
    const endPulse = this.#watch(pair, { consumer, endpoint, attempt });
    const forget = (): void => {
      this.#links.delete(pair);
      endPulse();
    };
    pair.onOver = forget;
    consumer.onDeath(forget);
    endpoint.thread.onDeath(forget);
    endpoint.thread.post(this.#options.delayMs(), 'link accepted', () =>
      this.#accept(endpoint, attempt, pair.producing),
    );
    return pair.consuming;
  }

  /** What real links do: `openGrpcLink`. Returns what ends it. */
  #watch(
    pair: SimLinkPair,
    of: { readonly consumer: SimProcess; readonly endpoint: Endpoint; readonly attempt: string },
  ): () => void {
    const { silenceMs, onHalfOpen } = this.#options;
    if (silenceMs === undefined) return () => undefined;
    const pulse = new LinkPulse({
      timers: of.consumer.timers,
      timeoutMs: silenceMs,
      ping: () => pair.consuming.ping(),
      probe: (onAnswer) => this.#probe(of, onAnswer),
      onHalfOpen: () => {
        onHalfOpen(pair.isFrozen);
        pair.break();
      },
    });
    pair.consuming.onHeard = () => pulse.heard();
    return () => pulse.stop();
  }

  /** A question over a connection of its own, answered by whoever serves the attempt. */
  #probe(
    {
      consumer,
      endpoint,
      attempt,
    }: { readonly consumer: SimProcess; readonly endpoint: Endpoint; readonly attempt: string },
    onAnswer: () => void,
  ): () => void {
    let isWanted = true;
    const { routes, delayMs } = this.#options;
    const { thread } = endpoint;
    const answer = (): void => {
      if (endpoint.exchange === undefined || endpoint.attempt !== attempt) return;
      consumer.post(delayMs() + routes.delayMs(thread.machine, consumer.machine), 'probe answered', () => {
        if (isWanted) onAnswer();
      });
    };
    if (routes.isReachable(consumer.machine, thread.machine))
      thread.post(delayMs() + routes.delayMs(consumer.machine, thread.machine), 'probe', answer);
    return () => (isWanted = false);
  }

  #accept(endpoint: Endpoint, attempt: string, link: Link): void {
    if (endpoint.exchange === undefined) endpoint.waiting.push({ attempt, link });
    else if (endpoint.attempt === attempt) endpoint.exchange.accept(link);
    else link.close();
  }
}

/** What a connection to nobody gives. */
function refused(consumer: SimProcess, address: string, delayMs: number): Link {
  return {
    isWithinProcess: false,
    open: (events) => {
      consumer.post(delayMs, 'link refused', () =>
        events.onLinkClosed(
          toWireError(new MillraceError('MR_CHANNEL_CLOSED', `Cannot connect to ${address}: no connection`)),
        ),
      );
    },
    subscribe: () => undefined,
    sendFrame: () => undefined,
    closeChannel: () => undefined,
    close: () => undefined,
  };
}
