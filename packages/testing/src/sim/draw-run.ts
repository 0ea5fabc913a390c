// What a seed stands for: a world, and what goes wrong in it. Drawn whole before the run, so that it can be printed.
import { Prng } from '@millrace/common';
import {
  FAULT_KINDS,
  type ChanceKind,
  type FaultKind,
  type FaultPlace,
  type FaultRates,
  type PlannedFault,
  type SimPlan,
  type SimWorld,
} from './sim-plan.ts';

/** A constant of the engine that some runs change. */
export interface Knob {
  readonly name: string;
  readonly choices: readonly number[];
  /** Of the runs that change constants at all, those that change this one. Unless given, KNOB_SHARE. */
  readonly share?: number;
}

const KNOB_SHARE = 0.35;

/** Moments at which much can go wrong: operations and messages around checkpoints, commits and deployments. */
const RARE_LABELS = [
  'store write pointer',
  'store write progress',
  'blob put metadata',
  'control deploy',
  'control trigger-checkpoint',
  'control checkpoint-complete',
  'control commit-acknowledged',
  'control finish',
  'control cancel',
  'control slot-ended',
  'control register',
  'store write job',
  'control slot-prepared',
  'control slot-running',
  'control end-of-input',
  'blob delete',
  'blob list',
  'disk remove',
  'store write epoch',
  'store load',
  'disk mkdir',
  'link accepted',
  'worker ready',
  'sink commit',
];
const COMMON_LABELS = [
  'blob put',
  'blob get',
  'disk sync',
  'disk rename',
  'disk link',
  'disk unlink',
  'disk syncDirectory',
  'control checkpoint-acknowledged',
  'sink prepare',
  'frame',
  'turn',
];
/** Steps of an attempt behind which it goes on with what may be over by then: a zombie is one that hung at such a place. */
const ZOMBIE_LABELS = [
  'disk mkdir done',
  'disk list done',
  'disk sync done',
  'disk rename done',
  'disk link done',
  'sink prepare done',
  'sink commit done',
  'blob put done',
];
const ZOMBIE_NTH_MAX = 20;
const RARE_NTH_MAX = 12;
const COMMON_NTH_MAX = 120;
const FAULTS_MAX = 8;
/** Share of the seeds in which each kind of planned fault may strike. */
const KIND_SHARE = 0.4;
/** Share of the seeds in which somebody cancels the job: it proves less than a job that goes on. */
const CANCEL_SHARE = 0.04;
/** Share of the seeds in which it is stopped with a savepoint, and goes on from that in another shape. */
const STOP_SHARE = 0.12;
/** Share of the seeds in which it is stopped so that its windows and timers fire before their time. */
const DRAIN_SHARE = 0.1;
const DRAWN_APART: ReadonlySet<FaultKind> = new Set([
  'cancel-job',
  'stop-job',
  'drain-job',
  'half-open-link',
]);
/** Share of the seeds in which connections may be dead without being closed. */
const LINKS_WATCHED_SHARE = 0.25;
const CHECKPOINT_TIMEOUT_MS_SLOW = 5_000;
/** The constant of the engine by which snapshots take long. */
const SLICE_PAUSE = 'SLICE_PAUSE_MS';
const SNAPSHOTS_LONG_INTERVAL_MS = 60;
const SNAPSHOTS_LONG_INPUT_MS = 400;
/** Share of the seeds in which all that can fail does, and much of it. */
const STORMY_SHARE = 0.02;

interface ChanceRange {
  readonly kind: ChanceKind;
  /** Share of the seeds. */
  readonly share: number;
  readonly rateMax: number;
}

const CHANCES: readonly ChanceRange[] = [
  { kind: 'delay-message', share: 0.25, rateMax: 0.2 },
  { kind: 'duplicate-message', share: 0.25, rateMax: 0.2 },
  { kind: 'reorder-message', share: 0.25, rateMax: 0.2 },
  { kind: 'drop-message', share: 0.12, rateMax: 0.03 },
  { kind: 'fail-blob-put', share: 0.25, rateMax: 0.1 },
  { kind: 'stale-blob-list', share: 0.25, rateMax: 0.5 },
  { kind: 'flip-bit-of-blob', share: 0.04, rateMax: 0.2 },
  { kind: 'flip-bit-of-row', share: 0.1, rateMax: 0.002 },
  { kind: 'fail-disk-operation', share: 0.15, rateMax: 0.02 },
  { kind: 'fail-store-write', share: 0.12, rateMax: 0.05 },
  { kind: 'slow-operation', share: 0.25, rateMax: 0.05 },
  { kind: 'fail-sink-prepare', share: 0.15, rateMax: 0.1 },
  { kind: 'fail-sink-commit', share: 0.15, rateMax: 0.1 },
  { kind: 'fail-savepoint', share: 0.4, rateMax: 0.5 },
  { kind: 'user-throws', share: 0.1, rateMax: 0.002 },
];

