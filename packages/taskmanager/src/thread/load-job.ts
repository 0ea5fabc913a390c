// Artifact on disk → live graph, checked against the graph that was submitted.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { MillraceError, isMillraceError } from '@millrace/common';
import {
  compareStreamGraphs,
  describeStreamGraph,
  jobBrand,
  type PlannableJob,
  type StreamGraph,
} from '@millrace/api';
import type { SlotDeployment } from '@millrace/proto';

/**
 * Imports the artifact's entry and runs the program again.
 * @throws {MillraceError} MR_JOB_FILE when the artifact cannot be loaded or exports no job, MR_GRAPH_MISMATCH when the
 * program gives another graph than the submitted one, and whatever building the graph throws
 */
export async function loadGraph(deployment: SlotDeployment, artifactDirectory: string): Promise<StreamGraph> {
  const job = await importJob(deployment, join(artifactDirectory, deployment.artifact.entry));
  const graph = plan(job, deployment);
  compareStreamGraphs(deployment.streamGraph, describeStreamGraph(graph));
  return graph;
}

async function importJob(deployment: SlotDeployment, entryPath: string): Promise<PlannableJob> {
  process.setSourceMapsEnabled(true); // From here on: stack traces point into the user's TypeScript.
  const module = await (
    import(pathToFileURL(entryPath).href) as Promise<{ readonly default?: unknown }>
  ).catch((error: unknown) => {
    throw jobFileError(deployment, `its program throws while it is imported: ${messageOf(error)}`, error);
  });
  const job = module.default;
  if (typeof job !== 'object' || job === null || !(jobBrand in job)) {
    throw jobFileError(
      deployment,
      "its program's default export is no job; write: export default defineJob('name', (env) => { … })",
    );
  }
  return job as PlannableJob;
}

function plan(job: PlannableJob, deployment: SlotDeployment): StreamGraph {
  try {
    return job.plan(deployment.submission);
  } catch (error) {
    if (isMillraceError(error)) throw error;
    throw jobFileError(deployment, `building its graph throws: ${messageOf(error)}`, error);
  }
}

function jobFileError(deployment: SlotDeployment, reason: string, cause?: unknown): MillraceError {
  const error = new MillraceError('MR_JOB_FILE', `Cannot run job "${deployment.jobName}": ${reason}`, {
    details: { jobId: deployment.jobId },
    ...(cause === undefined ? {} : { cause }),
  });
  if (cause instanceof Error && cause.stack !== undefined) error.stack = cause.stack; // Points into the user's file.
  return error;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
