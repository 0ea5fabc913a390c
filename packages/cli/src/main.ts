// The command line: what there is, with examples, and how each verb is called. The verbs' code is loaded when it is needed.
import { Command, CommanderError } from 'commander';
import { ClusterDirectory } from './cluster/cluster-directory.ts';
import type { ClusterStartCommandOptions } from './command/cluster.ts';
import type { GlobalOptions } from './command/context.ts';
import type { CertsCreateOptions } from './command/certs.ts';
import type { JobManagerStartOptions, TaskManagerStartOptions } from './command/processes.ts';
import type { InspectSavepointOptions } from './command/inspect-savepoint.ts';
import type { RunOptions } from './command/prepare-job.ts';
import type { RescaleOptions } from './command/rescale.ts';
import type { SavepointOptions, StopOptions } from './command/savepoint.ts';
import { ExitCode, exitCodeOf } from './exit-code.ts';
import { applyEnvironment, withOptions } from './options/command-options.ts';
import { unknownVariables } from './options/unknown-variables.ts';
import { exitWhenPipeCloses } from './terminal/closed-pipe.ts';
import { describeError } from './terminal/show-error.ts';
import { packageVersion } from './version.ts';

/** Runs the command line and resolves to the exit code. Errors are shown, not thrown. */
export async function main(argv: readonly string[]): Promise<number> {
  let exitCode: number = ExitCode.Ok;
  for (const stream of [process.stdout, process.stderr])
    exitWhenPipeCloses(stream, (code) => process.exit(code));
  const program = createProgram((code) => (exitCode = code));
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.Ok : ExitCode.Usage;
    process.stderr.write(`${describeError(error).join('\n')}\n`);
    return exitCodeOf(error);
  }
}

type Report = (exitCode: number) => void;

/** The whole command line; `report` gets the exit code of the verb that ran. */
export function createProgram(report: Report): Command {
  const program = new Command('millrace')
    .description('Distributed, stateful stream processing for TypeScript')
    .version(packageVersion())
    .exitOverride()
    .showHelpAfterError('(--help shows the options)')
    .configureHelp({ showGlobalOptions: true })
    .hook('preAction', (_program, command) => {
      for (const line of unknownVariables(process.env)) process.stderr.write(`${line}\n`);
      applyEnvironment(command, process.env);
    });
  examples(program, [
    'millrace run job.ts',
    'millrace cluster start --taskmanagers 2 --slots 2',
    'millrace list',
    'millrace run --help',
  ]);
  addCluster(program, report);
  addProcesses(program, report);
  addHealth(program, report);
  addCerts(program, report);
  addJobs(program, report);
  addPrograms(program, report);
  return program;
}

function examples(command: Command, lines: readonly string[]): Command {
  return command.addHelpText('after', `\nExamples:\n${lines.map((line) => `  $ ${line}`).join('\n')}\n`);
}

function addCluster(program: Command, report: Report): void {
  const cluster = program.command('cluster').description('a local cluster of processes');
  examples(cluster, [
    'millrace cluster start --taskmanagers 2 --slots 2',
    'millrace cluster status',
    'millrace cluster stop',
  ]);

  const start = withOptions(
    cluster
      .command('start')
      .description(
        'start a JobManager and TaskManagers, or what is dead of them; returns when all slots are registered',
      ),
  ).action(async (options: ClusterStartCommandOptions) => {
    const { clusterStart } = await import('./command/cluster.ts');
    report(await clusterStart(options));
  });
  examples(start, [
    'millrace cluster start --taskmanagers 2 --slots 2',
    'millrace cluster start --port 0 --config-dir ./cluster',
  ]);

  const status = withOptions(
    cluster.command('status').description('the processes, also while the JobManager is down'),
  ).action(async (options: GlobalOptions) => {
    const { clusterStatusCommand } = await import('./command/cluster.ts');
    report(await clusterStatusCommand(options));
  });
  examples(status, ['millrace cluster status', 'millrace cluster status --json']);

  const stop = withOptions(cluster.command('stop').description('end every process of the cluster')).action(
    async (options: GlobalOptions) => {
      const { clusterStop } = await import('./command/cluster.ts');
      report(await clusterStop(options));
    },
  );
  examples(stop, ['millrace cluster stop']);
}

