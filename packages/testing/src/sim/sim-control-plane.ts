// Streams between TaskManagers and the JobManager: ordered but for the faults, broken noticed or unnoticed, made again.
import { RESOURCE_MANAGER_SERVICE, type AddressedMessage, type TaskManagerMessage } from '@millrace/proto';
import type { JobManager, TaskManagerConnection } from '@millrace/jobmanager';
import type { TaskExecutor } from '@millrace/taskmanager';
import { SimLane, type SimProcess } from './sim-process.ts';
import type { RoutedConnection, SimRoutes } from './sim-routes.ts';

/** What the network does to one control message beyond delivering it. */
export interface MessageFate {
  readonly delayMs: number;
  /** It arrives again this much later. */
  readonly againMs: number | undefined;
  /** Others overtake it. */
  readonly isOutOfOrder: boolean;
  /** It is lost, and so is all that follows: nobody notices until the connection is given up. */
  readonly isLost: boolean;
}

/** A JobManager that takes connections. */
export interface Leader {
  readonly process: SimProcess;
  readonly jobManager: JobManager;
}

export interface ControlPlaneOptions {
  readonly leader: () => Leader | undefined;
  readonly fateOf: (kind: string) => MessageFate;
  /** How long after a break an end notices. */
  readonly noticeMs: () => number;
  /** Until the ends of a connection that lost a message give it up. */
  readonly silenceMs: () => number;
  readonly routes: SimRoutes;
  /** Sees each message that a leader sends, whatever becomes of it. */
  readonly onSent: (message: AddressedMessage) => void;
  /** Sees each message before a TaskManager does. */
  readonly onMessage: (message: AddressedMessage, to: TaskExecutor) => void;
  /** Messages go through the protocol's codecs. */
  readonly isEncoded: boolean;
}

const RECONNECT_DELAY_MS_MIN = 50;
const RECONNECT_DELAY_MS_MAX = 1_000;

/** A TaskManager's connection to whoever leads, made again when it breaks. */
export class SimLeaderConnection {
  readonly #options: ControlPlaneOptions;
  readonly #process: SimProcess;
  readonly #executor: () => TaskExecutor;
  #stream: ControlStream | undefined;
  #failuresInRow = 0;

  constructor(process: SimProcess, executor: () => TaskExecutor, options: ControlPlaneOptions) {
    this.#process = process;
    this.#executor = executor;
    this.#options = options;
    this.#retry();
  }

  send(message: TaskManagerMessage): void {
    this.#stream?.toLeader(message);
  }

  /** Gives the present connection up. */
  reconnect(): void {
    this.#stream?.break({ taskManagerMs: 0, leaderMs: this.#options.noticeMs() });
  }

  /** The network cuts the connection. Returns whether there was one. */
  break(of: { readonly taskManagerMs: number; readonly leaderMs: number }): boolean {
    return this.#stream?.break(of) ?? false;
  }

  /** The next message is cut off in its middle. Returns whether there is a connection. */
  resetOnNextMessage(): boolean {
    if (this.#stream === undefined) return false;
    this.#stream.isResetNext = true;
    return true;
  }

  #retry(): void {
    const delayMs = Math.min(RECONNECT_DELAY_MS_MAX, RECONNECT_DELAY_MS_MIN * 2 ** this.#failuresInRow++);
    this.#process.post(delayMs, 'connect', () => this.#connect());
  }

  #connect(): void {
    const leader = this.#options.leader();
    if (leader === undefined || leader.process.isDead || leader.process.isPaused) {
      this.#retry();
      return;
    }
    const { routes } = this.#options;
    if (!routes.isReachable(this.#process.machine, leader.process.machine)) {
      this.#process.post(routes.connectTimeoutMs(), 'connect timeout', () => this.#retry());
      return;
    }
    this.#stream = new ControlStream({ leader, taskManager: this.#process }, this.#options, {
      onMessage: (message) => {
        this.#failuresInRow = 0;
        this.#options.onMessage(message, this.#executor());
        this.#executor().onLeaderMessage(message);
      },
      onClosed: () => {
        this.#stream = undefined;
        this.#executor().onLeaderDisconnected();
        this.#retry();
      },
    });
    this.#executor().onLeaderConnected();
  }
}

interface StreamEvents {
  onMessage(message: AddressedMessage): void;
  onClosed(): void;
}

/** One connection. */
class ControlStream {
  readonly #leader: Leader;
  readonly #taskManager: SimProcess;
  readonly #options: ControlPlaneOptions;
  readonly #events: StreamEvents;
  readonly #down: SimLane;
  readonly #up: SimLane;
  #atLeader: TaskManagerConnection | undefined;
  readonly #route: RoutedConnection;
  /** Nothing passes any more. */
  #isBroken = false;
  #isClosed = false;
  isResetNext = false;

