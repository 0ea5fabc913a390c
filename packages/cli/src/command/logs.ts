// `logs <job|process>`: what the processes of a local cluster wrote, whole or only about one job.
import { existsSync, readdirSync } from 'node:fs';
import { isMillraceError, MillraceError } from '@millrace/common';
import { findLoggedJob, mergedLines, parseLogLine } from '../cluster/merged-logs.ts';
import { ExitCode } from '../exit-code.ts';
import { clusterDirectoryOf, findJob, withDispatcher, type GlobalOptions } from './context.ts';

const LEVELS: Readonly<Record<number, string>> = {
  10: 'TRACE',
  20: 'DEBUG',
  30: 'INFO',
  40: 'WARN',
  50: 'ERROR',
  60: 'FATAL',
};

export async function logs(reference: string, options: GlobalOptions): Promise<ExitCode> {
  const directory = clusterDirectoryOf(options);
  const names = existsSync(directory.logs) ? readdirSync(directory.logs).sort() : [];
  const processes = names.filter((name) => name.endsWith('.log')).map((name) => name.slice(0, -4));
  if (processes.includes(reference)) {
    await printLogs([directory.logOf(reference)], () => true, options);
    return ExitCode.Ok;
  }
  const paths = processes.map((process) => directory.logOf(process));
  const jobId = await jobIdOf(reference, { paths, processes }, options);
  await printLogs(paths, (line) => line.includes(jobId), options);
  return ExitCode.Ok;
}

/**
 * The cluster knows its jobs; the logs know them while it is down, and when it has forgotten them.
 * @throws {MillraceError} MR_JOB_NOT_FOUND, MR_JOB_AMBIGUOUS, or MR_NO_CLUSTER when it is down and no log names the job
 */
async function jobIdOf(
  reference: string,
  { paths, processes }: { readonly paths: readonly string[]; readonly processes: readonly string[] },
  options: GlobalOptions,
): Promise<string> {
  if (/^[0-9a-f]{32}$/.test(reference)) return reference;
  try {
    return await withDispatcher(options, async (client) => findJob(await client.list(), reference).jobId);
  } catch (cause) {
    if (!isMillraceError(cause) || (cause.code !== 'MR_NO_CLUSTER' && cause.code !== 'MR_JOB_NOT_FOUND'))
      throw cause;
    const logged = await findLoggedJob(paths, reference);
    if (logged !== undefined) return logged;
    if (cause.code === 'MR_NO_CLUSTER') throw cause;
    throw new MillraceError(
      'MR_JOB_NOT_FOUND',
      `Cannot find logs of "${reference}": it is no process (${processes.join(', ') || 'none was started here'}), and no job that the cluster or its logs know`,
      { cause },
    );
  }
}

async function printLogs(
  paths: readonly string[],
  isWanted: (line: string) => boolean,
  options: GlobalOptions,
): Promise<void> {
  for await (const line of mergedLines(paths)) {
    if (isWanted(line)) process.stdout.write(`${options.json === true ? line : readable(line)}\n`);
  }
}

/** A line of JSON as `time LEVEL component message key=value …`; anything else as it is. */
export function readable(line: string): string {
  const parsed = parseLogLine(line);
  if (parsed === undefined) return line;
  const { time, level, msg, pid: _pid, hostname: _hostname, component, ...fields } = parsed;
  const rest = Object.entries(fields).map(([key, value]) => `${key}=${textOf(value)}`);
  const at = typeof time === 'number' ? new Date(time).toISOString() : textOf(time);
  return [at, (LEVELS[Number(level)] ?? '').padEnd(5), textOf(component), textOf(msg), ...rest].join(' ');
}

/** A field of a log line: strings as they are, an error as its code and message, nothing for one that is absent. */
function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  if (value === undefined) return '';
  if (
    typeof value === 'object' &&
    value !== null &&
    'message' in value &&
    typeof value.message === 'string'
  ) {
    const code = 'code' in value && typeof value.code === 'string' ? `${value.code}: ` : '';
    return `"${code}${value.message}"`;
  }
  return JSON.stringify(value);
}
