// Sinks of changelogs in a job that runs.
import { expect, test } from 'vitest';
import { count, defineJob, fromArray, sinkBrand, type Change, type ChangelogSink } from '@millrace/api';
import { executeJob } from './execute-job.ts';

interface Count {
  readonly key: string;
  readonly n: number;
}

/** A table that is kept by key, and the changes that came. */
function upsertSink(table: Map<string, number>, seen: Change<Count>[]): ChangelogSink<Count> {
  return {
    [sinkBrand]: 1,
    name: 'table',
    changes: 'upsert',
    key: (row: Count) => row.key,
    describe: () => ({}),
    openWriter: () => ({
      write: (change) => {
        seen.push(change);
        if (change.kind === 'delete') table.delete(change.row.key);
        else table.set(change.row.key, change.row.n);
      },
      prepareCommit: () => [],
      close() {},
    }),
  };
}

test.each([true, false])(
  'a sink by key gets a table without rows before updates: materialized %s',
  async (materialize) => {
    const table = new Map<string, number>();
    const seen: Change<Count>[] = [];
    const words = ['to', 'be', 'or', 'not', 'to', 'be'];
    const job = defineJob('upserts', (env) => {
      env
        .source(fromArray(words))
        .keyBy((word) => word)
        .aggregate({ n: count() }, { emit: 'update' })
        .sink(upsertSink(table, seen), { materialize });
    });
    await executeJob(job, { parallelism: 2 });
    expect(Object.fromEntries(table)).toEqual({ to: 2, be: 2, or: 1, not: 1 });
    expect(seen.some(({ kind }) => kind === 'updateBefore')).toBe(false);
  },
);
