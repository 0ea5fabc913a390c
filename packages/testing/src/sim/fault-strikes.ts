// How each planned fault is carried out. Whatever lasts ends by itself after its time, or when the run is healed.
import type { Prng } from '@millrace/common';
import type { SimCluster } from './sim-cluster.ts';
import type { PlannedFault } from './sim-plan.ts';
import type { SimProcess } from './sim-process.ts';
import { KEEPALIVE_MS } from './sim-routes.ts';

const CLOCK_JUMP_MS_MAX = 3_600_000;
/** An operator that is slow takes up to this for each thing that it does, ms. */
const SLOW_STEP_MS_MAX = 60;
const SLOW_LINK_MS_MAX = 600;
/** A TaskManager that leaves has none, one, two or three times this for it. */
const LEAVE_MS = 700;
/** As many as there are slots. */
const PARALLELISM_MAX = 6;

/** What faults need of their run. */
export interface FaultWorld {
  later(delayMs: number, label: string, action: () => void): void;
  /** As `later`, unless all is healed by then. */
  worsenLater(delayMs: number, label: string, action: () => void): void;
  noticeMs(): number;
  throwInUserCode(): void;
}

export class FaultStrikes {
  readonly #world: FaultWorld;
  readonly #prng: Prng;

  constructor(world: FaultWorld, prng: Prng) {
    this.#world = world;
    this.#prng = prng;
  }

  /** Returns whether it could strike. */
  strike(cluster: SimCluster, fault: PlannedFault): boolean {
    switch (fault.kind) {
      case 'kill-taskmanager':
      case 'restart-same-id':
        return this.#killTaskManager(cluster, nameOf(cluster, fault), fault.durationMs);
      case 'leave-taskmanager':
        return this.#leave(cluster, nameOf(cluster, fault), fault);
      case 'kill-jobmanager':
        return this.#killJobManager(cluster, fault.durationMs);
      case 'kill-both':
        return this.#killBoth(cluster, fault);
      case 'kill-all':
        return this.#killAll(cluster, fault);
      case 'pause-taskmanager':
        return this.#pause(cluster.taskManagers.get(nameOf(cluster, fault))?.process, fault.durationMs);
      case 'pause-jobmanager':
        return this.#pauseJobManager(cluster, fault.durationMs);
      case 'second-jobmanager':
        return this.#startSecond(cluster, fault);
      case 'cut-both-ways':
      case 'cut-one-way':
      case 'swizzle-clog':
      case 'slow-link':
        return this.#strikeRoutes(cluster, fault);
      case 'disk-full':
        return this.#fill(cluster, fault);
      case 'rescale-job':
        return cluster.rescaleJob(1 + ((fault.target >>> 8) % PARALLELISM_MAX));
      case 'savepoint-job':
        return cluster.takeSavepoint('continue');
      case 'stop-job':
        return cluster.takeSavepoint('stop');
      case 'drain-job':
        return cluster.takeSavepoint('drain');
      case 'cancel-job':
        cluster.cancelJob();
        return true;
      case 'user-throws':
        this.#world.throwInUserCode();
        return true;
      default:
        return this.#strikePart(cluster, fault);
    }
  }

  /** A connection, a thread or a clock. */
  #strikePart(cluster: SimCluster, fault: PlannedFault): boolean {
    const running = cluster.taskManagers.get(nameOf(cluster, fault));
    switch (fault.kind) {
      case 'crash-worker':
        return running?.slots.crashWorker(fault.target >>> 8) ?? false;
      case 'break-data':
        return cluster.network.breakOne(fault.target >>> 4);
      case 'half-open-link':
        return cluster.network.freezeOne(fault.target >>> 4);
      case 'break-control': {
        const of = { taskManagerMs: this.#world.noticeMs(), leaderMs: this.#world.noticeMs() };
        return running?.connection.break(of) ?? false;
      }
      case 'reset-mid-frame':
        return fault.target % 3 === 0
          ? (running?.connection.resetOnNextMessage() ?? false)
          : cluster.network.resetOne(fault.target >>> 4);
      case 'slow-operator': {
        const threads = running?.slots.threads ?? [];
        const thread = threads[(fault.target >>> 8) % Math.max(1, threads.length)];
        thread?.slowDown(1 + this.#prng.next() ** 2 * SLOW_STEP_MS_MAX, fault.durationMs);
        return thread !== undefined;
      }
      case 'jump-clock': {
        const process = fault.target % 2 === 0 ? cluster.jobManager : running?.process;
        if (process === undefined) return false;
        process.wallOffsetMs += (this.#prng.next() * 2 - 1) * CLOCK_JUMP_MS_MAX;
        return true;
      }
      default:
        return false;
    }
  }

  #killTaskManager(cluster: SimCluster, name: string, downMs: number): boolean {
    if (!cluster.killTaskManager(name)) return false;
    this.#world.later(downMs, `restart ${name}`, () => cluster.startTaskManager(name));
    return true;
  }

  /** It ends in good order, with more or less time for it, and comes back. */
  #leave(cluster: SimCluster, name: string, { durationMs, target }: PlannedFault): boolean {
    const limitMs = ((target >>> 8) % 4) * LEAVE_MS;
    return cluster.leaveTaskManager(name, limitMs, () =>
      this.#world.later(durationMs, `restart ${name}`, () => cluster.startTaskManager(name)),
    );
  }

