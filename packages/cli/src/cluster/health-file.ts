// Whether a process is well, as a file that it renews while its main thread turns. Container engines ask a command, and a command
// can read a file without port, certificate or token.
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const RENEWAL_MS = 2_000;
/** A file that is older is of a process that hangs, is paused, or was killed. */
const FRESH_MS = 15_000;

/** What a process says of itself. */
export interface HealthReport {
  readonly isReady: boolean;
  /** What it waits for, or where it listens. */
  readonly detail: string;
  /** `host:port` that answers while the process is well. */
  readonly listensAt?: string;
}

/** What is known of one process. */
export interface ProcessHealth extends HealthReport {
  readonly id: string;
}

/** Writes the report of a process at once and then every 2 s; dispose of it when the process ends in good order. */
export function keepHealthFile(directory: string, id: string, report: () => HealthReport): Disposable {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const path = join(directory, `${id}.json`);
  const write = (): void => {
    const temporary = `${path}.${process.pid}`;
    try {
      writeFileSync(temporary, JSON.stringify(report()), { mode: 0o600 });
      renameSync(temporary, path);
    } catch {
      // A full disk: the file grows old, and says so.
    }
  };
  write();
  const timer = setInterval(write, RENEWAL_MS);
  timer.unref();
  return {
    [Symbol.dispose]: () => {
      clearInterval(timer);
      rmSync(path, { force: true });
    },
  };
}

/** The processes of a directory; one whose file has not been renewed for 15 s is not ready. */
export function readHealthFiles(directory: string, nowMs: number): readonly ProcessHealth[] {
  return namesIn(directory).map((name) => {
    const id = name.slice(0, -'.json'.length);
    try {
      const path = join(directory, name);
      // Both are the wall clock's: one that was set back makes a file of the future, which says no more than an old one.
      const ageMs = Math.abs(nowMs - statSync(path).mtimeMs);
      if (ageMs > FRESH_MS)
        return { id, isReady: false, detail: `it was last seen ${Math.round(ageMs / 1_000)} s ago` };
      return { ...(JSON.parse(readFileSync(path, 'utf8')) as HealthReport), id };
    } catch {
      return { id, isReady: false, detail: 'its health file cannot be read' };
    }
  });
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory).filter((name) => name.endsWith('.json'));
  } catch {
    return [];
  }
}