/** Draws the run of a seed. */
export function drawPlan(seed: number, knobs: readonly Knob[] = []): SimPlan {
  const prng = new Prng(seed);
  const world = feasible(drawWorld(prng, knobs));
  const expectedMs = 500 + world.inputMs * 1.5;
  const isStormy = prng.next() < STORMY_SHARE;
  const kinds = FAULT_KINDS.filter(
    (kind) => !DRAWN_APART.has(kind) && (prng.next() < KIND_SHARE || isStormy),
  );
  const count = isStormy ? FAULTS_MAX * 2 : 1 + prng.below(FAULTS_MAX);
  const of = { expectedMs, world };
  const faults =
    kinds.length === 0
      ? []
      : Array.from({ length: count }, () => {
          const kind = kinds[prng.below(kinds.length)] ?? 'kill-taskmanager';
          return drawFault(prng, kind, of);
        });
  if (prng.next() < STOP_SHARE) faults.push(drawFault(prng, 'stop-job', of));
  if (world.linkSilenceMs !== undefined) faults.push(drawFault(prng, 'half-open-link', of));
  if (prng.next() < DRAIN_SHARE) faults.push(drawFault(prng, 'drain-job', of));
  if (prng.next() < CANCEL_SHARE) faults.push(drawFault(prng, 'cancel-job', of));
  const rates: { [kind in ChanceKind]?: number } = {};
  for (const { kind, share, rateMax } of CHANCES)
    if (prng.next() < share || isStormy) rates[kind] = round(prng.next() * rateMax, 5);
  const healMs = Math.round(expectedMs * (1 + prng.next() * 4) + 3_000);
  return { seed, world, faults, rates: rates satisfies FaultRates, healMs };
}

function drawWorld(prng: Prng, knobs: readonly Knob[]): SimWorld {
  const pick = <T>(...choices: readonly [T, ...T[]]): T => choices[prng.below(choices.length)] ?? choices[0];
  const heartbeatIntervalMs = pick(100, 300, 1_000);
  const parallelism = pick(1, 2, 2, 2, 2, 3, 3, 3, 4, 6);
  // Channels are many there: a run of them is kept short.
  const isBroad = parallelism > 3;
  return {
    parallelism,
    isAutoParallel: !isBroad && prng.next() < 0.1,
    keyGroupCount: pick(8, 64, 128, 720, 720),
    checkpointIntervalMs: pick(20, 60, 150, 400, 1_000),
    checkpointTimeoutMs: pick(300, 1_000, 5_000),
    checkpointFailuresTolerated: pick(0, 1, 3, 10),
    checkpointsRetainedMax: pick(1, 2, 3, 3),
    checkpointMode: pick(
      ...(['exactly-once', 'exactly-once', 'exactly-once', 'exactly-once', 'exactly-once'] as const),
      ...(['stop-the-world', 'stop-the-world', 'at-least-once'] as const),
    ),
    isStateKeptOnCancel: prng.next() < 0.5,
    bufferTimeoutMs: isBroad ? pick(5, 10, 100) : pick(0, 1, 10, 10, 100),
    stateCacheEntriesMax: pick(1, 3, 20, 100_000),
    wholeSnapshotEntriesMax: pick(0, 0, 10, 100_000),
    spillLogBytesMax: pick(0, 2_000, 1_000_000),
    isChainingEnabled: prng.next() < 0.7,
    inputMs: isBroad ? pick(0, 100, 400, 400) : pick(0, 100, 400, 400, 1_000, 2_000),
    heartbeatIntervalMs,
    heartbeatTimeoutMs: heartbeatIntervalMs * pick(3, 5, 10),
    // Each connection has timers of its own, which costs.
    ...(prng.next() < LINKS_WATCHED_SHARE ? { linkSilenceMs: pick(2_000, 8_000) } : {}),
    networkMsMax: pick(0.3, 2, 20),
    diskMsMax: pick(0.5, 5, 30),
    isControlEncoded: prng.next() < 0.25,
    isFreezingRecords: prng.next() < 0.1,
    clockSkew: pick(0, 0, 0.01, 0.1),
    areWritesTorn: prng.next() < 0.5,
    knobs: drawKnobs(prng, knobs),
  };
}

