// Running a job from code. The engine is found at run time: this package depends on none.
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { MillraceError } from '@millrace/common';
import type { JobState, OutputLine } from '@millrace/proto';
import type { PlannableJob } from '../graph/stream-graph.ts';

/** What a submission freezes, for a run in this process. */
export interface ExecuteOptions {
  /** As behind `--` on the command line. */
  readonly args?: readonly string[];
  /** Job parameters by name; they win over those in `args`. */
  readonly params?: { readonly [name: string]: string };
  readonly environment?: { readonly [name: string]: string };
  /** Relative paths are resolved against it. Default: the working directory. */
  readonly baseDirectory?: string;
  /** Of operators that set none; `auto`: one slot. Default 1. */
  readonly parallelism?: number | 'auto';
  /** Cancels the job. */
  readonly signal?: AbortSignal;
}

/** How a job ended. A job that failed rejects instead. */
export interface JobResult {
  readonly jobName: string;
  readonly state: JobState;
  /** What `print()` showed, in order. */
  readonly printed: readonly OutputLine[];
  /** Records that were left out, by cause, such as `late`. */
  readonly dropped: { readonly [cause: string]: number };
}

/** What runs jobs in this process. */
export type JobExecutor = (job: PlannableJob, options: ExecuteOptions) => Promise<JobResult>;

/** Set by the engine: true in a slot's worker; an executor where one is at hand. */
const workerFlag = Symbol.for('millrace.worker');
const executorSlot = Symbol.for('millrace.executor');
/** A variable, so that bundlers leave it alone. */
const embeddedPackage = '@millrace/embedded';

interface EngineGlobals {
  readonly [workerFlag]?: unknown;
  readonly [executorSlot]?: JobExecutor;
}

/** @throws {MillraceError} MR_NESTED_EXECUTE, MR_USAGE when no engine is installed, the error that failed the job */
export async function executeJob(job: PlannableJob, options: ExecuteOptions): Promise<JobResult> {
  const globals = globalThis as EngineGlobals;
  if (globals[workerFlag] !== undefined) {
    throw new MillraceError(
      'MR_NESTED_EXECUTE',
      `Cannot execute job "${job.name}" here: this program already runs inside a cluster; write \`export default defineJob('${job.name}', …)\`, ` +
        'without execute(), and start it with `npx millrace run job.ts`',
    );
  }
  const execute = globals[executorSlot] ?? (await importEmbedded(job.name));
  return execute(job, options);
}

async function importEmbedded(jobName: string): Promise<JobExecutor> {
  const module = (await importFromHere()) ?? (await importFromProgram());
  if (typeof module?.executeJob === 'function') return module.executeJob;
  throw new MillraceError(
    'MR_USAGE',
    `Cannot execute job "${jobName}" in this process: package ${embeddedPackage} is not installed; ` +
      `run \`npm install ${embeddedPackage}\`, or start the job with \`npx millrace run job.ts\``,
  );
}

interface EmbeddedModule {
  readonly executeJob?: JobExecutor;
}

async function importFromHere(): Promise<EmbeddedModule | undefined> {
  return importIfThere(embeddedPackage);
}

/** The package may be the program's dependency and invisible from this file, as pnpm lays packages out. */
async function importFromProgram(): Promise<EmbeddedModule | undefined> {
  const entry = process.argv[1] ?? `${process.cwd()}/`;
  try {
    return await importIfThere(pathToFileURL(createRequire(entry).resolve(embeddedPackage)).href);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

async function importIfThere(specifier: string): Promise<EmbeddedModule | undefined> {
  try {
    return (await import(specifier)) as EmbeddedModule;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** True when it is this very package that is missing, not something that it imports. */
function isNotFound(error: unknown): boolean {
  const { code, message } = error as { readonly code?: unknown; readonly message?: unknown };
  const isMissing =
    code === 'ERR_MODULE_NOT_FOUND' ||
    code === 'MODULE_NOT_FOUND' ||
    code === 'ERR_PACKAGE_PATH_NOT_EXPORTED';
  return isMissing && String(message).includes(embeddedPackage);
}
