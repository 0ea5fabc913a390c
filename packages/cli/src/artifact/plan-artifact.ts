// Runs a bundled program once, in this client, to get its StreamGraph.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { isMillraceError, MillraceError } from '@millrace/common';
import { describeStreamGraph, type PlannableJob, type StreamGraph } from '@millrace/api';
import type { StreamGraphJson, SubmissionContext } from '@millrace/proto';
import type { Artifact } from './bundle-job.ts';

/** A program that was run: the live graph for embedded use, and its JSON form for submissions. */
export interface PlannedJob {
  readonly job: PlannableJob;
  readonly graph: StreamGraph;
  readonly json: StreamGraphJson;
}

/**
 * Imports the artifact from a temporary directory and plans its default export.
 * @throws {MillraceError} MR_JOB_FILE when it throws or exports no job; whatever building the graph throws
 */
export async function planArtifact(
  artifact: Artifact,
  submission: SubmissionContext,
  file: string,
): Promise<PlannedJob> {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-artifact-'));
  try {
    for (const [path, bytes] of artifact.files) await writeFile(join(directory, path), bytes);
    return await watched(file, async () => {
      const job = await importJob(join(directory, artifact.manifest.entry), file);
      const graph = planJob(job, submission, file);
      return { job, graph, json: describeStreamGraph(graph) };
    });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/**
 * Runs the user's code in this process, which is the command's: what would end it without a word is an error of the
 * job file instead.
 */
async function watched<T>(file: string, run: () => Promise<T>): Promise<T> {
  const exit = process.exit.bind(process);
  let refuse: (error: unknown) => void = () => {};
  const refused = new Promise<never>((_resolve, reject) => (refuse = reject));
  const onStarved = (): void =>
    refuse(jobFileError(`Cannot load "${file}": it awaits at its top level what never comes`, undefined));
  const onRejection = (error: unknown): void =>
    refuse(jobFileError(`Cannot load "${file}": it leaves a promise rejected: ${messageOf(error)}`, error));
  process.exit = (code) => {
    const error = jobFileError(`Cannot load "${file}": it calls process.exit(${code ?? ''})`, undefined);
    refuse(error);
    throw error;
  };
  process.once('beforeExit', onStarved);
  process.on('unhandledRejection', onRejection);
  try {
    const result = await Promise.race([run(), refused]);
    // Node reports a rejection that nobody handles only after all microtasks.
    await Promise.race([new Promise((resolve) => setImmediate(resolve)), refused]);
    return result;
  } finally {
    process.exit = exit;
    process.off('beforeExit', onStarved);
    process.off('unhandledRejection', onRejection);
  }
}

const jobBrandKey = Symbol.for('millrace.job');

async function importJob(path: string, file: string): Promise<PlannableJob> {
  process.setSourceMapsEnabled(true);
  const module = await (import(pathToFileURL(path).href) as Promise<{ default?: unknown }>).catch(
    (error: unknown) => {
      throw jobFileError(`Cannot load "${file}": it throws while it is imported: ${messageOf(error)}`, error);
    },
  );
  const job = module.default;
  if (
    typeof job !== 'object' ||
    job === null ||
    (job as Record<symbol, unknown>)[jobBrandKey] === undefined
  ) {
    throw jobFileError(
      `Cannot run "${file}": its default export is no job. Write: export default defineJob('name', (env) => { … })`,
      undefined,
    );
  }
  return job as PlannableJob;
}

function planJob(job: PlannableJob, submission: SubmissionContext, file: string): StreamGraph {
  try {
    return job.plan(submission);
  } catch (error) {
    if (isMillraceError(error)) throw error;
    throw jobFileError(`Cannot build the graph of "${file}": ${messageOf(error)}`, error);
  }
}

function jobFileError(message: string, cause: unknown): MillraceError {
  return new MillraceError('MR_JOB_FILE', message, cause === undefined ? {} : { cause });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
