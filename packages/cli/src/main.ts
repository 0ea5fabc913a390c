// The command line: what there is, with examples, and how each verb is called. The verbs' code is loaded when it is needed.
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { ClusterDirectory } from './cluster/cluster-directory.ts';
import type { GlobalOptions } from './command/context.ts';
import type { JobManagerStartOptions, TaskManagerStartOptions } from './command/processes.ts';
import type { RunOptions } from './command/prepare-job.ts';
import { ExitCode, exitCodeOf } from './exit-code.ts';
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
    .configureHelp({ showGlobalOptions: true });
  examples(program, [
    'millrace run job.ts',
    'millrace cluster start --taskmanagers 2 --slots 2',
    'millrace list',
    'millrace run --help',
  ]);
  addCluster(program, report);
  addProcesses(program, report);
  addJobs(program, report);
  addPrograms(program, report);
  return program;
}

/** Adds the options that every verb takes. */
function globals(command: Command): Command {
  return command
    .option(
      '-m, --jobmanager <host:port>',
      "the JobManager's address (default: the cluster started here, else 127.0.0.1:6123)",
    )
    .option(
      '--config-dir <dir>',
      'where the cluster keeps token, logs and state (default: $MILLRACE_HOME, else ~/.millrace)',
    )
    .option('--json', 'print JSON');
}

function examples(command: Command, lines: readonly string[]): Command {
  return command.addHelpText('after', `\nExamples:\n${lines.map((line) => `  $ ${line}`).join('\n')}\n`);
}

const PORT_MAX = 65_535;

function count(name: string, from: number, to = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = Number(text);
    const isInRange = Number.isInteger(value) && value >= from && value <= to;
    const range = to === Number.MAX_SAFE_INTEGER ? `at least ${from}` : `from ${from} to ${to}`;
    if (!isInRange || text.trim() === '')
      throw new InvalidArgumentError(`${name} is a whole number, ${range}.`);
    return value;
  };
}

/** Gathers an option that is given again, or as a list with commas. */
function names(text: string, previous: readonly string[] = []): readonly string[] {
  return [
    ...previous,
    ...text
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== ''),
  ];
}

function addCluster(program: Command, report: Report): void {
  const cluster = program.command('cluster').description('a local cluster of processes');
  examples(cluster, [
    'millrace cluster start --taskmanagers 2 --slots 2',
    'millrace cluster status',
    'millrace cluster stop',
  ]);

  const start = globals(
    cluster
      .command('start')
      .description(
        'start a JobManager and TaskManagers, or what is dead of them; returns when all slots are registered',
      ),
  )
    .option('--taskmanagers <n>', 'TaskManager processes', count('--taskmanagers', 0), 1)
    .option('--slots <n>', 'slots of each TaskManager', count('--slots', 1), 2)
    .option('--port <port>', "the JobManager's port; 0: any", count('--port', 0, PORT_MAX), 6123)
    .option('--no-restart', 'leave dead processes dead')
    .action(
      async (
        options: GlobalOptions & { taskmanagers: number; slots: number; port: number; restart: boolean },
      ) => {
        const { clusterStart } = await import('./command/cluster.ts');
        report(await clusterStart(options));
      },
    );
  examples(start, [
    'millrace cluster start --taskmanagers 2 --slots 2',
    'millrace cluster start --port 0 --config-dir ./cluster',
  ]);

  const status = globals(
    cluster.command('status').description('the processes, also while the JobManager is down'),
  ).action(async (options: GlobalOptions) => {
    const { clusterStatusCommand } = await import('./command/cluster.ts');
    report(await clusterStatusCommand(options));
  });
  examples(status, ['millrace cluster status', 'millrace cluster status --json']);

  const stop = globals(cluster.command('stop').description('end every process of the cluster')).action(
    async (options: GlobalOptions) => {
      const { clusterStop } = await import('./command/cluster.ts');
      report(await clusterStop(options));
    },
  );
  examples(stop, ['millrace cluster stop']);
}