/** A job in a slow world must be able to complete a checkpoint before its time-out. */
function feasible(world: SimWorld): SimWorld {
  const isSlow = world.networkMsMax > 2 || world.diskMsMax > 5 || 'CHANNEL_CREDITS' in world.knobs;
  if (SLICE_PAUSE in world.knobs) return withLongSnapshots(world);
  return isSlow ? { ...world, checkpointTimeoutMs: CHECKPOINT_TIMEOUT_MS_SLOW } : world;
}

/** Where snapshots take long to be written, records come meanwhile, and there are several of them. */
function withLongSnapshots(world: SimWorld): SimWorld {
  return {
    ...world,
    checkpointTimeoutMs: CHECKPOINT_TIMEOUT_MS_SLOW,
    checkpointIntervalMs: Math.min(world.checkpointIntervalMs, SNAPSHOTS_LONG_INTERVAL_MS),
    inputMs: Math.max(world.inputMs, SNAPSHOTS_LONG_INPUT_MS),
  };
}

/** In half of the runs the engine is as it is shipped. */
function drawKnobs(prng: Prng, knobs: readonly Knob[]): { readonly [name: string]: number } {
  const drawn: { [name: string]: number } = {};
  if (prng.next() < 0.5) return drawn;
  for (const { name, choices, share = KNOB_SHARE } of knobs)
    if (prng.next() < share) drawn[name] = choices[prng.below(choices.length)] ?? 0;
  return drawn;
}

function drawFault(
  prng: Prng,
  kind: FaultKind,
  of: { readonly expectedMs: number; readonly world: SimWorld },
): PlannedFault {
  const place = drawPlace(prng, kind, of.expectedMs);
  const isAtOwner = 'label' in place && prng.next() < 0.5;
  return {
    kind,
    place,
    target: prng.nextUint32(),
    ...(isAtOwner ? { isAtOwner } : {}),
    durationMs: Math.round(durationOf(prng, kind, of.world.heartbeatTimeoutMs)),
    isSilent: prng.next() < 0.25,
  };
}

function durationOf(prng: Prng, kind: FaultKind, heartbeatTimeoutMs: number): number {
  switch (kind) {
    case 'pause-taskmanager':
    case 'pause-jobmanager':
    case 'second-jobmanager':
    case 'cut-both-ways':
    case 'cut-one-way':
    case 'swizzle-clog':
      // Mostly about as long as it takes to be noticed, seldom ten times as long.
      return prng.next() ** 2 * heartbeatTimeoutMs * (prng.next() < 0.1 ? 10 : 3);
    case 'restart-same-id':
      return prng.next() * 30;
    default:
      return 20 + prng.next() ** 2 * 4_000;
  }
}

/** What somebody asks for of a job: mostly while it is at work, as its checkpoints show. */
const ASKED: ReadonlySet<FaultKind> = new Set(['rescale-job', 'savepoint-job', 'stop-job', 'drain-job']);

function drawPlace(prng: Prng, kind: FaultKind, expectedMs: number): FaultPlace {
  const choice = prng.next();
  if (ASKED.has(kind) && choice < 0.7)
    return choice < 0.35
      ? { label: 'store write pointer', nth: 1 + prng.below(4) }
      : { label: 'control trigger-checkpoint', nth: 1 + prng.below(3) };
  if (kind === 'pause-taskmanager' && choice < 0.4)
    return {
      label: ZOMBIE_LABELS[prng.below(ZOMBIE_LABELS.length)] ?? 'turn',
      nth: 1 + prng.below(ZOMBIE_NTH_MAX),
    };
  if (choice < 0.4) return { afterMs: round(prng.next() * expectedMs, 1) };
  const [labels, nthMax] = choice < 0.75 ? [RARE_LABELS, RARE_NTH_MAX] : [COMMON_LABELS, COMMON_NTH_MAX];
  return { label: labels[prng.below(labels.length)] ?? 'turn', nth: 1 + prng.below(nthMax) };
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
