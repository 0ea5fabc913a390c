// Ports of this machine that packets do not reach: a link that is cut while both of its ends live.
import { execFileSync, spawnSync } from 'node:child_process';
import { isRunning } from './processes.ts';

const CHAIN = 'MILLRACE_CUT_';

/** Only root may, and with these tools. */
export const canCut =
  process.getuid?.() === 0 && ['iptables', 'ss'].every((tool) => spawnSync(tool, ['-V']).status === 0);

/** Ports on which a process takes connections. */
export function listeningPortsOf(pid: number): readonly string[] {
  const lines = execFileSync('ss', ['-Hltnp'], { encoding: 'utf8' }).split('\n');
  return lines
    .filter((line) => line.includes(`pid=${pid},`))
    .map((line) => /:(\d+)\s/.exec(line)?.[1] ?? '')
    .filter((port) => port !== '');
}

/** Drops what comes to these ports over the loopback interface, in a chain of this process: rules of one that died are found and go. */
export class CutPorts implements Disposable {
  readonly #chain = `${CHAIN}${process.pid}`;

  constructor(ports: readonly string[]) {
    for (const owner of ownersOfChains()) if (!isRunning(owner)) remove(`${CHAIN}${owner}`);
    remove(this.#chain);
    iptables('-N', this.#chain);
    for (const port of ports) iptables('-A', this.#chain, '-p', 'tcp', '--dport', port, '-j', 'DROP');
    iptables('-I', 'INPUT', '-i', 'lo', '-j', this.#chain);
  }

  [Symbol.dispose](): void {
    remove(this.#chain);
  }
}

function iptables(...args: readonly string[]): string {
  return execFileSync('iptables', ['-w', ...args], { encoding: 'utf8' });
}

function ownersOfChains(): readonly number[] {
  return [...iptables('-S').matchAll(new RegExp(`^-N ${CHAIN}(\\d+)$`, 'gm'))].map(([, pid]) => Number(pid));
}

/** Whatever of it is there. */
function remove(chain: string): void {
  for (const args of [
    ['-D', 'INPUT', '-i', 'lo', '-j', chain],
    ['-F', chain],
    ['-X', chain],
  ])
    spawnSync('iptables', ['-w', ...args], { stdio: 'ignore' });
}
