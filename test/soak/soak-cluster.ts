// A cluster of real processes that a soak watches.
import { join } from 'node:path';
import { MillraceError } from '@millrace/common';
import { TestCluster } from '../support/cli.ts';
import { JobWatch } from '../support/job-watch.ts';
import { recordedProcesses } from '../support/processes.ts';
import { sampleOf, type Sample } from './samples.ts';

const SAMPLE_INTERVAL_MS = 1_000;
const JOB = 'test/soak/jobs/steady.ts';

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** A run of the steady job. */
export interface SteadyRun {
  /** Records a second over `ms` from now on. */
  rate(ms: number): Promise<number>;
  /** Samples each process once a second for `ms`. */
  watch(ms: number): Promise<ReadonlyMap<string, readonly Sample[]>>;
  cancel(): Promise<void>;
}

export class SoakCluster {
  readonly #cluster: TestCluster;

  private constructor(cluster: TestCluster) {
    this.#cluster = cluster;
  }

  static async start(directory: string): Promise<SoakCluster> {
    const flags = ['--taskmanagers', '2', '--slots', '2', '--no-restart'];
    return new SoakCluster(await TestCluster.start(join(directory, 'cluster'), flags));
  }

  stop(): Promise<void> {
    return this.#cluster.stop();
  }

  /** Submits the job with these arguments of its own. */
  async run(args: readonly string[]): Promise<SteadyRun> {
    const { jid } = await this.#cluster.json<{ jid: string }>(['run', '-d', '-p', '4', JOB, '--', ...args]);
    const watch = new JobWatch(this.#cluster.directory, jid);
    await watch.reaches(({ recordsRead }) => recordsRead > 0, 60_000);
    const recordsRead = (): number => {
      const { state, recordsRead: count = 0, error, restartCount = 0 } = watch.latest ?? {};
      if (state !== 'RUNNING' || restartCount > 0)
        throw new MillraceError(
          'MR_INTERNAL',
          `The job is ${state}, restarted ${restartCount} times: ${error?.message}`,
        );
      return count;
    };
    return {
      rate: async (ms) => {
        const [from, fromMs] = [recordsRead(), performance.now()];
        await wait(ms);
        return ((recordsRead() - from) * 1000) / (performance.now() - fromMs);
      },
      watch: (ms) => this.#watch(ms, recordsRead),
      cancel: async () => {
        watch.stop();
        await this.#cluster.run(['cancel', jid]);
        await watch.ended.catch(() => undefined);
      },
    };
  }

  async #watch(ms: number, check: () => void): Promise<ReadonlyMap<string, readonly Sample[]>> {
    const samples = new Map<string, Sample[]>();
    const endMs = performance.now() + ms;
    while (performance.now() < endMs) {
      await wait(SAMPLE_INTERVAL_MS);
      check();
      for (const { id, pid } of recordedProcesses(this.#cluster.directory)) {
        const sample = sampleOf(pid);
        if (sample === undefined) throw new MillraceError('MR_INTERNAL', `${id} is gone`);
        const known = samples.get(id);
        if (known === undefined) samples.set(id, [sample]);
        else known.push(sample);
      }
    }
    return samples;
  }
}
