// One run of the sequence job under whatever a scenario does to it: started, followed to its end, and its output compared.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { JobStatus } from '@millrace/proto';
import type { TestCluster } from '../support/cli.ts';
import { JobWatch } from '../support/job-watch.ts';
import { compareCounts, lineCounts, outOfOrder, type LinePlace } from '../support/lines.ts';
import { expectedLines } from './jobs/sequence-data.ts';
import { hiddenFiles } from './visible-files.ts';

const SEQUENCE_JOB = 'test/chaos/jobs/sequence.ts';
/** The longest that a job may take to get somewhere, recoveries on a busy machine included. */
const STEP_TIMEOUT_MS = 120_000;

export interface SequenceOptions {
  readonly cluster: TestCluster;
  readonly out: string;
  /** A multiple of 4. */
  readonly count: number;
  readonly ratePerSecond: number;
  readonly flags?: readonly string[];
  readonly checkpointInterval?: string;
  /** Behind `--`: what the job itself takes. */
  readonly jobFlags?: readonly string[];
}

/** A run under way. */
export class SequenceRun {
  readonly jid: string;
  readonly watch: JobWatch;
  readonly #of: SequenceOptions;

  private constructor(jid: string, of: SequenceOptions) {
    this.jid = jid;
    this.#of = of;
    this.watch = new JobWatch(of.cluster.directory, jid);
  }

  static async start(of: SequenceOptions): Promise<SequenceRun> {
    const { cluster, count, ratePerSecond, out, flags = ['-p', '4'], checkpointInterval = '200ms' } = of;
    const own = ['--count', `${count}`, '--ratePerSecond', `${ratePerSecond}`, '--out', out];
    const interval = ['--checkpointInterval', checkpointInterval];
    const { jid } = await cluster.json<{ jid: string }>([
      'run',
      '-d',
      ...flags,
      SEQUENCE_JOB,
      '--',
      ...own,
      ...interval,
      ...(of.jobFlags ?? []),
    ]);
    return new SequenceRun(jid, of);
  }

  /** Waits until this share of the input is read. */
  async reaches(share: number): Promise<void> {
    await this.#until(({ inputShare = 0 }) => inputShare >= share, `${share} of the input`);
  }

  /** Waits until `more` checkpoints are completed, or all is done: then so were the checkpoints that there could be. */
  async completes(more: number): Promise<void> {
    const from = this.watch.latest?.checkpoints.completedCount ?? 0;
    await this.#until(
      ({ checkpoints, state }) => checkpoints.completedCount >= from + more || state === 'FINISHED',
      `${more} checkpoints`,
    );
  }

  /** Waits until the job has been restarted `count` times in all. */
  async restarts(count: number): Promise<void> {
    await this.#until(({ restartCount }) => restartCount >= count, `restart ${count}`);
  }

  /** Waits until the job fails to complete a checkpoint once more. */
  async declines(count = 1): Promise<void> {
    const from = this.watch.latest?.checkpoints.failedCount ?? 0;
    await this.#until(({ checkpoints }) => checkpoints.failedCount >= from + count, 'a failed checkpoint');
  }

  async #until(condition: (status: JobStatus) => boolean, what: string): Promise<void> {
    if (await this.watch.reaches(condition, STEP_TIMEOUT_MS)) return;
    const { state, error } = this.watch.latest ?? {};
    throw new Error(`The job is ${state} before ${what}: ${error?.message}`);
  }

  /** Waits for the job's end and compares its output. */
  async finishes(): Promise<Outcome> {
    try {
      const { state, error, recordsRead, restartCount, attemptNumber, vertices } = await this.watch.ended;
      if (state !== 'FINISHED') throw new Error(`The job is ${state}: ${error?.message}`);
      const late = vertices.reduce((sum, { dropped }) => sum + (dropped['late'] ?? 0), 0);
      const isAllRead = recordsRead === this.#of.count;
      return { isAllRead, late, ...(await compareOutput(this.#of)), restartCount, attemptNumber };
    } finally {
      this.watch.stop();
    }
  }
}

interface OutputComparison {
  readonly lost: number;
  readonly duplicated: number;
  /** Lines that stand behind a later one of their key. */
  readonly outOfOrder: number;
  /** Files that are not committed. */
  readonly pending: readonly string[];
}

export interface Outcome extends OutputComparison {
  readonly isAllRead: boolean;
  readonly late: number;
  readonly restartCount: number;
  readonly attemptNumber: number;
}

/** What every outcome must match, whatever happened. */
export const FLAWLESS = { isAllRead: true, late: 0, lost: 0, duplicated: 0, outOfOrder: 0, pending: [] };

/** Compares the output of whichever runs wrote it with what `count` records give, and removes it. */
async function compareOutput({
  out,
  count,
}: Pick<SequenceOptions, 'out' | 'count'>): Promise<OutputComparison> {
  const expected = expectedLines(count);
  const [records, windows] = [join(out, 'records'), join(out, 'windows')];
  const differences = [
    compareCounts(expected.records, await lineCounts(records)),
    compareCounts(expected.windows, await lineCounts(windows)),
  ];
  const result = {
    lost: differences.reduce((sum, { lost }) => sum + lost, 0),
    duplicated: differences.reduce((sum, { duplicated }) => sum + duplicated, 0),
    outOfOrder: await outOfOrder(records, (line) => JSON.parse(line) as LinePlace),
    pending: hiddenFiles([records, windows]),
  };
  if (result.lost + result.duplicated + result.outOfOrder === 0)
    rmSync(out, { recursive: true, force: true });
  return result;
}
