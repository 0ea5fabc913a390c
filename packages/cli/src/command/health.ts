// `health`: whether the processes of this directory are well, for container engines and probes.
import { connect } from 'node:net';
import { readHealthFiles, type ProcessHealth } from '../cluster/health-file.ts';
import { ExitCode } from '../exit-code.ts';
import { clusterDirectoryOf, printJson, printLines, type GlobalOptions } from './context.ts';

const CONNECT_TIMEOUT_MS = 2_000;

/** Prints each process with what is wrong with it. Exit code 1 unless there are some and all are well. */
export async function health(options: GlobalOptions): Promise<ExitCode> {
  const reports = readHealthFiles(clusterDirectoryOf(options).health, Date.now());
  const processes = await Promise.all(reports.map(checkPort));
  if (options.json === true) {
    printJson({
      processes: processes.map(({ id, isReady, detail }) => ({ id, healthy: isReady, detail })),
    });
  } else if (processes.length === 0) printLines(['No process of this directory is running.']);
  else
    printLines(
      processes.map(({ id, isReady, detail }) => `${id}  ${isReady ? 'well' : 'not well'}: ${detail}`),
    );
  return processes.length > 0 && processes.every(({ isReady }) => isReady) ? ExitCode.Ok : ExitCode.Failure;
}

/** A process that says that it listens is asked to take a connection. */
async function checkPort(process: ProcessHealth): Promise<ProcessHealth> {
  const { listensAt, isReady } = process;
  if (listensAt === undefined || !isReady) return process;
  const colon = listensAt.lastIndexOf(':');
  const host = listensAt.slice(0, colon).replaceAll(/[[\]]/g, '');
  const port = Number(listensAt.slice(colon + 1));
  const failure = await new Promise<string | undefined>((resolve) => {
    const socket = connect({ host, port, timeout: CONNECT_TIMEOUT_MS }, () => resolve(undefined));
    socket.once('error', (error) => resolve(error.message));
    socket.once('timeout', () => resolve('it does not answer'));
    socket.once('connect', () => socket.destroy());
  });
  return failure === undefined
    ? process
    : { ...process, isReady: false, detail: `no connection to ${listensAt}: ${failure}` };
}
