// More TaskManagers do more: each has a share of a processor, and a job that follows them is as fast as the shares come to.
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { until } from '../../support/until.ts';
import { ContainerCluster } from './container-cluster.ts';
import { findEngine } from './engine.ts';

/** Of each TaskManager: three of them leave room for others, also on two processors. */
const CPUS = 0.25;
/** What is counted over so long has settled. */
const MEASURED_MS = 20_000;
/** Of three, a little goes to checkpoints and to what others do. */
const SPEED_UP_MIN = 2;
const STEP = { timeoutMs: 180_000 } as const;

const engine = findEngine();

describe.runIf(engine !== undefined)('containers with a share of a processor each', () => {
  let cluster: ContainerCluster;

  beforeAll(async () => {
    if (engine === undefined) return;
    cluster = await ContainerCluster.open(engine, { MILLRACE_CPUS: `${CPUS}` });
    await cluster.scaleTo(1);
    await until(async () => (await cluster.registeredCount()) === 1, { ...STEP, what: 'a TaskManager' });
  });
  afterAll(async () => {
    await cluster.close();
  });

  test('a job with -p auto reads twice as much and more with three TaskManagers as with one, and as before with one again', async () => {
    const submitted = await cluster.run(['run', '-d', '--json', '-p', 'auto', 'test/e2e/jobs/busy.ts']);
    expect(submitted.exitCode, submitted.stderr).toBe(0);
    const { jid } = JSON.parse(submitted.stdout) as { jid: string };
    const job = async (): Promise<JobJson> =>
      JSON.parse((await cluster.run(['describe', jid, '--json'])).stdout) as JobJson;

    /** Records a second once the job runs with so many TaskManagers. */
    const rateWith = async (count: number): Promise<number> => {
      await cluster.scaleTo(count);
      await until(async () => (await job()).parallelism === count, { ...STEP, what: `${count} subtasks` });
      const { completed } = (await job()).checkpoints;
      await until(async () => (await job()).checkpoints.completed > completed, {
        ...STEP,
        what: 'a checkpoint',
      });
      const [before, fromMs] = [await job(), performance.now()];
      await delay(MEASURED_MS);
      const [after, toMs] = [await job(), performance.now()];
      expect(after.parallelism).toBe(count);
      return (1_000 * (after.recordsRead - before.recordsRead)) / (toMs - fromMs);
    };

    const one = await rateWith(1);
    const three = await rateWith(3);
    const again = await rateWith(1);
    const text = [one, three, again].map((rate) => rate.toFixed(0)).join(', ');
    console.log(`records a second with 1, 3 and 1 TaskManagers of ${CPUS} processors: ${text}`);
    expect(three).toBeGreaterThan(SPEED_UP_MIN * one);
    expect(three).toBeGreaterThan(SPEED_UP_MIN * again);
    const end = await job();
    expect(end.restarts, 'restarts that were failures').toBe(0);
    expect(await cluster.run(['cancel', jid])).toMatchObject({ exitCode: 0 });
  });
});

interface JobJson {
  readonly parallelism: number;
  readonly recordsRead: number;
  readonly restarts: number;
  readonly checkpoints: { readonly completed: number };
}