function addProcesses(program: Command, report: Report): void {
  const host = new Option('--host <host>', 'address to bind').default('127.0.0.1');
  const insecure = new Option(
    '--insecure-internal',
    'allow another address than loopback, without encryption',
  );
  const level = new Option('--log-level <level>', 'error, warn, info or debug')
    .choices(['error', 'warn', 'info', 'debug'])
    .default('info');

  const jobManager = program.command('jobmanager').description('the JobManager process');
  examples(jobManager, ['millrace jobmanager start', 'millrace jobmanager start --help']);
  const startJobManager = globals(
    jobManager.command('start').description('run a JobManager in the foreground'),
  )
    .addOption(host)
    .option(
      '--port <port>',
      'port to bind; 0: any (default: that of the cluster started here, else 6123)',
      count('--port', 0, PORT_MAX),
    )
    .addOption(
      new Option('--heartbeat-timeout <ms>', 'silence after which a TaskManager is lost').argParser(
        count('--heartbeat-timeout', 100),
      ),
    )
    .addOption(insecure)
    .addOption(level)
    .action(async (options: JobManagerStartOptions) => {
      const { startJobManagerProcess } = await import('./command/processes.ts');
      report(await startJobManagerProcess(options));
    });
  examples(startJobManager, [
    'millrace jobmanager start',
    'millrace jobmanager start --port 7000 --config-dir /var/lib/millrace',
  ]);

  const taskManager = program.command('taskmanager').description('a TaskManager process');
  examples(taskManager, ['millrace taskmanager start --slots 4', 'millrace taskmanager start --help']);
  const startTaskManager = globals(
    taskManager.command('start').description('run a TaskManager in the foreground'),
  )
    .option('--slots <n>', 'slots, each a worker thread', count('--slots', 1), 1)
    .option('--id <id>', 'its name (default: taskmanager-<pid>)')
    .addOption(host)
    .addOption(insecure)
    .addOption(level)
    .action(async (options: TaskManagerStartOptions) => {
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

function addJobs(program: Command, report: Report): void {
  const list = globals(program.command('list').description('jobs of the cluster'))
    .option('-a, --all', 'ended jobs too')
    .option('-r, --running', 'only jobs in state RUNNING')
    .action(async (options: GlobalOptions & { all?: boolean; running?: boolean }) => {
      const jobs = await import('./command/describe.ts');
      report(await jobs.list(options));
    });
  examples(list, ['millrace list', 'millrace list -a --json']);

  const describe = globals(
    program.command('describe').description('one job: vertices, checkpoints, records left out'),
  )
    .argument('<job>', 'id, unique prefix of an id, or name')
    .action(async (job: string, options: GlobalOptions) => {
      const jobs = await import('./command/describe.ts');
      report(await jobs.describe(job, options));
    });
  examples(describe, ['millrace describe flight-delays', 'millrace describe 3f2a --json']);

  const cancel = globals(
    program.command('cancel').description('end a job; what is not committed is given up'),
  )
    .argument('<job>', 'id, unique prefix of an id, or name')
    .action(async (job: string, options: GlobalOptions) => {
      const { cancel: cancelJob } = await import('./command/cancel.ts');
      report(await cancelJob(job, options));
    });
  examples(cancel, ['millrace cancel flight-delays']);

  const logs = globals(
    program.command('logs').description('what the local processes wrote, whole or about one job'),
  )
    .argument('<job|process>', 'a job, or a process as `cluster status` names it')
    .action(async (reference: string, options: GlobalOptions) => {
      const command = await import('./command/logs.ts');
      report(await command.logs(reference, options));
    });
  examples(logs, ['millrace logs taskmanager-1', 'millrace logs flight-delays']);
}

function addPrograms(program: Command, report: Report): void {
  const forProgram = (name: string, description: string): Command =>
    globals(program.command(name).description(description))
      .showHelpAfterError(
        `(the job's own arguments go behind --: millrace ${name} job.ts -- --rate 10; --help shows the options)`,
      )
      .argument('<file>', 'the job file, TypeScript or JavaScript')
      .argument('[args...]', "the job's own arguments, behind --")
      .option('-p, --parallelism <n>', 'parallelism of operators that set none', count('--parallelism', 1))
      .addOption(
        new Option(
          '--env <name>',
          'environment variable that the job gets; again, or with commas, for more',
        ).argParser(names),
      );

  const run = forProgram('run', 'run a job, and stay with it to its end')
    .option('-d, --detached', 'return when it is submitted')
    .option('-s, --from-savepoint <path>', 'start from the state of a savepoint or a checkpoint')
    .option('--wait', 'wait for slots instead of being refused')
    .option('--embedded', 'in this process, without a cluster')
    .addOption(
      new Option('--threads <n>', 'with 0: embedded, on one thread').argParser(count('--threads', 0)),
    )
    .action(async (file: string, args: string[], options: RunOptions) => {
      const command = await import('./command/run.ts');
      report(await command.run(file, args, options));
    });
  examples(run, [
    'millrace run job.ts',
    'millrace run -d -p 4 job.ts',
    'millrace run job.ts -- --input flights.parquet',
    'millrace run --embedded job.ts',
  ]);

  const info = forProgram('info', "print a job's plan")
    .option('--format <format>', 'text, json or mermaid', 'text')
    .action(async (file: string, args: string[], options: RunOptions & { format: string }) => {
      const command = await import('./command/info.ts');
      report(await command.info(file, args, options));
    });
  examples(info, ['millrace info job.ts', 'millrace info job.ts --format mermaid']);

  const check = forProgram('check', 'check a job: types, bundle, graph')
    .option('--no-types', 'leave the types unchecked')
    .action(async (file: string, args: string[], options: RunOptions & { types: boolean }) => {
      const command = await import('./command/check.ts');
      report(await command.check(file, args, options));
    });
  examples(check, ['millrace check job.ts']);
}

/** Where the command keeps a cluster unless told otherwise; for scripts that drive it. */
export function defaultClusterDirectory(): string {
  return new ClusterDirectory(undefined).path;
}
