// Whatever order things happen in: the invariants of reliability hold, and the job comes to its end once everything is whole.
import { MillraceError, Prng, toWireError } from '@millrace/common';
import type { StreamGraphJson } from '@millrace/proto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { keyedGraph, twoRegionGraph } from '../test-kit/graphs.testing.ts';
import { jobId, ScriptedCluster } from '../test-kit/scripted-cluster.testing.ts';
import type { ScriptedSlot } from '../test-kit/scripted-states.testing.ts';

const failure = toWireError(new MillraceError('MR_USER_FUNCTION', 'Cannot map'));
const STEPS = 120;

function holds(condition: boolean, invariantText: string): void {
  if (!condition) throw new Error(`Violated: ${invariantText}`);
}

/** Watches the commands and state after every action. */
class Invariants {
  readonly #cluster: ScriptedCluster;
  #seen = 0;
  #lastTriggered = 0;
  readonly #lastTriggeredOf = new Map<number, number>();
  #lastPointer = 0;
  readonly #lastAttemptOf = new Map<number, number>();

  constructor(cluster: ScriptedCluster) {
    this.#cluster = cluster;
  }

  check(): void {
    const pointed = this.#cluster.lastPointed?.checkpointId ?? 0;
    holds(pointed >= this.#lastPointer, 'the pointer never goes back');
    this.#lastPointer = pointed;
    holds(this.#cluster.missingFiles().length === 0, 'files of retained checkpoints are never deleted');
    for (const sent of this.#cluster.sent.slice(this.#seen)) this.#checkMessage(sent);
    this.#seen = this.#cluster.sent.length;
    if (this.#cluster.core.jobs()[0]?.state === 'FINISHED') this.#checkEnd(pointed);
  }

  /** Nothing is left to read, or the job was stopped: then its savepoint is there, unless it was drained. */
  #checkEnd(pointed: number): void {
    const { lastPointed, savepoints } = this.#cluster;
    const modes = this.#cluster
      .messages('trigger-checkpoint')
      .filter(({ checkpointId }) => checkpointId === pointed)
      .map(({ mode }) => mode);
    const isStopped = modes.includes('stop') && [...savepoints.values()].includes(pointed);
    holds(
      lastPointed?.isFinal === true || isStopped || modes.includes('drain'),
      'a job is finished by its final checkpoint, or by a stop whose savepoint is written',
    );
  }

  #checkMessage({ message, pointed }: ScriptedCluster['sent'][number]): void {
    if (message.kind === 'trigger-checkpoint') {
      const { attemptNumber, checkpointId } = message;
      const last = this.#lastTriggeredOf.get(attemptNumber) ?? 0;
      holds(checkpointId > last, 'checkpoint ids of an attempt strictly increase');
      holds(checkpointId >= this.#lastTriggered, 'checkpoint ids never go back');
      this.#lastTriggeredOf.set(attemptNumber, checkpointId);
      this.#lastTriggered = checkpointId;
    } else if (message.kind === 'checkpoint-complete') {
      holds(message.checkpointId <= pointed, 'commits are sent only after the pointer');
    } else if (message.kind === 'deploy') {
      const { attemptNumber, regions } = message.deployment;
      for (const region of regions) {
        holds(
          attemptNumber >= (this.#lastAttemptOf.get(region) ?? 0),
          'attempt numbers of a region never go back',
        );
        this.#lastAttemptOf.set(region, attemptNumber);
      }
      const isNewest = (message.deployment.restoredCheckpointId ?? 0) === pointed;
      holds(message.deployment.mode === 'prepare' || isNewest, 'the newest complete checkpoint is restored');
    }
  }
}

/** Acknowledgements that never came completely must not complete a checkpoint: the script counts on its own. */
class Acknowledgements {
  readonly #cluster: ScriptedCluster;
  readonly #byAttempt = new Map<string, Set<string>>();

  constructor(cluster: ScriptedCluster) {
    this.#cluster = cluster;
  }

  add(slot: ScriptedSlot, checkpointId: number, executionAttemptId: string): void {
    const key = `${slot.deployment.leaderEpoch}/${slot.deployment.attemptNumber}/${checkpointId}`;
    const acknowledged = this.#byAttempt.get(key) ?? new Set();
    this.#byAttempt.set(key, acknowledged.add(executionAttemptId));
  }

  /** True when attempts of the regions acknowledged this checkpoint with as many subtasks as each has. */
  isWhole(checkpointId: number, subtasksOf: readonly number[]): boolean {
    const whole = new Set(
      [...this.#byAttempt]
        .filter(([key]) => key.endsWith(`/${checkpointId}`))
        .map(([, acknowledged]) => acknowledged.size),
    );
    if (subtasksOf.length === 0) return this.#isWholeAttempt(checkpointId);
    const all = subtasksOf.reduce((sum, subtasks) => sum + subtasks, 0);
    return whole.has(all) || subtasksOf.every((subtasks) => whole.has(subtasks));
  }

  /** Of a job of one region: some attempt acknowledged with all subtasks that it was deployed with. */
  #isWholeAttempt(checkpointId: number): boolean {
    return [...this.#byAttempt].some(([key, acknowledged]) => {
      const [, attemptNumber, id] = key.split('/').map(Number);
      const deployed = this.#cluster
        .messages('deploy')
        .filter(({ deployment }) => deployment.attemptNumber === attemptNumber)
        .reduce((sum, { deployment }) => sum + deployment.subtasks.length, 0);
      return id === checkpointId && acknowledged.size === deployed;
    });
  }
}

interface PlayedJob {
  readonly graph: (options?: Parameters<typeof keyedGraph>[0]) => StreamGraphJson;
  /** Slots that are there when all is well, each a TaskManager's. */
  readonly slotCount: number;
  /** By region; empty: one region, which is rescaled. */
  readonly subtasksOf: readonly number[];
  /** Somebody asks for savepoints, and for stops with one. */
  readonly hasSavepoints?: true;
}

const ONE_REGION: PlayedJob = { graph: keyedGraph, slotCount: 2, subtasksOf: [5] };
const TWO_REGIONS: PlayedJob = { graph: twoRegionGraph, slotCount: 3, subtasksOf: [2, 5] };
const STOPPED: PlayedJob = { ...TWO_REGIONS, hasSavepoints: true };
const RESCALED: PlayedJob = { graph: keyedGraph, slotCount: 3, subtasksOf: [] };

function play(seed: number, job: PlayedJob): ScriptedCluster {
  const prng = new Prng(seed);
  const cluster = new ScriptedCluster(seed);
  const invariants = new Invariants(cluster);
  const acknowledgements = new Acknowledgements(cluster);
  for (let index = 0; index < job.slotCount; index++) cluster.connect(`tm-${index}`, 1);
  cluster.submit(
    job.graph({
      parallelism: 2,
      checkpointFailuresTolerated: 3,
      restart: {
        type: 'exponential-delay',
        initialMs: 10,
        maxMs: 100,
        multiplier: 2,
        jitter: 0.1,
        resetAfterMs: 1,
        attemptsMax: 1_000,
      },
    }),
  );
  const pick = <T>(items: readonly T[]): T | undefined => items[prng.below(items.length)];
  const slot = (): ScriptedSlot | undefined => pick([...cluster.slots.values()]);
  const isRescaled = job.subtasksOf.length === 0;
  const acknowledgeAll = (): void => {
    if (cluster.lastTriggered === 0) return;
    for (const target of cluster.slots.values()) {
      if (target.deployment.mode !== 'run') continue;
      for (const { executionAttemptId } of target.deployment.subtasks)
        acknowledgements.add(target, cluster.lastTriggered, executionAttemptId);
    }
    cluster.acknowledge(cluster.lastTriggered);
  };
  const endCancelled = (): void => {
    const target = slot();
    const isCancelled = cluster
      .messages('cancel')
      .some(
        (message) =>
          message.attemptNumber === target?.deployment.attemptNumber &&
          message.slotIndex === target.deployment.slotIndex,
      );
    if (target !== undefined && isCancelled) cluster.end(target);
  };
  const askForSavepoint = (): void => savepoint(cluster, prng.below(24));
  // A stop has a long way to go: what gets it on happens more often.
  const stopping = [acknowledgeAll, acknowledgeAll, endCancelled, endCancelled, () => cluster.runAll()];
  const actions: readonly (() => void)[] = [
    ...(isRescaled ? [() => rescale(cluster, prng.below(5))] : []),
    ...(job.hasSavepoints === true ? [askForSavepoint, askForSavepoint, askForSavepoint, ...stopping] : []),
    () => cluster.advance(prng.below(1_500)),
    () => cluster.connections.forEach((connection) => cluster.heartbeat(connection)),
    () => cluster.runAll(),
    () => cluster.runAll(),
    () => {
      const target = slot();
      const subtask = pick(target?.deployment.subtasks ?? []);
      const id = Math.max(1, cluster.lastTriggered - (prng.below(4) === 0 ? 1 : 0));
      if (target === undefined || subtask === undefined || target.deployment.mode !== 'run') return;
      acknowledgements.add(target, id, subtask.executionAttemptId);
      cluster.acknowledgeSubtask(target, subtask.executionAttemptId, id);
    },
    acknowledgeAll,
    () =>
      void (prng.below(3) === 0
        ? cluster.holding.add(prng.below(2) === 0 ? 'persist' : 'write-blob')
        : cluster.holding.clear()),
    () => pick(cluster.held)?.release(),
    () => cluster.held[0]?.release(),
    () => {
      const target = slot();
      if (target !== undefined && prng.below(3) === 0)
        cluster.report(target, { kind: 'slot-failed', error: failure });
    },
    endCancelled,
    () => {
      const connection = pick(cluster.connections);
      if (connection !== undefined && prng.below(4) === 0) cluster.kill(connection);
    },
    () => {
      if (cluster.connections.length < job.slotCount) cluster.connect(`tm-${prng.nextId(2)}`, 1);
    },
    () => {
      if (prng.below(8) !== 0) return;
      cluster.restart();
      cluster.slots.clear();
    },
    () => {
      const target = slot();
      const subtask = pick(target?.deployment.subtasks ?? []);
      if (target !== undefined && subtask !== undefined)
        cluster.report(target, { kind: 'end-of-input', executionAttemptId: subtask.executionAttemptId });
    },
    () => {
      const target = slot();
      const subtask = target?.deployment.subtasks[0];
      if (target !== undefined && subtask !== undefined && prng.below(3) === 0) {
        cluster.report(target, {
          kind: 'checkpoint-declined',
          executionAttemptId: subtask.executionAttemptId,
          checkpointId: cluster.lastTriggered,
          error: failure,
        });
      }
    },
  ];
  for (let step = 0; step < STEPS; step++) {
    pick(actions)?.();
    invariants.check();
    for (const { checkpointId } of cluster.pointer()?.retained ?? [])
      holds(
        acknowledgements.isWhole(checkpointId, job.subtasksOf),
        'a checkpoint is complete only after all acknowledgements',
      );
  }
  heal(cluster, job);
  invariants.check();
  return cluster;
}

/** Now and then to another parallelism, once to one for which there are no slots, or to as many slots as there are. */
function rescale(cluster: ScriptedCluster, wish: number): void {
  if (wish === 0 || cluster.core.jobs().length === 0) return;
  cluster.rescale({ jobId, vertices: [], parallelism: wish === 4 ? 'auto' : wish });
}

/** Now and then a savepoint, a stop or a drain, which may be copied later, or fail. */
function savepoint(cluster: ScriptedCluster, wish: number): void {
  if (cluster.core.jobs().length === 0) return;
  const copy = cluster.held.find(({ command }) => command.kind === 'export-savepoint');
  if (wish < 6) cluster.savepoint(wish < 3 ? 'continue' : wish < 5 ? 'stop' : 'drain');
  else if (wish < 8) cluster.holding.add('export-savepoint');
  else if (wish < 10) copy?.fail(new MillraceError('MR_IO', 'Cannot write: disk full'));
  else if (wish < 12) copy?.release();
  else if (wish < 14) cluster.commitAll(cluster.pointer()?.retained.at(-1)?.checkpointId ?? 0);
}

/** Everything works from now on: the job must finish. */
function heal(cluster: ScriptedCluster, job: PlayedJob): void {
  cluster.holding.clear();
  for (let round = 0; round < 60 && cluster.core.jobs()[0]?.state !== 'FINISHED'; round++) {
    for (let held = cluster.held[0]; held !== undefined; held = cluster.held[0]) held.release();
    if (cluster.core.jobs().length === 0) cluster.submit(job.graph({ parallelism: 2 }), { isWaiting: true });
    while (cluster.connections.length < job.slotCount)
      cluster.connect(`healed-${round}-${cluster.connections.length}`, 1);
    const cancelled = new Set(cluster.messages('cancel').map((message) => message.attemptNumber));
    for (const slot of Array.from(cluster.slots.values()))
      if (cancelled.has(slot.deployment.attemptNumber)) cluster.end(slot);
    cluster.runAll();
    cluster.endOfInput();
    if (cluster.lastTriggered > 0) cluster.acknowledge(cluster.lastTriggered);
    cluster.commitAll(cluster.pointer()?.retained.at(-1)?.checkpointId ?? 0);
    for (const connection of cluster.connections) cluster.heartbeat(connection);
    cluster.advance(500);
  }
}

test.each([
  ['one region', ONE_REGION, 150],
  ['two regions', TWO_REGIONS, 150],
  ['one region that is rescaled', RESCALED, 150],
  ['two regions, with savepoints and stops', STOPPED, 150],
])(
  'random orders of failures, answers and restarts never break an invariant of a job of %s, which finishes once all is whole',
  (_, job, numRuns) => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 31 - 1 }), (seed) => {
        expect(play(seed, job).core.jobs()).toMatchObject([{ state: 'FINISHED' }]);
      }),
      { numRuns },
    );
  },
);

test('a seed replays exactly', () => {
  expect(play(42, TWO_REGIONS).sent).toEqual(play(42, TWO_REGIONS).sent);
});
