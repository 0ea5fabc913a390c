// A sink at a hundredth of the source's speed: what waits for it is bounded, so that no process grows.
//   MILLRACE_SLOW_SINK_SECONDS=60 npx vitest run --project processes test/chaos/slow-sink.test.ts
// takes it that long, and judges the rate afterwards, too; for a machine that does nothing else.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { TestCluster } from '../support/cli.ts';
import { recordedProcesses } from '../support/processes.ts';
import { until } from '../support/until.ts';

const long = process.env['MILLRACE_SLOW_SINK_SECONDS'];
const SLOW_MS = Number(long ?? 8) * 1_000;
/** At full speed before, so that heaps have the size that they have at work. */
const FAST_MS = 8_000;
/** A record takes some 2 µs at full speed. */
const SLOW_MICROS = 200;
const PARALLELISM = 2;
const MIB = 1024 * 1024;
/** Channels, each with eight batches of 256 KiB on either side, and a quarter more. */
const BUFFER_BYTES = PARALLELISM ** 2 * 2 * 8 * 256 * 1024 * 1.25;
/** Two semi-spaces of a worker's young generation, which come to their full length when they will; what was not bounded would be ten times as much. */
const HEAP_NOISE_BYTES = 128 * MIB;

const temporary = mkdtempSync(join(tmpdir(), 'millrace-slow-sink-'));
afterAll(() => rmSync(temporary, { recursive: true, force: true }));

function residentBytes(pid: number): number {
  const kibibytes = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kibibytes ?? NaN) * 1024;
}

test.skipIf(process.platform !== 'linux')(
  'a sink at a hundredth of the speed does not let memory grow',
  async () => {
    await using cluster = await TestCluster.start(join(temporary, 'cluster'), [
      '--taskmanagers',
      '2',
      '--slots',
      '1',
    ]);
    const pids = recordedProcesses(cluster.directory)
      .filter(({ kind }) => kind === 'taskmanager')
      .map(({ pid }) => pid);
    expect(pids.length).toBe(2);
    const startMs = Date.now();
    const [slowFromMs, slowToMs] = [startMs + FAST_MS, startMs + FAST_MS + SLOW_MS];
    const params = Object.entries({ slowFromMs, slowToMs, slowMicros: SLOW_MICROS });
    const { jid } = await cluster.json<{ jid: string }>([
      'run',
      '--detached',
      '-p',
      `${PARALLELISM}`,
      'test/e2e/jobs/slow-sink.ts',
      '--',
      ...params.flatMap(([name, value]) => [`--${name}`, `${value}`]),
    ]);
    const recordsRead = async (): Promise<number> =>
      (await cluster.describe<{ recordsRead: number }>(jid)).recordsRead;
    /** Greatest resident memory of each TaskManager until `untilMs`, and records per second. */
    const phase = async (untilMs: number) => {
      const peaks = pids.map(() => 0);
      const [from, fromMs] = [await recordsRead(), performance.now()];
      await until(
        () => {
          pids.forEach((pid, index) => (peaks[index] = Math.max(peaks[index] ?? 0, residentBytes(pid))));
          return Date.now() >= untilMs;
        },
        { timeoutMs: 10 * (FAST_MS + SLOW_MS), what: 'the end of the phase' },
      );
      const rate = ((await recordsRead()) - from) / ((performance.now() - fromMs) / 1_000);
      return { peaks, rate };
    };
    const fast = await phase(slowFromMs);
    const slow = await phase(slowToMs);
    const after = await phase(Date.now() + FAST_MS);
    await cluster.run(['cancel', jid]);
    const shown = Object.entries({ fast, slow, after }).map(
      ([name, { peaks, rate }]) =>
        `${name} ${Math.round(rate).toLocaleString('en-US')}/s, ${peaks.map((bytes) => `${Math.round(bytes / MIB)} MiB`).join(' and ')}`,
    );
    console.log(`resident memory of the TaskManagers: ${shown.join('; ')}`);
    // Seconds of it fill the buffers; a fast phase begins with the start of the job.
    expect(slow.rate).toBeLessThan(Math.max(fast.rate, after.rate) / 2);
    for (const [index, peak] of slow.peaks.entries())
      expect(peak).toBeLessThan((fast.peaks[index] ?? 0) + BUFFER_BYTES + HEAP_NOISE_BYTES);
    if (long !== undefined) expect(after.rate).toBeGreaterThan(fast.rate * 0.9);
  },
);
