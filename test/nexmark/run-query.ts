// Runs a query of the examples on a cluster in this process.
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import type { PlannableJob } from '@millrace/api';
import { executeJob } from '@millrace/embedded';
import type { Params } from './all-events.ts';
import { finalLines, readRows, type Row } from './results.ts';

/** How and where a query runs. */
export interface Run {
  readonly parallelism: number;
  /** Those of its events, and where its rows go. */
  readonly params: Params;
  /** For its files. */
  readonly directory: string;
}

/** Resolves when the query has ended. */
export async function runQuery(query: string, { parallelism, params, directory }: Run): Promise<void> {
  const { default: job } = (await import(`../../examples/nexmark/${query}.ts`)) as { default: PlannableJob };
  await executeJob(job, { parallelism, params, baseDirectory: directory });
}

/** All rows of the query, of each subtask in the order in which it wrote them. */
export async function rowsOf(query: string, run: Run): Promise<readonly Row[]> {
  const out = mkdtempSync(join(run.directory, `${query}-`));
  await runQuery(query, { ...run, params: { ...run.params, out } });
  return readRows(out);
}

/** What updates of the query end in. */
export async function resultOf(query: string, run: Run): Promise<readonly string[]> {
  return finalLines(query, await rowsOf(query, run));
}
