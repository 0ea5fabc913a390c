// What one simulated run is about: a job and a plan, drawn from a seed or written down.
import { drawPlan, linesOf, type SimPlan, type SimulatedJob } from '@millrace/testing';
import { flightDelays } from './flight-delays.ts';
import { knobs } from './knobs.mjs';
import { buildJob } from './random-job/build-job.ts';
import { drawJob } from './random-job/draw-job.ts';
import { interpretJob } from './random-job/interpret-job.ts';
import { isTable, type JobSpec } from './random-job/job-spec.ts';
import { rowsAfter } from './random-job/tables.ts';

/** Plain JSON. */
export interface SimCase {
  readonly job: 'flight-delays' | JobSpec;
  readonly plan: SimPlan;
}

/** One seed in so many runs the main job, the others a random one. */
const MAIN_JOB_EVERY = 20;
const ASKING_CHECKPOINT_TIMEOUT_MS = 10_000;
const BASE = '/job';

export function drawCase(seed: number): SimCase {
  const plan = drawPlan(seed, knobs);
  const { parallelism, checkpointMode } = plan.world;
  if (seed % MAIN_JOB_EVERY === 0) return { job: 'flight-delays', plan: forMainJob(plan) };
  const job = drawJob(seed, { parallelism, isAtLeastOnce: checkpointMode === 'at-least-once' });
  return { job, plan: job.nodes.some(({ kind }) => kind === 'ask') ? withPatience(plan) : plan };
}

/** A barrier waits for the batches in front of an asynchronous operator that is full: longer than the shortest time-out. */
function withPatience(plan: SimPlan): SimPlan {
  const { checkpointTimeoutMs } = plan.world;
  return {
    ...plan,
    world: {
      ...plan.world,
      checkpointTimeoutMs: Math.max(checkpointTimeoutMs, ASKING_CHECKPOINT_TIMEOUT_MS),
    },
  };
}

/** Nobody has computed what it gives for a part of its input, or for records that come twice. */
function forMainJob(plan: SimPlan): SimPlan {
  const { checkpointMode } = plan.world;
  const isComparable = checkpointMode !== 'at-least-once';
  return {
    ...plan,
    world: { ...plan.world, checkpointMode: isComparable ? checkpointMode : 'exactly-once' },
    faults: plan.faults.map((fault) => (fault.kind === 'drain-job' ? { ...fault, kind: 'stop-job' } : fault)),
  };
}

let mainJob: SimulatedJob | undefined;

/** `data` is the directory of the main job's excerpt. */
export function simulatedJobOf(job: SimCase['job'], data: URL): SimulatedJob {
  return job === 'flight-delays' ? (mainJob ??= flightDelays(data)) : randomJob(job);
}

function randomJob(spec: JobSpec): SimulatedJob {
  return {
    jobOf: (hooks) => buildJob(spec, hooks),
    isBounded: spec.nodes.every((node) => node.kind !== 'source' || node.isBounded),
    submissionOf: ({ inputMs }) => ({
      args: [],
      params: { inputMs: `${inputMs}` },
      environment: {},
      baseDirectory: BASE,
    }),
    files: new Map(),
    expected: interpretJob(spec),
    wholeOnly: new Set(
      spec.nodes.flatMap((node) =>
        node.kind === 'sink' && isTable(spec, node.input) ? [`sink-${node.id}`] : [],
      ),
    ),
    expectedAt: (positions) =>
      interpretJob(spec, (sourceId, split) => {
        const position = positions(`node-${sourceId}`, `${split}`);
        return position === 'start' ? 0 : position === 'end' ? Infinity : Number(position);
      }),
    outputs: ({ files, rows }) =>
      new Map(
        spec.nodes.flatMap((node) => {
          if (node.kind !== 'sink') return [];
          const name = `sink-${node.id}`;
          const lines = node.form === 'ledger' ? rows(name) : linesOf(files(`${BASE}/${name}`));
          return [[name, isTable(spec, node.input) ? rowsAfter(lines) : lines] as const];
        }),
      ),
  };
}
