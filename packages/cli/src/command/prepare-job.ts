// From a job file to what is submitted: its bundle, its graph, and what the submission freezes. Needs no cluster.
import { randomBytes } from 'node:crypto';
import { overrideCheckpoint, type CheckpointMode } from '@millrace/api';
import { asJobId } from '@millrace/common';
import type { Json, JobSubmission, StreamGraphJson } from '@millrace/proto';
import { bundleJob, type Artifact } from '../artifact/bundle-job.ts';
import { planArtifact } from '../artifact/plan-artifact.ts';
import type { GlobalOptions } from './context.ts';
import { submissionContext } from './submission.ts';

/** Options of the verbs that take a job file. */
export interface RunOptions extends GlobalOptions {
  readonly detached?: boolean;
  readonly parallelism?: number | 'auto';
  readonly fromSavepoint?: string;
  readonly allowNonRestoredState?: boolean;
  readonly fromCheckpoint?: number;
  readonly wait?: boolean;
  readonly embedded?: boolean;
  readonly threads?: number;
  readonly env?: readonly string[];
  readonly checkpointInterval?: string;
  readonly checkpointMode?: CheckpointMode;
  readonly retainCheckpoints?: boolean;
}

/** Said wherever a job is run: bundling takes the types off. */
export const TYPES_NOT_CHECKED = 'Types were not checked: millrace check does it';

/** A job that is ready to be submitted. */
export interface PreparedJob {
  readonly artifact: Artifact;
  readonly submission: JobSubmission;
}

/** Bundles and plans a job file; needs no cluster. */
export async function prepareJob(
  file: string,
  args: readonly string[],
  options: RunOptions,
): Promise<PreparedJob> {
  const baseDirectory = process.cwd();
  const artifact = await bundleJob(file, baseDirectory);
  const submission = submissionContext({ args, environmentNames: options.env ?? [], baseDirectory });
  const { json } = await planArtifact(artifact, submission, file);
  return {
    artifact,
    submission: {
      jobId: asJobId(randomBytes(16).toString('hex')),
      streamGraph: { ...json, options: overrideCheckpoint(json.options, checkpointOptions(options)) },
      artifact: artifact.manifest,
      submission,
      isWaiting: options.wait === true,
      ...(options.allowNonRestoredState === true ? { isNonRestoredStateAllowed: true as const } : {}),
      ...(options.parallelism === undefined ? {} : { parallelism: options.parallelism }),
    },
  };
}

/** What the command line says of checkpoints; it wins over the program. */
function checkpointOptions(options: RunOptions) {
  const { checkpointInterval, checkpointMode, retainCheckpoints } = options;
  return {
    ...(checkpointInterval === undefined ? {} : { interval: checkpointInterval }),
    ...(checkpointMode === undefined ? {} : { mode: checkpointMode }),
    ...(retainCheckpoints === true ? { externalized: 'retain-on-cancellation' as const } : {}),
  };
}

/** Where the job's files are: the `path` option of each sink that has one, and where its dead letters would be. */
export function outputPaths(graph: StreamGraphJson): {
  readonly sinkPaths: readonly string[];
  readonly deadLetterPaths: readonly string[];
} {
  const pathsOf = (isImplicit: boolean): string[] =>
    graph.nodes.flatMap((node) => {
      if (node.kind !== 'sink' || (node.isImplicit === true) !== isImplicit) return [];
      const connector = node.options['connector'];
      const path = isObject(connector) ? connector['path'] : undefined;
      return typeof path === 'string' ? [path] : [];
    });
  return { sinkPaths: pathsOf(false), deadLetterPaths: [...new Set(pathsOf(true))] };
}

function isObject(value: Json | undefined): value is { readonly [name: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