function addProcesses(program: Command, report: Report): void {
  const jobManager = program.command('jobmanager').description('the JobManager process');
  examples(jobManager, ['millrace jobmanager start', 'millrace jobmanager start --help']);
  const startJobManager = withOptions(
    jobManager.command('start').description('run a JobManager in the foreground'),
  ).action(async (options: JobManagerStartOptions) => {
    const { startJobManagerProcess } = await import('./command/processes.ts');
    report(await startJobManagerProcess(options));
  });
  examples(startJobManager, [
    'millrace jobmanager start',
    'millrace jobmanager start --port 7000 --config-dir /var/lib/millrace',
  ]);

  const taskManager = program.command('taskmanager').description('a TaskManager process');
  examples(taskManager, ['millrace taskmanager start --slots 4', 'millrace taskmanager start --help']);
  const startTaskManager = withOptions(
    taskManager.command('start').description('run a TaskManager in the foreground'),
  ).action(async (options: TaskManagerStartOptions) => {
    const { startTaskManagerProcess } = await import('./command/processes.ts');
    report(await startTaskManagerProcess(options));
  });
  examples(startTaskManager, [
    'millrace taskmanager start --slots 4',
    'millrace taskmanager start -m 127.0.0.1:7000',
  ]);

  program
    .command('supervise', { hidden: true })
    .argument('<options>')
    .action(async (options: string) => {
      const { supervise } = await import('./cluster/supervisor.ts');
      await supervise(JSON.parse(options) as Parameters<typeof supervise>[0]);
    });
}

function addHealth(program: Command, report: Report): void {
  const health = withOptions(
    program.command('health').description('whether the processes that run with this directory are well'),
  ).action(async (options: GlobalOptions) => {
    const command = await import('./command/health.ts');
    report(await command.health(options));
  });
  examples(health, ['millrace health', 'millrace health --json']);
}

function addCerts(program: Command, report: Report): void {
  const certs = program.command('certs').description('certificates for mutual TLS');
  examples(certs, ['millrace certs create', 'millrace certs create --help']);
  const create = withOptions(
    certs
      .command('create')
      .description('make an authority and a certificate for each role; keeps those that are there'),
  ).action(async (options: CertsCreateOptions) => {
    const { certsCreate } = await import('./command/certs.ts');
    report(await certsCreate(options));
  });
  examples(create, [
    'millrace certs create',
    'millrace certs create --directory /etc/millrace/certs --client-dir ./client',
  ]);
}

function addJobs(program: Command, report: Report): void {
  const list = withOptions(program.command('list').description('jobs of the cluster')).action(
    async (options: GlobalOptions & { all?: boolean; running?: boolean }) => {
      const jobs = await import('./command/describe.ts');
      report(await jobs.list(options));
    },
  );
  examples(list, ['millrace list', 'millrace list -a --json']);

  const describe = withOptions(
    program.command('describe').description('one job: vertices, checkpoints, records left out'),
  )
    .argument('<job>', 'id, unique prefix of an id, or name')
    .action(async (job: string, options: GlobalOptions) => {
      const jobs = await import('./command/describe.ts');
      report(await jobs.describe(job, options));
    });
  examples(describe, ['millrace describe flight-delays', 'millrace describe 3f2a --json']);

  const checkpoints = withOptions(
    program
      .command('checkpoints')
      .description("a job's checkpoints: how they are taken, how the newest went"),
  )
    .argument('<job>', 'id, unique prefix of an id, or name')
    .action(async (job: string, options: GlobalOptions) => {
      const command = await import('./command/checkpoints.ts');
      report(await command.checkpoints(job, options));
    });
  examples(checkpoints, ['millrace checkpoints flight-delays', 'millrace checkpoints 3f2a --json']);

  const cancel = withOptions(
    program.command('cancel').description('end a job; what is not committed is given up'),
  )
    .argument('<job>', 'id, unique prefix of an id, or name')
    .action(async (job: string, options: GlobalOptions) => {
      const { cancel: cancelJob } = await import('./command/cancel.ts');
      report(await cancelJob(job, options));
    });
  examples(cancel, ['millrace cancel flight-delays']);

  const rescale = withOptions(
    program.command('rescale').description("change a job's parallelism, from a checkpoint taken now"),
  )
    .argument('<job>', 'id, unique prefix of an id, or name')
    .action(async (job: string, options: RescaleOptions) => {
      const command = await import('./command/rescale.ts');
      report(await command.rescale(job, options));
    });
  examples(rescale, [
    'millrace rescale flight-delays -p 4',
    'millrace rescale flight-delays -p auto',
    'millrace rescale flight-delays --vertex window-delay=8',
  ]);

  addSavepoints(program, report);

  const logs = withOptions(
    program.command('logs').description('what the local processes wrote, whole or about one job'),
  )
    .argument('<job|process>', 'a job, or a process as `cluster status` names it')
    .action(async (reference: string, options: GlobalOptions) => {
      const command = await import('./command/logs.ts');
      report(await command.logs(reference, options));
    });
  examples(logs, ['millrace logs taskmanager-1', 'millrace logs flight-delays']);
}

