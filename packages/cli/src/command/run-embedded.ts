// `run --embedded`: the whole cluster in this process, slots as threads; `--threads 0`: everything on this one thread.
import { executeJob, startEmbeddedCluster } from '@millrace/embedded';
import { compileJobGraph } from '@millrace/jobmanager';
import { MillraceError, silentLogger } from '@millrace/common';
import { ExitCode } from '../exit-code.ts';
import { bundleJob } from '../artifact/bundle-job.ts';
import { planArtifact } from '../artifact/plan-artifact.ts';
import { OutputTables } from '../terminal/output-tables.ts';
import { formatDuration } from '../terminal/table.ts';
import { attach } from './attach.ts';
import { printJson, printLines } from './context.ts';
import { prepareJob, sinkPaths, type RunOptions } from './prepare-job.ts';
import { submissionContext } from './submission.ts';

export async function runEmbedded(file: string, args: readonly string[], options: RunOptions): Promise<ExitCode> {
  if (options.fromSavepoint !== undefined) throw new MillraceError('MR_USAGE', 'Cannot restore a savepoint in an embedded run: submit the job to a cluster');
  if (options.threads === 0) return runOnThisThread(file, args, options);
  if (options.threads !== undefined) throw new MillraceError('MR_USAGE', '--threads takes only 0: everything on one thread. Without it, each slot is a thread');
  const { submission, artifact } = await prepareJob(file, args, options);
  const { slotCount } = compileJobGraph(submission.streamGraph, options.parallelism === undefined ? {} : { parallelism: options.parallelism });
  const startedMs = performance.now();
  const cluster = await startEmbeddedCluster({ slotCount, log: silentLogger });
  try {
    await cluster.submit(submission, (path) => artifact.files.get(path) ?? new Uint8Array());
    return await attach(cluster, { jobId: submission.jobId, isJson: options.json === true, sinkPaths: sinkPaths(submission.streamGraph), startedMs, isEmbedded: true });
  } finally {
    await cluster.close();
  }
}

async function runOnThisThread(file: string, args: readonly string[], options: RunOptions): Promise<ExitCode> {
  const startedMs = performance.now();
  const submission = submissionContext({ args, environmentNames: options.env ?? [], baseDirectory: process.cwd() });
  const { job } = await planArtifact(await bundleJob(file), submission, file);
  const result = await executeJob(job, {
    ...submission,
    ...(options.parallelism === undefined ? {} : { parallelism: options.parallelism }),
  });
  const tables = new OutputTables();
  for (const line of result.printed) if (line.form === 'row') tables.add(line);
  const texts = result.printed.filter(({ form }) => form === 'text').map(({ subtaskIndex, text }) => `${subtaskIndex + 1}> ${text}`);
  if (options.json === true) printJson({ name: result.jobName, state: result.state, dropped: result.dropped, printed: texts, tables: tables.tables() });
  else {
    const { late = 0, ...others } = result.dropped;
    const skipped = Object.values(others).reduce((sum, count) => sum + count, 0);
    printLines([...texts, ...tables.lines(), '', `Job ${result.jobName} ${result.state} after ${formatDuration(performance.now() - startedMs)}; late ${late}, skipped ${skipped}`]);
  }
  return ExitCode.Ok;
}
