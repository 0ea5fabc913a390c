// A TaskManager whose Buffers outgrow its memory limit says so, has its job move elsewhere, and ends.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { TestCluster } from '../support/cli.ts';
import { JobWatch } from '../support/job-watch.ts';
import { lineCounts, outOfOrder } from '../support/lines.ts';
import { isRunning } from '../support/processes.ts';
import { until } from '../support/until.ts';

const COUNT = 12_000;
/** A quarter more, and the process would end at once. */
const LIMIT_MEGABYTES = 600;
const HOARDED_MEGABYTES = 640;

const temporary = mkdtempSync(join(tmpdir(), 'millrace-memory-'));
afterAll(() => rmSync(temporary, { recursive: true, force: true }));

test('a TaskManager over its memory limit ends, its job goes on elsewhere, and nothing is lost or there twice', async () => {
  const directory = join(temporary, 'cluster');
  const flags = ['--taskmanagers', '2', '--slots', '1', '--heartbeat-interval', '200'];
  await using cluster = await TestCluster.start(directory, [
    ...flags,
    '--memory-limit',
    `${LIMIT_MEGABYTES}`,
  ]);
  const [marker, out] = [join(temporary, 'marker'), join(temporary, 'out')];
  const params = { marker, out, count: COUNT, megabytes: HOARDED_MEGABYTES };
  const { jid } = await cluster.json<{ jid: string }>([
    'run',
    '--detached',
    'test/chaos/jobs/buffers.ts',
    '--',
    ...Object.entries(params).flatMap(([name, value]) => [`--${name}`, `${value}`]),
  ]);
  const watch = new JobWatch(directory, jid);
  const end = await watch.ended;
  expect(end.state, end.error?.message).toBe('FINISHED');
  const pid = Number(readFileSync(marker, 'utf8'));
  await until(() => !isRunning(pid), { timeoutMs: 60_000, what: 'the end of the TaskManager' });

  // From a checkpoint that was taken for it: no failure.
  expect(end.restartCount).toBe(0);
  expect(end.attemptNumber).toBeGreaterThan(2);
  const logs = ['taskmanager-1', 'taskmanager-2'].map((id) =>
    readFileSync(join(directory, 'logs', `${id}.log`), 'utf8'),
  );
  const over = logs
    .join('\n')
    .split('\n')
    .find((line) => line.includes('resident memory is over its limit'));
  const { slotMemory } = JSON.parse(over ?? '{}') as {
    slotMemory?: { jobId?: string; heapBytes: number; externalBytes: number }[];
  };
  // The slot of the job has the Buffers, beside its heap.
  const slot = slotMemory?.find(({ jobId }) => jobId === jid);
  expect(slot?.externalBytes).toBeGreaterThan(100 * 1024 * 1024);
  const numbers = Array.from({ length: COUNT }, (_, number) => [`{"number":${number}}`, 1] as const);
  expect(await lineCounts(out)).toEqual(new Map(numbers));
  const numberOf = (line: string): number => (JSON.parse(line) as { number: number }).number;
  expect(await outOfOrder(out, (line) => ({ key: '', index: numberOf(line) }))).toBe(0);
});