function addSavepoints(program: Command, report: Report): void {
  const savepoint = withOptions(
    program.command('savepoint').description('keep the state of a job that goes on, to start from it later'),
  )
    .argument('[job]', 'id, unique prefix of an id, or name')
    .argument('[dir]', "directory that the savepoint becomes a part of (default: the cluster's)")
    .action(async (job: string | undefined, dir: string | undefined, options: SavepointOptions) => {
      const command = await import('./command/savepoint.ts');
      report(await command.savepoint(job, dir, options));
    });
  examples(savepoint, [
    'millrace savepoint flight-delays',
    'millrace savepoint flight-delays ./savepoints',
    'millrace savepoint --dispose ./savepoints/savepoint-3f2a9c0d-1-7',
  ]);

  const inspect = withOptions(
    savepoint
      .command('inspect')
      .description('what a savepoint or a checkpoint holds; checks all of its files'),
  )
    .argument('<path>', 'its directory')
    .action(async (path: string, _own: unknown, verb: Command) => {
      const command = await import('./command/inspect-savepoint.ts');
      // Options that `savepoint` has, too, are its own, wherever they stand.
      report(await command.inspectSavepoint(path, verb.optsWithGlobals<InspectSavepointOptions>()));
    });
  examples(inspect, [
    'millrace savepoint inspect ./savepoints/savepoint-3f2a9c0d-1-7',
    'millrace savepoint inspect ./savepoints/savepoint-3f2a9c0d-1-7 --operator delays --samples 10 --json',
  ]);

  const stop = withOptions(
    program.command('stop').description('end a job with a savepoint; everything before it is committed'),
  )
    .argument('<job>', 'id, unique prefix of an id, or name')
    .action(async (job: string, options: StopOptions) => {
      const command = await import('./command/savepoint.ts');
      report(await command.stop(job, options));
    });
  examples(stop, [
    'millrace stop flight-delays',
    'millrace stop flight-delays --savepoint-path ./savepoints',
  ]);
}

function addPrograms(program: Command, report: Report): void {
  const forProgram = (name: string, description: string): Command =>
    withOptions(program.command(name).description(description))
      .showHelpAfterError(
        `(the job's own arguments go behind --: millrace ${name} job.ts -- --rate 10; --help shows the options)`,
      )
      .argument('<file>', 'the job file, TypeScript or JavaScript')
      .argument('[args...]', "the job's own arguments, behind --");

  const run = forProgram('run', 'run a job, and stay with it to its end').action(
    async (file: string, args: string[], options: RunOptions) => {
      const command = await import('./command/run.ts');
      report(await command.run(file, args, options));
    },
  );
  examples(run, [
    'millrace run job.ts',
    'millrace run -d -p 4 job.ts',
    'millrace run job.ts -- --input flights.parquet',
    'millrace run --embedded job.ts',
  ]);

  const info = forProgram('info', "print a job's plan").action(
    async (file: string, args: string[], options: RunOptions & { format: string }) => {
      const command = await import('./command/info.ts');
      report(await command.info(file, args, options));
    },
  );
  examples(info, ['millrace info job.ts', 'millrace info job.ts --format mermaid']);

  const check = forProgram('check', 'check a job: types, bundle, graph').action(
    async (file: string, args: string[], options: RunOptions & { types: boolean }) => {
      const command = await import('./command/check.ts');
      report(await command.check(file, args, options));
    },
  );
  examples(check, ['millrace check job.ts']);
}

/** Where the command keeps a cluster unless told otherwise; for scripts that drive it. */
export function defaultClusterDirectory(): string {
  return new ClusterDirectory(undefined).path;
}
