import { afterEach, describe, expect, test } from 'vitest';
import { fromArray } from '../source/from-array.ts';
import { defineJob } from './define-job.ts';
import type { JobResult } from './execute-job.ts';

const globals = globalThis as Record<symbol, unknown>;
const worker = Symbol.for('millrace.worker');
const executor = Symbol.for('millrace.executor');
const job = defineJob('executed', (env) => void env.source(fromArray([1])).print());

afterEach(() => {
  delete globals[worker];
  delete globals[executor];
});

describe('execute', () => {
  test('is refused inside a cluster, naming the form to use', async () => {
    globals[worker] = true;
    await expect(job.execute()).rejects.toMatchObject({
      code: 'MR_NESTED_EXECUTE',
      message: expect.stringContaining("export default defineJob('executed'"),
    });
  });

  test('hands the job to the executor that is there', async () => {
    const result: JobResult = { jobName: 'executed', state: 'FINISHED', printed: [], dropped: {} };
    globals[executor] = async (given: unknown, options: unknown) => {
      expect([given, options]).toEqual([job, { parallelism: 2 }]);
      return result;
    };
    expect(await job.execute({ parallelism: 2 })).toBe(result);
  });
});
