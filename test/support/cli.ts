// The command as a user runs it: a process of its own.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ClusterDirectory } from '@millrace/cli';
import { asJobId } from '@millrace/common';
import type { DispatcherClient } from '@millrace/jobmanager';

/** The checkout, also for a program that is bundled somewhere below it. */
export const root = checkoutOf(dirname(fileURLToPath(import.meta.url)));
const COMMAND = join(root, 'packages/cli/bin/millrace.cjs');

export interface CommandResult {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** A command that runs. */
export interface RunningCommand {
  readonly pid: number;
  /** What it has written so far. */
  readonly stdout: string;
  readonly stderr: string;
  readonly ended: Promise<CommandResult>;
  /** Nothing when it has ended. */
  signal(name: NodeJS.Signals): void;
}

function checkoutOf(directory: string): string {
  return existsSync(join(directory, 'pnpm-workspace.yaml')) ? directory : checkoutOf(dirname(directory));
}

/** Runs `millrace …args` to its end. */
export function millrace(args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  return startMillrace(args, options).ended;
}

/** Starts `millrace …args` and returns at once. */
export function startMillrace(args: readonly string[], options: CommandOptions = {}): RunningCommand {
  return startProcess(process.execPath, [COMMAND, ...args], options);
}

function startProcess(
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): RunningCommand {
  const child = spawn(command, args, {
    cwd: options.cwd ?? root,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const ended = new Promise<CommandResult>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (exitCode) => resolve({ exitCode, stdout, stderr }));
  });
  return {
    pid: child.pid ?? 0,
    get stdout() {
      return stdout;
    },
    get stderr() {
      return stderr;
    },
    ended,
    // By its handle: never another process that got its pid.
    signal: (name) => void child.kill(name),
  };
}

/** `args` with `flags` before what is for the program itself. */
function withFlags(args: readonly string[], flags: readonly string[]): string[] {
  const behind = args.indexOf('--');
  return behind === -1 ? [...args, ...flags] : [...args.slice(0, behind), ...flags, ...args.slice(behind)];
}

/** As a script reads it. */
function asJson<T>(value: unknown): T {
  return JSON.parse(JSON.stringify(value)) as T;
}

/** A cluster of real processes in a directory of its own. */
export class TestCluster {
  readonly directory: string;
  readonly #env: Readonly<Record<string, string>>;

  private constructor(directory: string, env: Readonly<Record<string, string>>) {
    this.directory = directory;
    this.#env = env;
  }

  /** Starts one; `flags` go to `cluster start`. */
  static async start(
    directory: string,
    flags: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ): Promise<TestCluster> {
    const cluster = new TestCluster(directory, env);
    // Beside the start: who asks first does not wait for it.
    const [started] = await Promise.all([
      cluster.run(['cluster', 'start', '--port', '0', ...flags]),
      import('@millrace/cli'),
    ]);
    if (started.exitCode !== 0) throw new Error(`cluster start: ${started.stderr}`);
    return cluster;
  }

  /** Starts a command against this cluster. */
  start(args: readonly string[], options: CommandOptions = {}): RunningCommand {
    const own = withFlags(args, ['--config-dir', this.directory]);
    return startProcess(process.execPath, [COMMAND, ...own], {
      ...options,
      env: { ...this.#env, ...options.env },
    });
  }

  /** Runs a command against this cluster to its end. */
  run(args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
    return this.start(args, options).ended;
  }

  /** Runs a command with `--json` and returns what it printed. */
  async json<T>(args: readonly string[]): Promise<T> {
    const { exitCode, stdout, stderr } = await this.run(withFlags(args, ['--json']));
    if (exitCode !== 0) throw new Error(`millrace ${args.join(' ')}: exit code ${exitCode}: ${stderr}`);
    return JSON.parse(stdout) as T;
  }

  /** What `cluster status --json` prints, without the half second of a processor that a command takes: for who asks again and again. */
  async processes(): Promise<readonly ProcessStatus[]> {
    const { clusterStatus } = await import('@millrace/cli');
    const found = await clusterStatus(await this.#ownDirectory());
    return found.map(({ isAlive: alive, ...entry }) => ({ ...entry, alive }));
  }

  /** What `describe <job> --json` prints, as {@link processes}. @throws {MillraceError} MR_NO_CLUSTER while no JobManager answers */
  async describe<T>(jid: string): Promise<T> {
    const { jobJson } = await import('@millrace/cli');
    return asJson(jobJson(await this.#ask((client) => client.describe(asJobId(jid)))));
  }

  /** What `list -a --json` prints, as {@link describe}. */
  async list<T>(): Promise<readonly T[]> {
    const { jobJson } = await import('@millrace/cli');
    return (await this.#ask((client) => client.list())).map((job) => asJson<T>(jobJson(job)));
  }

  /** What `checkpoints <job> --json` prints, as {@link describe}. */
  async checkpoints<T>(jid: string): Promise<T> {
    const { checkpointsJson } = await import('@millrace/cli');
    return asJson(checkpointsJson(await this.#ask((client) => client.checkpoints(asJobId(jid)))));
  }

  async #ask<T>(question: (client: DispatcherClient) => Promise<T>): Promise<T> {
    const { withDispatcher } = await import('@millrace/cli');
    return withDispatcher({ configDir: this.directory }, question);
  }

  async #ownDirectory(): Promise<ClusterDirectory> {
    const { ClusterDirectory: Directory } = await import('@millrace/cli');
    return new Directory(this.directory);
  }

  async stop(): Promise<void> {
    await this.run(['cluster', 'stop']);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

export interface ProcessStatus {
  readonly kind: string;
  readonly id: string;
  readonly pid: number;
  readonly address: string;
  readonly alive: boolean;
  readonly slots?: number;
  readonly freeSlots?: number;
  readonly rssBytes?: number;
}
