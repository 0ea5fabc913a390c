// Which process a recorded pid was: pids are used again, above all after a restart of the machine.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** How long `ps` may take where there is no /proc. */
const PS_TIMEOUT_MS = 2_000;

/** A process as it was recorded. `identity` is unset when it had ended before it could be read. */
export interface ProcessReference {
  readonly pid: number;
  readonly identity?: string | undefined;
}

/** True while this very process runs, not merely one with its pid. */
export function isAlive({ pid, identity }: ProcessReference): boolean {
  return identity !== undefined && identityOf(pid) === identity;
}

/**
 * What tells a process from every other one that has or will have its pid: the boot and the time of its start in it.
 * Returns undefined when none runs, also for one that has ended and that nobody has waited for.
 */
export function identityOf(pid: number): string | undefined {
  if (!Number.isInteger(pid) || pid <= 0) return undefined;
  return process.platform === 'linux' ? fromProc(pid) : fromPs(pid);
}

/** The command line, to recognize a process of which only the pid is known; empty when there is none. */
export function commandLineOf(pid: number): string {
  try {
    return process.platform === 'linux'
      ? readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
      : ps(pid, 'command=');
  } catch {
    return '';
  }
}

/** Field 3 of the `stat` line is the state, field 22 the start in ticks since the boot; the name, in brackets, may hold anything. */
function fromProc(pid: number): string | undefined {
  try {
    const line = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
    const [state = 'X'] = fields;
    const startTicks = fields[19];
    if (state === 'Z' || state === 'X' || startTicks === undefined) return undefined;
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}/${startTicks}`;
  } catch {
    return undefined;
  }
}

function fromPs(pid: number): string | undefined {
  try {
    const [state = 'Z', ...started] = ps(pid, 'state=,lstart=').trim().split(/\s+/);
    return state.startsWith('Z') ? undefined : started.join(' ');
  } catch {
    return undefined;
  }
}

function ps(pid: number, columns: string): string {
  return execFileSync('ps', ['-o', columns, '-p', String(pid)], {
    encoding: 'utf8',
    timeout: PS_TIMEOUT_MS,
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...process.env, LC_ALL: 'C' },
  });
}
