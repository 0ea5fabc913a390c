// A cluster of containers from deploy/compose.yaml, under a project name of its own.
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startMillrace, type CommandResult, type RunningCommand } from '../../support/cli.ts';
import { runCommand, type Engine } from './engine.ts';

const COMPOSE_FILE = 'deploy/compose.yaml';
/** Any user will do: ours, or where we are root one that nobody knows. */
const OTHER_USER = 4_321;

export class ContainerCluster {
  /** Number of the user that the containers run as. */
  readonly user = String(process.getuid?.() || OTHER_USER);
  /** At the same path here and in the containers; anybody may write to it. */
  readonly work: string;
  readonly #engine: Engine;
  readonly #project = `millrace-test-${process.pid}`;
  readonly #directory: string;
  readonly #env: Readonly<Record<string, string>>;
  readonly #address: string;

  private constructor(
    engine: Engine,
    at: { readonly directory: string; readonly port: number },
    env: Readonly<Record<string, string>>,
  ) {
    const { directory, port } = at;
    this.#engine = engine;
    this.#directory = directory;
    this.#address = `localhost:${port}`;
    this.work = join(directory, 'work');
    this.#env = {
      MILLRACE_WORK: this.work,
      MILLRACE_UID: this.user,
      MILLRACE_GID: this.user,
      MILLRACE_CLIENT: join(directory, 'client'),
      MILLRACE_PORT: String(port),
      MILLRACE_HEARTBEAT_TIMEOUT: '5000',
      ...env,
    };
  }

  /** `env`: more of what the compose file takes. */
  static async open(engine: Engine, env: Readonly<Record<string, string>> = {}): Promise<ContainerCluster> {
    const directory = mkdtempSync(join(tmpdir(), 'millrace-containers-'));
    for (const name of ['.', 'work', 'client']) {
      mkdirSync(join(directory, name), { recursive: true });
      chmodSync(join(directory, name), 0o777); // Containers run as a user that may be another.
    }
    return new ContainerCluster(engine, { directory, port: await freePort() }, env);
  }

  /** `compose up` with so many TaskManagers; with fewer than there are, the newest leave, as `--scale` has it. */
  async scaleTo(taskManagerCount: number): Promise<void> {
    const surplus = (await this.taskManagers()).slice(taskManagerCount);
    // As long as the compose file gives them.
    await Promise.all(surplus.map((container) => this.engine('stop', '-t', '35', container)));
    for (const container of surplus) await this.engine('rm', '-v', container);
    if (surplus.length > 0) return;
    await this.#compose('up', '-d', '--no-build', '--scale', `taskmanager=${taskManagerCount}`);
  }

  /** Names of the TaskManagers' containers that are there, oldest first. */
  async taskManagers(): Promise<readonly string[]> {
    const names = (await this.#containers()).filter((name) => /taskmanager[_-]\d+$/.test(name));
    return names.toSorted((a, b) => numberOf(a) - numberOf(b));
  }

  async jobManager(): Promise<string> {
    const name = (await this.#containers()).find((known) => /jobmanager[_-]\d+$/.test(known));
    if (name === undefined) throw new Error('there is no container of a JobManager');
    return name;
  }

  /** Runs a command of the engine, such as `kill`. */
  engine(...args: readonly string[]): Promise<string> {
    return runCommand([this.#engine.name, ...args]);
  }

  /** The network of the containers. */
  get network(): string {
    return `${this.#project}_default`;
  }

  /** Starts a command of a client on this machine. */
  start(args: readonly string[], env: Readonly<Record<string, string>> = {}): RunningCommand {
    return startMillrace(args, {
      env: {
        MILLRACE_CONFIG_DIR: join(this.#directory, 'client'),
        MILLRACE_JOBMANAGER: this.#address,
        ...env,
      },
    });
  }

  run(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<CommandResult> {
    return this.start(args, env).ended;
  }

  /** TaskManagers that the JobManager knows; undefined while it does not answer. */
  async registeredCount(): Promise<number | undefined> {
    const { exitCode, stdout } = await this.run(['cluster', 'status', '--json']);
    if (exitCode !== 0) return undefined;
    const { processes } = JSON.parse(stdout) as { processes: { kind: string }[] };
    return processes.filter(({ kind }) => kind === 'taskmanager').length;
  }

  /** What the containers wrote, for the message of a failure. */
  async logs(): Promise<string> {
    const texts = (await this.#containers()).map(async (name) => {
      const log = await this.engine('logs', '--tail', '40', name).catch(String);
      return `--- ${name}\n${log}`;
    });
    return (await Promise.all(texts)).join('\n');
  }

  /** Ends and removes everything. */
  async close(): Promise<void> {
    for (const name of await this.taskManagers()) await this.engine('rm', '-f', '-v', name).catch(String);
    await this.#compose('down', '-v', '-t', '15');
    rmSync(this.#directory, { recursive: true, force: true });
  }

  async #containers(): Promise<readonly string[]> {
    const names = await this.engine('ps', '-a', '--format', '{{.Names}}');
    return names.split('\n').filter((name) => name.startsWith(this.#project));
  }

  #compose(...args: readonly string[]): Promise<string> {
    return runCommand([...this.#engine.compose, '-p', this.#project, '-f', COMPOSE_FILE, ...args], this.#env);
  }
}

function numberOf(name: string): number {
  return Number(/\d+$/.exec(name)?.[0]);
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
