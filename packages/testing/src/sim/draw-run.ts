// What a seed stands for: a world, and what goes wrong in it. Drawn whole before the run, so that it can be printed.
import { Prng } from '@millrace/common';

/** The world of one run. Durations in virtual ms. */
export interface SimWorld {
  readonly parallelism: number;
  readonly checkpointIntervalMs: number;
  readonly checkpointTimeoutMs: number;
  readonly checkpointFailuresTolerated: number;
  readonly bufferTimeoutMs: number;
  readonly stateCacheEntriesMax: number;
  /** More entries than these are written as changes, with a base from time to time. */
  readonly wholeSnapshotEntriesMax: number;
  /** Rows that left memory go to the store beyond this. */
  readonly spillLogBytesMax: number;
  readonly isChainingEnabled: boolean;
  /** How long reading the input takes when nothing goes wrong. */
  readonly inputMs: number;
  readonly heartbeatIntervalMs: number;
  readonly heartbeatTimeoutMs: number;
  readonly networkMsMax: number;
  readonly diskMsMax: number;
  /** Control messages go through the protocol's codecs. */
  readonly isControlEncoded: boolean;
  readonly isFreezingRecords: boolean;
}

export const FAULT_KINDS = [
  'kill-taskmanager',
  'kill-jobmanager',
  'kill-both',
  'kill-all',
  'crash-worker',
  'pause-taskmanager',
  'pause-jobmanager',
  'break-data',
  'break-control',
  'jump-clock',
] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

/** When a fault strikes: at a moment, or just before the nth event with this label. */
export type FaultPlace = { readonly afterMs: number } | { readonly label: string; readonly nth: number };

export interface PlannedFault {
  readonly kind: FaultKind;
  readonly place: FaultPlace;
  /** Chooses among those whom it may strike. */
  readonly target: number;
  /** How long a pause lasts, or until what was killed is started again. */
  readonly durationMs: number;
  /** The others notice only by silence. */
  readonly isSilent: boolean;
}

/** Faults of single messages and operations: the chance of each. */
export interface FaultRates {
  readonly messageDelay: number;
  readonly messageDuplicate: number;
  readonly messageReorder: number;
  readonly blobPut: number;
  readonly slowOperation: number;
  readonly diskError: number;
  readonly storeError: number;
}

export interface SimPlan {
  readonly world: SimWorld;
  readonly faults: readonly PlannedFault[];
  readonly rates: FaultRates;
  /** When faults stop and everything is healed. */
  readonly healMs: number;
}

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
  'disk remove',
  'store write epoch',
  'store load',
  'disk mkdir',
  'link accepted',
  'worker ready',
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
  'frame',
  'turn',
];
const RARE_NTH_MAX = 12;
const COMMON_NTH_MAX = 120;
const FAULTS_MAX = 8;

export function drawPlan(seed: number): SimPlan {
  const prng = new Prng(seed);
  const world = drawWorld(prng);
  const expectedMs = 500 + world.inputMs * 1.5;
  const kinds = FAULT_KINDS.filter(() => prng.next() < 0.5);
  const count = 1 + prng.below(FAULTS_MAX);
  const faults =
    kinds.length === 0
      ? []
      : Array.from({ length: count }, () => drawFault(prng, kinds, { expectedMs, world }));
  const rate = (chance: number, max: number): number => (prng.next() < chance ? prng.next() * max : 0);
  const rates: FaultRates = {
    messageDelay: rate(0.3, 0.2),
    messageDuplicate: rate(0.3, 0.2),
    messageReorder: rate(0.3, 0.2),
    blobPut: rate(0.3, 0.1),
    slowOperation: rate(0.3, 0.05),
    diskError: rate(0.15, 0.02),
    storeError: rate(0.15, 0.05),
  };
  return { world, faults, rates, healMs: expectedMs * (1 + prng.next() * 4) + 3_000 };
}

function drawWorld(prng: Prng): SimWorld {
  const pick = <T>(...choices: readonly [T, ...T[]]): T => choices[prng.below(choices.length)] ?? choices[0];
  const heartbeatIntervalMs = pick(100, 300, 1_000);
  const parallelism = pick(1, 2, 2, 2, 2, 3, 3, 3, 4, 6);
  // Channels are many there: a run of them is kept short.
  const isBroad = parallelism > 3;
  return {
    parallelism,
    checkpointIntervalMs: pick(20, 60, 150, 400, 1_000),
    checkpointTimeoutMs: pick(300, 1_000, 5_000),
    checkpointFailuresTolerated: pick(0, 1, 10, 1_000),
    bufferTimeoutMs: isBroad ? pick(5, 10, 100) : pick(0, 1, 10, 10, 100),
    stateCacheEntriesMax: pick(1, 3, 20, 100_000),
    wholeSnapshotEntriesMax: pick(0, 0, 10, 100_000),
    spillLogBytesMax: pick(0, 2_000, 1_000_000),
    isChainingEnabled: prng.next() < 0.8,
    inputMs: isBroad ? pick(0, 100, 400, 400) : pick(0, 100, 400, 400, 1_000, 2_000),
    heartbeatIntervalMs,
    heartbeatTimeoutMs: heartbeatIntervalMs * pick(3, 5, 10),
    networkMsMax: pick(0.3, 2, 20),
    diskMsMax: pick(0.5, 5, 30),
    isControlEncoded: prng.next() < 0.25,
    isFreezingRecords: prng.next() < 0.1,
  };
}

function drawFault(
  prng: Prng,
  kinds: readonly FaultKind[],
  of: { readonly expectedMs: number; readonly world: SimWorld },
): PlannedFault {
  const kind = kinds[prng.below(kinds.length)] ?? 'kill-taskmanager';
  const isPause = kind.startsWith('pause');
  return {
    kind,
    place: drawPlace(prng, of.expectedMs),
    target: prng.nextUint32(),
    durationMs: isPause ? prng.next() ** 2 * of.world.heartbeatTimeoutMs * 3 : 20 + prng.next() ** 2 * 4_000,
    isSilent: prng.next() < 0.25,
  };
}

function drawPlace(prng: Prng, expectedMs: number): FaultPlace {
  const choice = prng.next();
  if (choice < 0.4) return { afterMs: prng.next() * expectedMs };
  const [labels, nthMax] = choice < 0.75 ? [RARE_LABELS, RARE_NTH_MAX] : [COMMON_LABELS, COMMON_NTH_MAX];
  return { label: labels[prng.below(labels.length)] ?? 'turn', nth: 1 + prng.below(nthMax) };
}
