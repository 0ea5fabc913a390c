// Records that fail, while processes are killed: each is written and counted once, whatever attempt met it how often.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestCluster } from '../support/cli.ts';
import { JobWatch } from '../support/job-watch.ts';
import { lineCounts, outOfOrder } from '../support/lines.ts';
import { findRunning, killNow, recordedProcesses } from '../support/processes.ts';
import { until } from '../support/until.ts';

const LINES = 12_000;
const RATE_PER_SECOND = 2_000;
const SPLIT_BYTES = 32 * 1024;
const isMalformed = (n: number): boolean => n % 100 === 50;
const isPoison = (n: number): boolean => n % 40 === 7;

const temporary = mkdtempSync(join(tmpdir(), 'millrace-dead-letters-'));
let cluster: TestCluster;

beforeAll(async () => {
  cluster = await TestCluster.start(join(temporary, 'cluster'), ['--taskmanagers', '2', '--slots', '1']);
});
afterAll(async () => {
  await cluster.stop();
  rmSync(temporary, { recursive: true, force: true });
});

function lineOf(n: number): string {
  if (isMalformed(n)) return `{"n":${n},`;
  return JSON.stringify({ n, text: isPoison(n) ? `no number ${n}` : `${n}` });
}

test('dead letters are written and counted once under kill -9 of TaskManagers and of the JobManager', async () => {
  const numbers = Array.from({ length: LINES }, (_, n) => n);
  const [input, out] = [join(temporary, 'lines.jsonl'), join(temporary, 'out')];
  writeFileSync(input, `${numbers.map(lineOf).join('\n')}\n`);
  const params = Object.entries({
    in: input,
    out,
    ratePerSecond: RATE_PER_SECOND,
    splitBytes: SPLIT_BYTES,
  });
  const { jid } = await cluster.json<{ jid: string }>([
    'run',
    '--detached',
    '-p',
    '2',
    'test/e2e/jobs/bad-lines.ts',
    '--',
    ...params.flatMap(([name, value]) => [`--${name}`, `${value}`]),
  ]);
  const watch = new JobWatch(cluster.directory, jid);
  const kills = ['taskmanager', 'jobmanager', 'taskmanager'];
  let killed = 0;
  for (const [index, kind] of kills.entries()) {
    const from = (LINES * (index + 1)) / (kills.length + 1.5);
    await until(() => watch.hasEnded || (watch.latest?.recordsRead ?? 0) >= from, {
      timeoutMs: 120_000,
      what: `record ${from}`,
    });
    const id = recordedProcesses(cluster.directory).find((entry) => entry.kind === kind)?.id ?? '';
    if (!watch.hasEnded && killNow(findRunning(cluster.directory, id))) killed++;
  }
  const end = await watch.ended;
  expect(end.state, end.error?.message).toBe('FINISHED');
  expect(killed).toBe(kills.length);
  expect(end.restartCount).toBeGreaterThan(0);

  const good = numbers.filter((n) => !isMalformed(n) && !isPoison(n));
  expect(await lineCounts(join(out, 'good'))).toEqual(new Map(good.map((n) => [`{"n":${n}}`, 1])));
  // Lines of one split that the job keys alike take one way.
  let startByte = 0;
  const splits = numbers.map((n) => {
    const split = Math.floor(startByte / SPLIT_BYTES);
    startByte += lineOf(n).length + 1;
    return split;
  });
  const placeOf = (line: string): { readonly key: string; readonly index: number } => {
    const { n } = JSON.parse(line) as { n: number };
    return { key: `${splits[n]}/${n % 10}`, index: n };
  };
  expect(splits.at(-1)).toBeGreaterThan(1);
  expect(await outOfOrder(join(out, 'good'), placeOf)).toBe(0);

  const bad = numbers.filter((n) => isMalformed(n) || isPoison(n));
  const counts = await lineCounts(join(out, 'dead'));
  const raws = [...counts].map(
    ([line, count]) => [(JSON.parse(line) as { raw: string }).raw, count] as const,
  );
  expect(raws.length).toBe(bad.length);
  expect(new Map(raws)).toEqual(new Map(bad.map((n) => [lineOf(n), 1])));
  const deadLettered = end.vertices.reduce((sum, { dropped }) => sum + (dropped['deadLettered'] ?? 0), 0);
  expect(deadLettered).toBe(bad.length);
});
