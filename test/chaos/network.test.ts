// What networks do to the links of a cluster of processes: through a proxy of our own, by a seed.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { TestCluster } from '../support/cli.ts';
import { FaultProxy, type LinkFilter } from '../support/fault-proxy.ts';
import { FLAWLESS, SequenceRun } from './sequence-run.ts';

const CLUSTER = ['--taskmanagers', '2', '--slots', '2'];
const COUNT = 24_000;
/** Slow enough that a busy test comes in time: it is to strike at a share of the input, not behind it. */
const RATE_PER_SECOND = 5_000;
const SCENARIO_TIMEOUT_MS = 240_000;
/** Bytes that must have gone through the proxy: the cluster's links are what is disturbed. */
const BYTES_PASSED_MIN = 500_000;

const temporary = mkdtempSync(join(tmpdir(), 'millrace-network-'));
afterAll(() => rmSync(temporary, { recursive: true, force: true }));

interface Disturbance {
  readonly proxy: FaultProxy;
  readonly run: SequenceRun;
  /** Links between TaskManagers and the JobManager. */
  readonly control: LinkFilter;
  /** Links between slots. */
  readonly exchange: LinkFilter;
}

interface Scenario {
  readonly name: string;
  readonly jobFlags?: readonly string[];
  /** The job must go on without any restart. */
  readonly isHarmless?: true;
  readonly disturb: (of: Disturbance) => Promise<void>;
}

const scenarios: readonly Scenario[] = [
  {
    name: 'links between slots are cut',
    disturb: async ({ proxy, run, exchange }) => {
      for (const share of [0.15, 0.4, 0.65]) {
        await run.reaches(share);
        expect(proxy.cut(exchange)).toBeGreaterThan(0);
        await run.completes(1);
      }
      await run.restarts(1);
    },
  },
  {
    name: 'links between slots are cut in the middle of a frame',
    disturb: async ({ proxy, run, exchange }) => {
      for (const share of [0.15, 0.4, 0.65]) {
        await run.reaches(share);
        expect(proxy.cutMidFrame(exchange, 5_000)).toBeGreaterThan(0);
        await run.completes(1);
      }
      await run.restarts(1);
    },
  },
  {
    name: 'links between slots are slow to deliver',
    isHarmless: true,
    disturb: async ({ proxy, run, exchange }) => {
      await run.reaches(0.1);
      const slow = proxy.set(exchange, { kind: 'delay', delayMs: 150 });
      await run.completes(3);
      slow.heal();
    },
  },
  {
    name: 'links between slots carry next to nothing for a while',
    isHarmless: true,
    disturb: async ({ proxy, run, exchange }) => {
      await run.reaches(0.1);
      const slow = proxy.set(exchange, { kind: 'trickle', bytesPerSecond: 100_000 });
      await run.completes(2);
      slow.heal();
    },
  },
  {
    // The slot's thread may be busy with user code, so that a silent link is no dead one: checkpoints that expire tell.
    name: 'links between slots are half-open until checkpoints expire',
    jobFlags: ['--checkpointTimeout', '1500ms'],
    disturb: async ({ proxy, run, exchange }) => {
      await run.reaches(0.2);
      const dead = proxy.set(exchange, { kind: 'half-open' });
      await run.restarts(1);
      dead.heal();
      await run.completes(1);
    },
  },
  {
    // Long before checkpoints expire, and before gRPC's own pings.
    name: 'the open links between slots are half-open while new ones can be made',
    jobFlags: ['--checkpointTimeout', '120s'],
    disturb: async ({ proxy, run, exchange }) => {
      await run.reaches(0.2);
      const dead = proxy.freeze(exchange);
      expect(dead.count).toBeGreaterThan(0);
      await run.restarts(1);
      expect(run.watch.latest?.error?.message).toContain('while a new connection was answered');
      await run.completes(1);
      dead.heal();
    },
  },
  {
    name: 'the links of the TaskManagers to the JobManager are cut',
    disturb: async ({ proxy, run, control }) => {
      for (const share of [0.2, 0.5]) {
        await run.reaches(share);
        expect(proxy.cut(control)).toBeGreaterThan(0);
        await run.completes(1);
      }
    },
  },
  {
    name: 'the links of the TaskManagers to the JobManager are cut in the middle of a message',
    disturb: async ({ proxy, run, control }) => {
      for (const share of [0.2, 0.5]) {
        await run.reaches(share);
        expect(proxy.cutMidFrame(control, 500)).toBeGreaterThan(0);
        await run.completes(1);
      }
    },
  },
  {
    name: 'the links of the TaskManagers to the JobManager are slow to deliver',
    isHarmless: true,
    disturb: async ({ proxy, run, control }) => {
      await run.reaches(0.1);
      const slow = proxy.set(control, { kind: 'delay', delayMs: 250 });
      await run.completes(2);
      slow.heal();
    },
  },
  {
    name: 'the links of the TaskManagers to the JobManager are half-open until it is noticed',
    disturb: async ({ proxy, run, control }) => {
      await run.reaches(0.2);
      const dead = proxy.set(control, { kind: 'half-open' });
      await run.restarts(1).finally(() => dead.heal());
      await run.completes(1);
    },
  },
];

test.each(scenarios)(
  '$name: nothing lost, nothing twice',
  async ({ name, disturb, isHarmless, jobFlags = [] }) => {
    await using proxy = await FaultProxy.start(name.length);
    const directory = join(temporary, `${scenarios.findIndex((scenario) => scenario.name === name)}`);
    await using cluster = await TestCluster.start(join(directory, 'cluster'), CLUSTER, proxy.environment);
    const [jobManager] = (await cluster.processes()).filter(({ kind }) => kind === 'jobmanager');
    const port = Number(jobManager?.address.split(':').at(-1));
    const run = await SequenceRun.start({
      cluster,
      out: join(directory, 'out'),
      count: COUNT,
      ratePerSecond: RATE_PER_SECOND,
      jobFlags,
    });
    await disturb({
      proxy,
      run,
      control: (target) => target === port,
      exchange: (target) => target !== port,
    });
    const outcome = await run.finishes();
    expect(outcome).toMatchObject(FLAWLESS);
    expect(proxy.faultsDone).toBeGreaterThan(0);
    expect(proxy.bytesPassed).toBeGreaterThan(BYTES_PASSED_MIN);
    if (isHarmless === true) expect(outcome.restartCount).toBe(0);
  },
  SCENARIO_TIMEOUT_MS,
);
