// Where a figure comes from: commit, date and machine, so that figures of several runs can be told apart.
import { execFileSync } from 'node:child_process';
import { cpus, loadavg, totalmem } from 'node:os';

/** What every line of `bench goals` says of itself. */
export interface Origin {
  /** When it was measured, ISO 8601. */
  readonly date: string;
  readonly commit: string;
  /** The tree had changes that are in no commit. */
  readonly isModified: boolean;
}

/** Of the tree as it is when this is called; the date is that of each call of what is returned. */
export function originOfTree(): () => Origin {
  const git = (...args: string[]): string | undefined => {
    try {
      return execFileSync('git', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
    } catch {
      return undefined; // A copy without its history.
    }
  };
  const commit = git('rev-parse', '--short', 'HEAD') ?? 'unknown';
  const isModified = (git('status', '--porcelain') ?? '') !== '';
  return () => ({ date: new Date().toISOString(), commit, isModified });
}

/** The part `machine`. */
export function machine() {
  const [first] = cpus();
  return {
    part: 'machine',
    cpu: first?.model ?? 'unknown',
    cpuCount: cpus().length,
    memoryBytes: totalmem(),
    node: process.version,
    load: loadavg()[0] ?? 0,
  };
}
