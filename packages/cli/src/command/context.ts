// What every command gets: where the cluster is, how to write, how to ask.
import { checkPeerAddress, MillraceError, WATERMARK_END_MS } from '@millrace/common';
import type { ClusterRole } from '@millrace/common/node';
import { connectDispatcher, type DispatcherClient } from '@millrace/jobmanager';
import type { JobStatus } from '@millrace/proto';
import {
  ClusterDirectory,
  type ClusterCredentials,
  type ClusterSecrets,
} from '../cluster/cluster-directory.ts';
import { DEFAULT_RPC_PORT } from '../cluster/cluster.ts';

/** Options that every command takes. */
export interface GlobalOptions extends ClusterSecrets {
  readonly jobmanager?: string;
  readonly configDir?: string;
  readonly insecureInternal?: boolean;
  readonly json?: boolean;
  readonly color?: boolean;
}

/** Prints one JSON document to standard output. */
export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

export function printLines(lines: readonly string[]): void {
  if (lines.length > 0) process.stdout.write(`${lines.join('\n')}\n`);
}

/** The cluster's directory, and where its secrets are, as the options say. */
export function clusterDirectoryOf(options: GlobalOptions): ClusterDirectory {
  return new ClusterDirectory(options.configDir, options);
}

/**
 * Address of the JobManager: as given, else the one that `cluster start` started, else the default port.
 * @throws {MillraceError} MR_USAGE for what is not `host:port`
 */
export function jobManagerAddress(options: GlobalOptions): string {
  const { jobmanager } = options;
  if (jobmanager !== undefined && !/^\S+:\d{1,5}$/.test(jobmanager))
    throw new MillraceError(
      'MR_USAGE',
      `Cannot reach a JobManager at "${jobmanager}": write --jobmanager <host:port>`,
    );
  if (jobmanager !== undefined) return jobmanager;
  return clusterDirectoryOf(options).readRecord()?.jobManagerAddress ?? `127.0.0.1:${DEFAULT_RPC_PORT}`;
}

/**
 * Where the JobManager is, and what a process of this role shows there.
 * @throws {MillraceError} MR_OPTION_INVALID when the token would travel unencrypted to another machine
 */
export function connectionOf(
  options: GlobalOptions,
  role: ClusterRole,
): ClusterCredentials & { readonly address: string } {
  const address = jobManagerAddress(options);
  const credentials = clusterDirectoryOf(options).credentials(role);
  checkPeerAddress(address, {
    isEncrypted: credentials.identity !== undefined,
    isInsecureAllowed: options.insecureInternal === true,
  });
  return { address, ...credentials };
}

/**
 * Runs `action` with a connection to the cluster, and closes it.
 * @throws {MillraceError} MR_NO_CLUSTER when none answers
 */
export async function withDispatcher<T>(
  options: GlobalOptions,
  action: (client: DispatcherClient) => Promise<T>,
): Promise<T> {
  const client = await connectDispatcher(connectionOf(options, 'cli'));
  try {
    return await action(client);
  } finally {
    client.close();
  }
}

/**
 * Finds the one job that `reference` names: an id, a unique prefix of ids, or a name (of which the newest that has not
 * ended, else the newest).
 * @throws {MillraceError} MR_JOB_NOT_FOUND or MR_JOB_AMBIGUOUS
 */
export function findJob(jobs: readonly JobStatus[], reference: string): JobStatus {
  const exact = jobs.find(({ jobId }) => jobId === reference);
  if (exact !== undefined) return exact;
  const byPrefix = jobs.filter(({ jobId }) => jobId.startsWith(reference));
  const named = jobs.filter(({ name }) => name === reference).sort((a, b) => b.startTimeMs - a.startTimeMs);
  const active = named.filter((job) => !isEnded(job));
  if (active.length > 1) throw ambiguous(reference, active);
  const byName = active[0] ?? named[0];
  if (byName !== undefined) return byName;
  const [first, ...others] = byPrefix;
  if (first === undefined) {
    throw new MillraceError(
      'MR_JOB_NOT_FOUND',
      `Cannot find a job "${reference}": no id begins with it and no job has this name. List them: millrace list -a`,
    );
  }
  if (others.length > 0) throw ambiguous(reference, byPrefix);
  return first;
}

function ambiguous(reference: string, jobs: readonly JobStatus[]): MillraceError {
  const ids = jobs
    .slice(0, 5)
    .map(({ jobId }) => jobId)
    .join(', ');
  return new MillraceError(
    'MR_JOB_AMBIGUOUS',
    `Cannot tell which job "${reference}" is: ${jobs.length} jobs fit (${ids}). Give more of the id`,
  );
}

const ENDED: ReadonlySet<string> = new Set(['FINISHED', 'FAILED', 'CANCELED']);

export function isEnded(job: Pick<JobStatus, 'state'>): boolean {
  return ENDED.has(job.state);
}

/** ISO 8601, or null for a watermark that is not there; `end` is given as null too in JSON. */
export function isoTime(ms: number | null | undefined): string | null {
  return ms === null || ms === undefined || !Number.isFinite(ms) || Math.abs(ms) >= WATERMARK_END_MS
    ? null
    : new Date(ms).toISOString();
}

/** How a job is called in a sentence. */
export function jobReferenceLine(job: Pick<JobStatus, 'jobId' | 'name'>): string {
  return `job ${job.name} (${job.jobId})`;
}
