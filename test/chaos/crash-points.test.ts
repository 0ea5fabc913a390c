// Somebody dies at each crash point that there is, once; the job that was under way must not show it.
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CRASH_POINTS, type CrashPoint } from '@millrace/common/node';
import { TestCluster } from '../support/cli.ts';
import { until } from '../support/until.ts';
import { provocationOf } from './provocations.ts';
import { FLAWLESS } from './sequence-run.ts';

const POINTS = Object.keys(CRASH_POINTS) as CrashPoint[];
const SLOTS = 4;
const STEP_TIMEOUT_MS = 60_000;
const POINT_TIMEOUT_MS = 180_000;

const temporary = mkdtempSync(join(tmpdir(), 'millrace-crash-points-'));
const armory = join(temporary, 'armed');
let cluster: TestCluster;
let failures = 0;

beforeAll(async () => {
  mkdirSync(armory);
  cluster = await TestCluster.start(join(temporary, 'cluster'), ['--taskmanagers', '2', '--slots', '2'], {
    MILLRACE_CRASH_POINTS: armory,
  });
});

afterAll(async () => {
  await cluster.stop();
  if (failures > 0) console.error(`The logs of the cluster are kept in ${cluster.directory}`);
  else rmSync(temporary, { recursive: true, force: true });
});

const freeSlots = async (): Promise<number> =>
  (await cluster.processes()).reduce((sum, entry) => sum + (entry.freeSlots ?? 0), 0);

test('there are at least 40 crash points', () => {
  expect(POINTS.length).toBeGreaterThanOrEqual(40);
});

test.each(POINTS)(
  'whoever dies at %s: nothing lost, nothing twice',
  async (point) => {
    failures++;
    const outcome = await provocationOf(point)({ cluster, point, armory, out: join(temporary, point) });
    expect(outcome ?? FLAWLESS).toMatchObject(FLAWLESS);
    // Some come by behind the job's end only, to clean up.
    await until(() => !existsSync(join(armory, point)), {
      timeoutMs: STEP_TIMEOUT_MS,
      what: `a death at ${point}`,
    });
    await expect.poll(freeSlots, { timeout: STEP_TIMEOUT_MS }).toBe(SLOTS);
    failures--;
  },
  POINT_TIMEOUT_MS,
);
