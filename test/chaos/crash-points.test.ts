// Somebody dies at each crash point that there is, once; the job that was under way must not show it. Points that any run comes by
// share runs, some to each; CRASH_POINTS_AT_ONCE=1 gives each a run of its own.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CRASH_POINTS, type CrashPoint } from '@millrace/common/node';
import { TestCluster } from '../support/cli.ts';
import { until } from '../support/until.ts';
import { isArmed, isOnTheWay, provocationOf } from './provocations.ts';
import { FLAWLESS } from './sequence-run.ts';

const POINTS = Object.keys(CRASH_POINTS) as CrashPoint[];
const AT_ONCE = Number(process.env['CRASH_POINTS_AT_ONCE'] ?? 3);
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

/** Points that are far apart in the table go together: two of a submission do not. */
function inGroups(): readonly (readonly CrashPoint[])[] {
  const onTheWay = POINTS.filter(isOnTheWay);
  const count = Math.ceil(onTheWay.length / AT_ONCE);
  const shared = Array.from({ length: count }, (_, group) =>
    onTheWay.filter((_, index) => index % count === group),
  );
  return [...shared, ...POINTS.filter((point) => !isOnTheWay(point)).map((point) => [point])];
}

test.each(inGroups().map((points) => points.join(', ')))(
  'whoever dies at %s: nothing lost, nothing twice',
  async (name) => {
    const points = name.split(', ') as CrashPoint[];
    failures++;
    const out = join(temporary, name.replaceAll(', ', '-'));
    const [first] = points;
    if (first === undefined) throw new Error('a group has points');
    const outcome = await provocationOf(first)({ cluster, points, armory, out });
    expect(outcome ?? FLAWLESS).toMatchObject(FLAWLESS);
    // Some come by behind the job's end only, to clean up.
    await until(() => !isArmed({ armory, points }), {
      timeoutMs: STEP_TIMEOUT_MS,
      what: `a death at each of ${name}`,
    });
    await expect.poll(freeSlots, { timeout: STEP_TIMEOUT_MS }).toBe(SLOTS);
    failures--;
  },
  POINT_TIMEOUT_MS,
);