  #killJobManager(cluster: SimCluster, downMs: number): boolean {
    if (!cluster.killJobManager()) return false;
    this.#world.later(downMs, 'restart jobmanager', () => cluster.startJobManager());
    return true;
  }

  #killBoth(cluster: SimCluster, fault: PlannedFault): boolean {
    const isKilled = this.#killTaskManager(cluster, nameOf(cluster, fault), fault.durationMs);
    return this.#killJobManager(cluster, this.#prng.next() * fault.durationMs) || isKilled;
  }

  #killAll(cluster: SimCluster, fault: PlannedFault): boolean {
    const areKilled = [...cluster.taskManagers.keys()].map((name) =>
      this.#killTaskManager(cluster, name, this.#prng.next() * fault.durationMs),
    );
    return this.#killJobManager(cluster, fault.durationMs) || areKilled.includes(true);
  }

  #pause(process: SimProcess | undefined, durationMs: number): boolean {
    if (process === undefined || process.isPaused) return false;
    process.pause();
    this.#world.later(durationMs, `resume ${process.name}`, () => process.resume());
    return true;
  }

  #pauseJobManager(cluster: SimCluster, durationMs: number): boolean {
    if (!this.#pause(cluster.jobManager, durationMs)) return false;
    if (durationMs > KEEPALIVE_MS) {
      this.#world.worsenLater(KEEPALIVE_MS, 'keepalive', () => {
        for (const running of cluster.taskManagers.values())
          running?.connection.break({ taskManagerMs: this.#prng.next() * 20, leaderMs: 0 });
      });
    }
    return true;
  }

  /** The JobManager hangs; somebody starts another one, and then it goes on, or is killed after all. */
  #startSecond(cluster: SimCluster, fault: PlannedFault): boolean {
    const first = cluster.jobManager;
    if (!this.#pauseJobManager(cluster, fault.durationMs)) return false;
    cluster.startStandby();
    if (fault.target % 2 === 0) {
      this.#world.worsenLater(fault.durationMs * this.#prng.next(), 'kill hanging jobmanager', () => {
        if (cluster.jobManager === first) cluster.killJobManager();
      });
    } else this.#world.worsenLater(fault.durationMs * 1.5, 'stop standby', () => cluster.stopStandby());
    return true;
  }

  #strikeRoutes(cluster: SimCluster, fault: PlannedFault): boolean {
    const { routes, machines } = cluster;
    const ways = machines.flatMap((from) =>
      machines.filter((to) => to !== from).map((to) => [from, to] as const),
    );
    const [from, to] = ways[fault.target % ways.length] ?? ['jm', 'tm-1'];
    switch (fault.kind) {
      case 'swizzle-clog': {
        // Some ways close one after the other, and open in another order.
        const clogged = ways.filter(() => this.#prng.next() < 0.4);
        for (const way of clogged) {
          this.#cut(
            cluster,
            [way],
            fault.durationMs * (0.5 + this.#prng.next()),
            this.#prng.next() * fault.durationMs,
          );
        }
        return clogged.length > 0;
      }
      case 'slow-link': {
        const slowMsMax = 20 + this.#prng.next() ** 2 * SLOW_LINK_MS_MAX;
        for (const [a, b] of [[from, to] as const, [to, from] as const]) {
          routes.slow(a, b, slowMsMax);
          this.#world.later(fault.durationMs, `fast ${a} ${b}`, () => routes.slow(a, b, 0));
        }
        return true;
      }
      case 'cut-one-way':
        return this.#cut(cluster, [[from, to]], fault.durationMs, 0);
      default:
        return this.#cut(cluster, this.#aroundOf(ways, from, to, fault), fault.durationMs, 0);
    }
  }

  /** One machine is cut off from all others, or two from each other. */
  #aroundOf(
    ways: readonly (readonly [string, string])[],
    from: string,
    to: string,
    fault: PlannedFault,
  ): readonly (readonly [string, string])[] {
    if ((fault.target >>> 8) % 2 === 0)
      return [
        [from, to],
        [to, from],
      ];
    return ways.filter((way) => way.includes(from));
  }

  #cut(
    { routes }: SimCluster,
    ways: readonly (readonly [string, string])[],
    durationMs: number,
    afterMs: number,
  ): boolean {
    for (const [from, to] of ways) {
      const cut = (): void => {
        if (!routes.cut(from, to)) return;
        this.#world.later(durationMs, `open ${from} ${to}`, () => routes.open(from, to));
      };
      if (afterMs === 0) cut();
      else this.#world.worsenLater(afterMs, `cut ${from} ${to}`, cut);
    }
    return true;
  }

  #fill(cluster: SimCluster, fault: PlannedFault): boolean {
    const stores = [cluster.disk, cluster.blobStore, cluster.jobStore];
    const store = stores[fault.target % stores.length];
    if (store === undefined || store.isFull) return false;
    store.isFull = true;
    this.#world.later(fault.durationMs, 'disk has room', () => {
      store.isFull = false;
    });
    return true;
  }
}

function nameOf(cluster: SimCluster, fault: PlannedFault): string {
  const names = [...cluster.taskManagers.keys()];
  return names[fault.target % names.length] ?? 'tm-1';
}
