// What one simulated run is about: a job and a plan, drawn from a seed or written down.
import { drawPlan, linesOf, type SimPlan, type SimulatedJob } from '@millrace/testing';
import { flightDelays } from './flight-delays.ts';
import { knobs } from './knobs.mjs';
import { buildJob } from './random-job/build-job.ts';
import { drawJob } from './random-job/draw-job.ts';
import { interpretJob } from './random-job/interpret-job.ts';
import type { JobSpec } from './random-job/job-spec.ts';

/** Plain JSON. */
export interface SimCase {
  readonly job: 'flight-delays' | JobSpec;
  readonly plan: SimPlan;
}

/** One seed in so many runs the main job, the others a random one. */
const MAIN_JOB_EVERY = 20;
const BASE = '/job';

export function drawCase(seed: number): SimCase {
  const plan = drawPlan(seed, knobs);
  return {
    job: seed % MAIN_JOB_EVERY === 0 ? 'flight-delays' : drawJob(seed, plan.world.parallelism),
    plan,
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
    outputs: ({ files, rows }) =>
      new Map(
        spec.nodes.flatMap((node) => {
          if (node.kind !== 'sink') return [];
          const name = `sink-${node.id}`;
          return [[name, node.form === 'ledger' ? rows(name) : linesOf(files(`${BASE}/${name}`))] as const];
        }),
      ),
  };
}
