// Joins and running aggregates on two TaskManagers, one of which is killed.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestCluster } from '../support/cli.ts';
import { JobWatch } from '../support/job-watch.ts';
import { lineCounts } from '../support/lines.ts';
import { findRunning, killNow } from '../support/processes.ts';
import {
  CITIES,
  cityOf,
  orderAt,
  paymentAt,
  RATE_EVERY,
  REACH,
  USERS,
  WINDOW,
  type Order,
  type Payment,
} from './jobs/views.ts';

const COUNT = 2_000;
const STEP_TIMEOUT_MS = 120_000;
const temporary = mkdtempSync(join(tmpdir(), 'millrace-views-'));
let cluster: TestCluster;

beforeAll(async () => {
  cluster = await TestCluster.start(join(temporary, 'cluster'), ['--taskmanagers', '2', '--slots', '2']);
});
afterAll(async () => {
  await cluster.stop();
  rmSync(temporary, { recursive: true, force: true });
});

const orders: readonly Order[] = Array.from({ length: COUNT }, (_, index) => orderAt(index));
const payments: readonly Payment[] = Array.from({ length: COUNT }, (_, index) => paymentAt(index));
const paymentOf = new Map(payments.map((payment) => [payment.order, payment]));
const ordersOf = (user: number): readonly Order[] => orders.filter((order) => order.user === user);
const amountOf = (user: number): number => ordersOf(user).reduce((sum, { amount }) => sum + amount, 0);
const users = Array.from({ length: USERS }, (_, user) => user);

function windowPairs(): readonly unknown[] {
  const isIn = (one: { readonly time: number }, other: { readonly time: number }): boolean =>
    Math.floor(one.time / WINDOW) === Math.floor(other.time / WINDOW);
  return [
    ...orders.map((order) => {
      const payment = paymentOf.get(order.id);
      return { id: order.id, payment: payment !== undefined && isIn(order, payment) ? payment.order : null };
    }),
    ...payments
      .filter((payment) => {
        const order = orders[payment.order];
        return order === undefined || !isIn(order, payment);
      })
      .map((payment) => ({ id: null, payment: payment.order })),
  ];
}

function overRows(): readonly unknown[] {
  return users.flatMap((user) =>
    ordersOf(user).map(({ id }, index, own) => {
      const amounts = own.slice(Math.max(0, index - 4), index + 1).map(({ amount }) => amount);
      return { id, sum: amounts.reduce((sum, amount) => sum + amount, 0), max: Math.max(...amounts) };
    }),
  );
}

/** What each output has in the end; of changelogs, the rows that are there. */
const EXPECTED: { readonly [output: string]: readonly unknown[] } = {
  interval: orders.map(({ id, time }) => {
    const payment = paymentOf.get(id);
    return { id, paid: payment !== undefined && payment.time <= time + REACH };
  }),
  window: windowPairs(),
  temporal: orders.map(({ id, time }) => ({ id, rate: Math.floor(time / RATE_EVERY) })),
  latest: orders.map(({ id }) => ({ id })),
  lookup: orders.filter(({ user }) => user % 2 === 0).map(({ id, user }) => ({ id, name: `user ${user}` })),
  over: overRows(),
  cities: CITIES.map((city) => {
    const amounts = users.filter((user) => cityOf(user, 1) === city).map(amountOf);
    const amount = amounts.reduce((sum, one) => sum + one, 0);
    return { key: city, users: amounts.length, amount, most: Math.max(...amounts) };
  }),
  top: users
    .map((user) => ({ key: user, orders: ordersOf(user).length, amount: amountOf(user) }))
    .sort((a, b) => b.amount - a.amount || b.key - a.key)
    .slice(0, 3)
    .map((row, index) => ({ ...row, rank: index + 1 })),
  last: users.map((user) => ordersOf(user).at(-1)),
};
const CHANGELOGS = new Set(['cities', 'top', 'last']);

/** Lines of an output; of a changelog, its rows as often as they were put in more than taken out. */
async function rowsOf(directory: string, isChangelog: boolean): Promise<readonly string[]> {
  const counts = new Map<string, number>();
  for (const [line, times] of await lineCounts(directory)) {
    const { op, row } = isChangelog
      ? (JSON.parse(line) as { op: string; row: unknown })
      : { op: '+I', row: line };
    const text = isChangelog ? JSON.stringify(row) : line;
    const by = op === '+I' || op === '+U' ? times : -times;
    counts.set(text, (counts.get(text) ?? 0) + by);
  }
  return [...counts].flatMap(([text, times]) => {
    expect(times, text).toBeGreaterThanOrEqual(0);
    return Array.from({ length: times }, () => text);
  });
}

test('kill -9 of a TaskManager loses and repeats nothing of any join or running aggregate', async () => {
  const out = join(temporary, 'out');
  const shape = ['--count', String(COUNT), '--ratePerSecond', '250', '--out', out];
  const args = ['run', '-d', 'test/e2e/jobs/views.ts', '-p', '2', '--', ...shape];
  const { jid } = await cluster.json<{ jid: string }>(args);
  const watch = new JobWatch(cluster.directory, jid);
  const isUnderWay = await watch.reaches(
    ({ inputShare = 0, checkpoints }) => inputShare >= 0.3 && checkpoints.completedCount >= 1,
    STEP_TIMEOUT_MS,
  );
  expect(isUnderWay).toBe(true);
  const victim = (await cluster.processes()).find(
    ({ kind, freeSlots }) => kind === 'taskmanager' && freeSlots !== 2,
  );
  expect(killNow(findRunning(cluster.directory, victim?.id ?? ''))).toBe(true);
  expect(await watch.ended).toMatchObject({ state: 'FINISHED', restartCount: 1 });
  for (const [name, expected] of Object.entries(EXPECTED)) {
    const rows = await rowsOf(join(out, name), CHANGELOGS.has(name));
    expect([...rows].sort(), name).toEqual(expected.map((row) => JSON.stringify(row)).sort());
  }
});
