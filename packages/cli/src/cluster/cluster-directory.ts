// Where a cluster keeps its token, logs, state and the list of its processes.
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { MillraceError } from '@millrace/common';
import type { ProcessReference } from './process-identity.ts';

export type ProcessKind = 'supervisor' | 'jobmanager' | 'taskmanager';

export interface ProcessEntry extends ProcessReference {
  readonly kind: ProcessKind;
  readonly id: string;
  readonly restarts: number;
}

/** `cluster.json`: what `cluster start` started. Written by the supervisor, and only by it. */
export interface ClusterRecord {
  readonly version: 1;
  readonly jobManagerAddress: string;
  readonly taskManagerCount: number;
  readonly slotsPerTaskManager: number;
  readonly isRestarting: boolean;
  readonly processes: readonly ProcessEntry[];
}

/** Paths below one cluster's directory. */
export class ClusterDirectory {
  readonly path: string;

  constructor(path: string | undefined) {
    this.path = resolve(path ?? join(homedir(), '.millrace'));
  }

  get logs(): string {
    return join(this.path, 'logs');
  }

  get checkpoints(): string {
    return join(this.path, 'checkpoints');
  }

  get #recordPath(): string {
    return join(this.path, 'cluster.json');
  }

  get #requestPath(): string {
    return join(this.path, 'start-again.json');
  }

  stateOf(id: string): string {
    return join(this.path, id);
  }

  logOf(id: string): string {
    return join(this.logs, `${id}.log`);
  }

  /** Makes the directory and, at the first time, the token: 256 random bits in a file that only its owner reads. */
  ensure(): void {
    mkdirSync(this.logs, { recursive: true, mode: 0o700 });
    const tokenPath = join(this.path, 'token');
    if (existsSync(tokenPath)) return;
    try {
      writeFileSync(tokenPath, `${randomBytes(32).toString('hex')}\n`, { mode: 0o600, flag: 'wx' });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error; // Another process was first.
    }
  }

  /** @throws {MillraceError} MR_NO_CLUSTER when no cluster was ever started here */
  token(): string {
    try {
      return readFileSync(join(this.path, 'token'), 'utf8').trim();
    } catch (cause) {
      throw new MillraceError(
        'MR_NO_CLUSTER',
        `Cannot read the cluster's token in ${this.path}: no cluster was started there. Start one: millrace cluster start`,
        { cause },
      );
    }
  }

  readRecord(): ClusterRecord | undefined {
    try {
      return JSON.parse(readFileSync(this.#recordPath, 'utf8')) as ClusterRecord;
    } catch {
      return undefined; // Absent, or half a file from a process that died: nothing is running that we know of.
    }
  }

  writeRecord(record: ClusterRecord): void {
    const temporary = `${this.#recordPath}.${process.pid}`;
    writeFileSync(temporary, `${JSON.stringify(record, null, 2)}\n`);
    renameSync(temporary, this.#recordPath);
  }

  removeRecord(): void {
    rmSync(this.#recordPath, { force: true });
  }

  /** Leaves the supervisor a note which of its dead processes it is to start; it reads it on SIGUSR2. */
  requestStarts(ids: readonly string[]): void {
    writeFileSync(this.#requestPath, JSON.stringify(ids));
  }

  /** The ids of the last request, once. */
  takeRequestedStarts(): readonly string[] {
    try {
      return JSON.parse(readFileSync(this.#requestPath, 'utf8')) as readonly string[];
    } catch {
      return []; // Somebody else's signal.
    } finally {
      rmSync(this.#requestPath, { force: true });
    }
  }
}
