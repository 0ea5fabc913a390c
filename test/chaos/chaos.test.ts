// The main job on its real file, while its processes are killed: some rounds, and the output must not show it.
import { existsSync, mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TestCluster } from '../support/cli.ts';
import { JobWatch } from '../support/job-watch.ts';
import { compareCounts, lineCounts } from '../support/lines.ts';
import { planKills } from './kill-plan.ts';
import { SEEDS } from './seeds.ts';
import { strike, type Kill } from './strike.ts';
import { hiddenFiles, VisibleFiles } from './visible-files.ts';

const JOB = 'examples/flight-delays/job.ts';
const CLUSTER = ['--taskmanagers', '2', '--slots', '2'];
const RECORDS = 3_000_000;
/** Six seconds of input, and as long again for the recoveries. */
const RATE_PER_SECOND = 500_000;
const CHECKPOINT_INTERVAL = '250ms';
const EFFECTIVE_KILLS_MIN = 5;
/** A round takes 20 s on two idle cores; this bounds it on busy ones. */
const ROUND_TIMEOUT_MS = 300_000;

const temporary = mkdtempSync(join(tmpdir(), 'millrace-chaos-'));
const sinkDirectories = (out: string): readonly string[] => [join(out, 'hourly'), join(out, 'top')];
let expected: readonly ReadonlyMap<string, number>[] = [];
/** Clusters of rounds that have not come to their end. */
const running = new Set<TestCluster>();

beforeAll(async () => {
  await using cluster = await TestCluster.start(join(temporary, 'undisturbed'), CLUSTER);
  const out = join(temporary, 'undisturbed-out');
  const { exitCode, stderr } = await cluster.run(['run', '-p', '4', JOB, '--', '--out', out]);
  expect(exitCode, stderr).toBe(0);
  expected = await Promise.all(sinkDirectories(out).map(lineCounts));
  rmSync(out, { recursive: true });
});

afterAll(async () => {
  for (const cluster of running) {
    await cluster.stop();
    console.error(
      `The logs and the output of a round that failed are kept in ${cluster.directory} and beside it`,
    );
  }
  if (running.size === 0) rmSync(temporary, { recursive: true, force: true });
});

describe.sequential('chaos', () => {
  test.each(SEEDS)(
    'seed %i: at least five kills -9, nothing lost, nothing twice',
    async (seed) => {
      const directory = join(temporary, `seed-${seed}`);
      const armory = join(directory, 'crash-points');
      mkdirSync(armory, { recursive: true });
      const cluster = await TestCluster.start(join(directory, 'cluster'), CLUSTER, {
        MILLRACE_CRASH_POINTS: armory,
      });
      running.add(cluster);
      await round(seed, { cluster, armory, out: join(directory, 'out') });
      await cluster.stop();
      running.delete(cluster);
      rmSync(directory, { recursive: true, force: true });
    },
    ROUND_TIMEOUT_MS,
  );
});

interface RoundOptions {
  readonly cluster: TestCluster;
  /** Where crash points are armed. */
  readonly armory: string;
  readonly out: string;
}

async function round(seed: number, { cluster, armory, out }: RoundOptions): Promise<void> {
  const clusterDirectory = cluster.directory;
  const plan = planKills(seed);
  const kills: Kill[] = [];

  const submissionPoint = join(armory, 'jobmanager-submission-stored');
  if (plan[0]?.kind === 'submission') writeFileSync(submissionPoint, '');
  const flags = [
    '--out',
    out,
    '--ratePerSecond',
    String(RATE_PER_SECOND),
    '--checkpointInterval',
    CHECKPOINT_INTERVAL,
  ];
  const { jid } = await cluster.json<{ jid: string }>(['run', '-d', '-p', '4', JOB, '--', ...flags]);
  if (plan[0]?.kind === 'submission' && !existsSync(submissionPoint))
    kills.push({ what: 'jobmanager at jobmanager-submission-stored', atMs: Date.now() });

  const visible = new VisibleFiles(sinkDirectories(out));
  let lateMax = 0;
  const watch = new JobWatch(clusterDirectory, jid, ({ vertices }) => {
    for (const { dropped } of vertices) lateMax = Math.max(lateMax, dropped['late'] ?? 0);
  });
  try {
    kills.push(...(await strike(plan, { clusterDirectory, armory, watch })));
    const end = await watch.ended;
    const effective = kills.filter(({ atMs }) => atMs < (end.endTimeMs ?? 0));
    console.log(
      `seed ${seed}: ${effective.length} kills (${effective.map(({ what }) => what).join(', ')}), ${end.restartCount} restarts`,
    );

    expect(end.state, end.error?.message).toBe('FINISHED');
    expect(effective.length).toBeGreaterThanOrEqual(EFFECTIVE_KILLS_MIN);
    // A TaskManager's death is a restart; a JobManager's only an attempt more than those that prepare and run.
    expect(end.restartCount).toBeGreaterThan(0);
    expect(end.attemptNumber).toBeGreaterThanOrEqual(2 + end.restartCount);
    expect(end.recordsRead).toBe(RECORDS);
    expect(lateMax).toBe(0);
  } finally {
    watch.stop();
    await visible.stop();
  }
  expect(visible.faults).toEqual([]);
  expect(visible.count).toBeGreaterThan(0);
  expect(hiddenFiles(sinkDirectories(out))).toEqual([]);
  for (const [index, sink] of sinkDirectories(out).entries()) {
    expect(compareCounts(expected[index] ?? new Map(), await lineCounts(sink)), sink).toEqual({
      lost: 0,
      duplicated: 0,
    });
  }
}
