// A connection that closes is noticed within a second, however long a silent one may be: in simulated time.
import { simulateJob, type FaultKind, type SimPlan } from '@millrace/testing';
import { expect, test } from 'vitest';
import { calmWorld } from './calm-world.ts';
import type { JobSpec } from './random-job/job-spec.ts';
import { simulatedJobOf } from './sim-case.ts';

const NOTICED_MS_MAX = 1_000;
const AT_MS = 700;
/** Keyed, so that the slots have connections to each other. */
const JOB: JobSpec = {
  nodes: [
    {
      id: 0,
      kind: 'source',
      isBounded: true,
      splits: 2,
      recordsPerSplit: 40,
      keyCount: 5,
      chunkRecords: 5,
      stepMs: 10,
      disorderMs: 0,
      isRated: true,
    },
    { id: 1, input: { node: 0 }, kind: 'count' },
    { id: 2, input: { node: 1 }, kind: 'sink', form: 'ledger', isTimed: false },
  ],
};

/** Heartbeats are of no help: nothing silent is noticed in this run. */
function planOf(kind: FaultKind): SimPlan {
  const heartbeats = { heartbeatIntervalMs: 20_000, heartbeatTimeoutMs: 60_000 };
  const world = { ...calmWorld, ...heartbeats, inputMs: 2_000, checkpointIntervalMs: 60 };
  const fault = { kind, place: { afterMs: AT_MS }, target: 0, durationMs: 3_000, isSilent: false } as const;
  return { seed: 1, world, faults: [fault], rates: {}, healMs: 10_000 };
}

/** When the first line of the trace that has `text` was written. */
function whenSaid(trace: readonly string[], text: string): number {
  return Number(
    trace
      .find((line) => line.includes(text))
      ?.trim()
      .split(' ')[0] ?? NaN,
  );
}

test.each([
  ['kill-taskmanager', 'jm     warn: taskmanager lost'],
  ['break-control', 'jm     warn: taskmanager lost'],
  ['break-data', 'jm     warn: attempt failed'],
  ['kill-jobmanager', 'jm     info: taskmanager registered'],
] as const)('%s: "%s"', async (kind, said) => {
  const trace: string[] = [];
  const simulated = simulatedJobOf(JOB, new URL('data/', import.meta.url));
  const result = await simulateJob(simulated, planOf(kind), { trace: (line) => trace.push(line) });
  expect(result.violations).toEqual([]);
  const struckMs = whenSaid(trace, `FAULT  ${kind}`);
  expect(struckMs).toBeGreaterThanOrEqual(AT_MS);
  const behind = trace.slice(trace.findIndex((line) => line.includes(`FAULT  ${kind}`)));
  // A JobManager that is started again is there after its time.
  const fromMs = kind === 'kill-jobmanager' ? whenSaid(behind, 'store load') : struckMs;
  expect(whenSaid(behind, said) - fromMs).toBeLessThanOrEqual(NOTICED_MS_MAX);
});
