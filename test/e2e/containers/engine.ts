// The container engine of this machine: Docker, or Podman with podman-compose. Other commands by environment:
//   MILLRACE_CONTAINER_ENGINE    docker or podman
//   MILLRACE_CONTAINER_BUILD     what builds an image, such as `docker build`
//   MILLRACE_CONTAINER_COMPOSE   what reads a compose file, such as `docker compose`
import { spawn, spawnSync } from 'node:child_process';
import { root } from '../../support/cli.ts';

/** Command lines, split into words. */
export interface Engine {
  readonly name: string;
  readonly build: readonly string[];
  readonly compose: readonly string[];
}

/** As deploy/compose.yaml names it. */
export const IMAGE = 'millrace';

/** How long any one command may take; the build of the image is the longest. */
const COMMAND_TIMEOUT_MS = 600_000;

/** undefined where no engine is. */
export function findEngine(): Engine | undefined {
  const { env } = process;
  const name =
    env['MILLRACE_CONTAINER_ENGINE'] ?? ['docker', 'podman'].find((known) => answers([known, 'info']));
  if (name === undefined) return undefined;
  const composes = name === 'docker' ? [['docker', 'compose']] : [['podman-compose'], ['podman', 'compose']];
  const compose =
    words(env['MILLRACE_CONTAINER_COMPOSE']) ?? composes.find((known) => answers([...known, 'version']));
  if (compose === undefined) return undefined;
  return { name, build: words(env['MILLRACE_CONTAINER_BUILD']) ?? [name, 'build'], compose };
}

function words(text: string | undefined): readonly string[] | undefined {
  return text === undefined || text.trim() === '' ? undefined : text.trim().split(/\s+/);
}

function answers([command = '', ...args]: readonly string[]): boolean {
  return spawnSync(command, args, { stdio: 'ignore', timeout: 30_000 }).status === 0;
}

/** Runs a command and resolves to what it wrote to standard output. @throws when it fails */
export async function runCommand(
  [command = '', ...args]: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const child = spawn(command, args, {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: COMMAND_TIMEOUT_MS,
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const exitCode = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (exitCode !== 0)
    throw new Error(`${[command, ...args].join(' ')}: exit code ${exitCode}\n${stderr.slice(-4_000)}`);
  return stdout.trim();
}