  constructor(
    of: { readonly leader: Leader; readonly taskManager: SimProcess },
    options: ControlPlaneOptions,
    events: StreamEvents,
  ) {
    this.#leader = of.leader;
    this.#taskManager = of.taskManager;
    this.#options = options;
    this.#events = events;
    this.#down = new SimLane(of.taskManager.scheduler);
    this.#up = new SimLane(of.taskManager.scheduler);
    const onDeath = (): void =>
      void this.break({ taskManagerMs: options.noticeMs(), leaderMs: options.noticeMs() });
    of.taskManager.onDeath(onDeath);
    of.leader.process.onDeath(onDeath);
    this.#route = {
      ends: [of.taskManager.machine, of.leader.process.machine],
      giveUp: () => void this.break({ taskManagerMs: 0, leaderMs: 0 }),
    };
    options.routes.add(this.#route);
    this.#deliver(
      {
        lane: this.#up,
        to: of.leader.process,
        delayMs: options.fateOf('connect').delayMs,
        label: 'control accept',
      },
      () => this.#accept(),
    );
  }

  toLeader(message: TaskManagerMessage): void {
    const { requestSerialize, requestDeserialize } = RESOURCE_MANAGER_SERVICE.connect;
    const sent = this.#options.isEncoded ? requestDeserialize(requestSerialize(message)) : message;
    this.#send({ lane: this.#up, to: this.#leader.process, kind: sent.kind }, () =>
      this.#atLeader?.receive(sent),
    );
  }

  toTaskManager(message: AddressedMessage): void {
    this.#options.onSent(message);
    const { responseSerialize, responseDeserialize } = RESOURCE_MANAGER_SERVICE.connect;
    const sent = this.#options.isEncoded ? responseDeserialize(responseSerialize(message)) : message;
    this.#send({ lane: this.#down, to: this.#taskManager, kind: sent.kind }, () => {
      if (!this.#isClosed) this.#events.onMessage(sent);
    });
  }

  break({ taskManagerMs, leaderMs }: { readonly taskManagerMs: number; readonly leaderMs: number }): boolean {
    if (this.#isBroken || this.#isClosed) return false;
    this.#isBroken = true;
    this.#options.routes.remove(this.#route);
    this.#taskManager.post(taskManagerMs, 'control lost', () => this.#closeHere());
    this.#leader.process.post(leaderMs, 'control lost', () => this.#atLeader?.closed());
    return true;
  }

  #accept(): void {
    this.#atLeader = this.#leader.jobManager.connectTaskManager({
      send: (message) => this.toTaskManager(message),
      close: () => {
        const delayMs = this.#options.fateOf('close').delayMs;
        this.#deliver({ lane: this.#down, to: this.#taskManager, delayMs, label: 'control closed' }, () =>
          this.#closeHere(),
        );
      },
    });
  }

  #closeHere(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#options.routes.remove(this.#route);
    this.#events.onClosed();
  }

  #send(
    of: { readonly lane: SimLane; readonly to: SimProcess; readonly kind: string },
    action: () => void,
  ): void {
    const { delayMs, againMs, isOutOfOrder, isLost } = this.#options.fateOf(of.kind);
    if (this.isResetNext || isLost) {
      const { noticeMs, silenceMs } = this.#options;
      const afterMs = this.isResetNext ? noticeMs : silenceMs;
      this.break({ taskManagerMs: afterMs(), leaderMs: afterMs() });
      return;
    }
    const label = `control ${of.kind}`;
    // A way of its own: what is sent later may arrive earlier.
    const lane = isOutOfOrder ? new SimLane(of.to.scheduler) : of.lane;
    this.#deliver({ lane, to: of.to, delayMs, label }, action);
    if (againMs !== undefined)
      this.#deliver(
        { lane: new SimLane(of.to.scheduler), to: of.to, delayMs: delayMs + againMs, label },
        action,
      );
  }

  #deliver(
    of: { readonly lane: SimLane; readonly to: SimProcess; readonly delayMs: number; readonly label: string },
    action: () => void,
  ): void {
    const { routes } = this.#options;
    const leader = this.#leader.process;
    const from = of.to === leader ? this.#taskManager.machine : leader.machine;
    of.lane.put(of.to, of.delayMs + routes.delayMs(from, of.to.machine), {
      label: of.label,
      action: () =>
        routes.carry(from, of.to, () => {
          if (!this.#isBroken) action();
        }),
    });
  }
}
