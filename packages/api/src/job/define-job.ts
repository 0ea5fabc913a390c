// A job: a name and a function that builds its graph.
import type { SubmissionContext } from '@millrace/proto';
import { jobBrand } from '../brand.ts';
import { StreamGraphBuilder } from '../graph/stream-graph-builder.ts';
import type { PlannableJob, StreamGraph } from '../graph/stream-graph.ts';
import { invalidGraph } from '../graph/transformation.ts';
import { describe, invalidOption, textOption } from '../options/check-options.ts';
import { resolveDeadLetters, resolveJobOptions, type JobOptions } from '../options/job-options.ts';
import { executeJob, type ExecuteOptions, type JobResult } from './execute-job.ts';
import { StreamEnvironment } from './stream-environment.ts';

/** What {@link defineJob} returns and a job file exports as its default. */
export interface JobDefinition extends PlannableJob {
  /**
   * Runs the job in this process and resolves when it has finished: for tests, breakpoints and small scripts. Needs
   * the package `@millrace/embedded`.
   * @throws {MillraceError} MR_NESTED_EXECUTE inside a cluster; the error that failed the job
   */
  execute(options?: ExecuteOptions): Promise<JobResult>;
}

/** Characters of a job's name at most. */
const JOB_NAME_LENGTH_MAX = 128;

/**
 * Defines a job.
 * Contract: `build` is synchronous and does no I/O; it is called once in the client and once in each slot, and must
 * build the same graph each time: what it depends on comes from `env.params`, `env.args` and `env.environment`.
 * @throws {MillraceError} MR_OPTION_INVALID for a bad name or options
 * @example
 * export default defineJob('word-count', (env) => {
 *   env.source(fromArray(['to be', 'or not to be']))
 *     .flatMap((line) => line.split(' '))
 *     .keyBy((word) => word)
 *     .aggregate({ count: count() })
 *     .print();
 * });
 */
export function defineJob(
  name: string,
  build: (env: StreamEnvironment) => void,
  options: JobOptions = {},
): JobDefinition {
  checkName(name);
  if (typeof build !== 'function')
    throw invalidOption(
      `Cannot use ${describe(build)} to build job "${name}": write defineJob('${name}', (env) => { … })`,
    );
  resolveJobOptions(options);
  resolveDeadLetters(name, options);
  const job: JobDefinition = Object.freeze({
    [jobBrand]: 1 as const,
    name,
    plan: (submission: SubmissionContext) => plan({ name, build, options }, submission),
    execute: (executeOptions: ExecuteOptions = {}) => executeJob(job, executeOptions),
  });
  return job;
}

interface JobSource {
  readonly name: string;
  readonly build: (env: StreamEnvironment) => void;
  readonly options: JobOptions;
}

function plan({ name, build, options }: JobSource, submission: SubmissionContext): StreamGraph {
  const builder = new StreamGraphBuilder();
  const env = new StreamEnvironment(builder, submission, options);
  const returned: unknown = build(env);
  if (typeof (returned as { then?: unknown } | undefined)?.then === 'function') {
    throw invalidGraph(
      `The build function of job "${name}" is asynchronous: build the graph synchronously; sources and static tables read in open(), ` +
        'and what differs from run to run comes in as job parameters',
    );
  }
  return builder.build(name, {
    options: resolveJobOptions(env.jobOptions),
    deadLetters: resolveDeadLetters(name, env.jobOptions),
  });
}

function checkName(name: unknown): void {
  const text = textOption('the name of a job', name);
  // eslint-disable-next-line no-control-regex -- control characters are what it looks for
  if (text.length <= JOB_NAME_LENGTH_MAX && !/[\u0000-\u001f\u007f]/.test(text)) return;
  throw invalidOption(
    `Cannot use ${JSON.stringify(text)} as the name of a job: at most ${JOB_NAME_LENGTH_MAX} characters, none of them a control character`,
  );
}
