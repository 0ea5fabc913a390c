// `logs <job|process>`: what the processes of a local cluster wrote, whole or only about one job.
import { createReadStream, existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { MillraceError } from '@millrace/common';
import { ClusterDirectory } from '../cluster/cluster-directory.ts';
import { ExitCode } from '../exit-code.ts';
import { findJob, withDispatcher, type GlobalOptions } from './context.ts';

const LEVELS: Readonly<Record<number, string>> = { 10: 'TRACE', 20: 'DEBUG', 30: 'INFO', 40: 'WARN', 50: 'ERROR', 60: 'FATAL' };

export async function logs(reference: string, options: GlobalOptions): Promise<ExitCode> {
  const directory = new ClusterDirectory(options.configDir);
  const processes = existsSync(directory.logs)
    ? readdirSync(directory.logs).filter((name) => name.endsWith('.log')).map((name) => name.slice(0, -4)).sort()
    : [];
  if (processes.includes(reference)) {
    await printLog(directory.logOf(reference), () => true, options);
    return ExitCode.Ok;
  }
  const jobId = await jobIdOf(reference, processes, options);
  for (const process of processes) await printLog(join(directory.logs, `${process}.log`), (line) => line.includes(jobId), options);
  return ExitCode.Ok;
}

/** A full id is taken as it is, so that logs can be read while the JobManager is down. */
async function jobIdOf(reference: string, processes: readonly string[], options: GlobalOptions): Promise<string> {
  if (/^[0-9a-f]{32}$/.test(reference)) return reference;
  try {
    return await withDispatcher(options, async (client) => findJob(await client.list(), reference).jobId);
  } catch (cause) {
    throw new MillraceError(
      'MR_JOB_NOT_FOUND',
      `Cannot find logs of "${reference}": it is no process (${processes.join(', ') || 'none was started here'}), and no job that the cluster knows`,
      { cause },
    );
  }
}

async function printLog(path: string, isWanted: (line: string) => boolean, options: GlobalOptions): Promise<void> {
  const lines = createInterface({ input: createReadStream(path), crlfDelay: Infinity });
  for await (const line of lines) {
    if (isWanted(line)) process.stdout.write(`${options.json === true ? line : readable(line)}\n`);
  }
}

/** A line of JSON as `time LEVEL component message key=value …`; anything else as it is. */
export function readable(line: string): string {
  if (!line.startsWith('{')) return line;
  try {
    const { time, level, msg, pid: _pid, hostname: _hostname, component, ...fields } = JSON.parse(line) as Record<string, unknown>;
    const rest = Object.entries(fields).map(([key, value]) => `${key}=${textOf(value)}`);
    const at = typeof time === 'number' ? new Date(time).toISOString() : textOf(time);
    return [at, (LEVELS[Number(level)] ?? '').padEnd(5), textOf(component), textOf(msg), ...rest].join(' ');
  } catch {
    return line;
  }
}

/** A field of a log line: strings as they are, nothing for one that is absent. */
function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  return value === undefined ? '' : JSON.stringify(value);
}
