// Where a cluster keeps its token, logs, state and the list of its processes.
import { randomBytes } from 'node:crypto';
import { existsSync, linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { MillraceError } from '@millrace/common';
import { CA_FILE, readIdentity, type ClusterRole, type TlsIdentity } from '@millrace/common/node';
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

/** Where token and certificates come from, if not from the directory itself. */
export interface ClusterSecrets {
  /** Comes before any file. */
  readonly token?: string | undefined;
  readonly tokenFile?: string | undefined;
  readonly certs?: string | undefined;
}

/** What a process shows to the others. */
export interface ClusterCredentials {
  readonly token: string;
  /** undefined: connections are plain. */
  readonly identity: TlsIdentity | undefined;
}

/** Paths below one cluster's directory, and its secrets. */
export class ClusterDirectory {
  readonly path: string;
  readonly #secrets: ClusterSecrets;

  constructor(path: string | undefined, secrets: ClusterSecrets = {}) {
    this.path = resolve(path ?? join(homedir(), '.millrace'));
    this.#secrets = secrets;
  }

  get logs(): string {
    return join(this.path, 'logs');
  }

  /** What the processes say of their health. */
  get health(): string {
    return join(this.path, 'health');
  }

  get checkpoints(): string {
    return join(this.path, 'checkpoints');
  }

  /** Where certificates are looked for; connections are plain while there are none. */
  get certs(): string {
    return resolve(this.#secrets.certs ?? join(this.path, 'certs'));
  }

  get #tokenPath(): string {
    return resolve(this.#secrets.tokenFile ?? join(this.path, 'token'));
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

  /** What a process on this machine needs on its command line to find all of this; a token given by environment it inherits. */
  get flags(): readonly string[] {
    const { tokenFile, certs } = this.#secrets;
    return [
      '--config-dir',
      this.path,
      ...(tokenFile === undefined ? [] : ['--token-file', this.#tokenPath]),
      ...(certs === undefined ? [] : ['--certs', this.certs]),
    ];
  }

  /** Makes the directory and, at the first time, the token, unless that comes from elsewhere. */
  ensure(): void {
    mkdirSync(this.logs, { recursive: true, mode: 0o700 });
    const { token, tokenFile } = this.#secrets;
    if (token === undefined && tokenFile === undefined) this.makeToken();
  }

  /** Returns the token; where there is none, makes one: 256 random bits in a file that only its owner reads. */
  makeToken(): string {
    const given = this.#secrets.token;
    if (given !== undefined) return given;
    const path = this.#tokenPath;
    if (!existsSync(path)) {
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      const temporary = `${path}.${process.pid}`;
      writeFileSync(temporary, `${randomBytes(32).toString('hex')}\n`, { mode: 0o600 });
      try {
        linkSync(temporary, path); // Whole or not at all, and never over that of another process that was first.
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      } finally {
        rmSync(temporary, { force: true });
      }
    }
    return this.#readToken();
  }

  /**
   * What a process of this role shows and checks. Certificates are used as soon as they are there, or named.
   * @throws {MillraceError} MR_NO_CLUSTER when no cluster was ever started here, MR_CERTIFICATE
   */
  credentials(role: ClusterRole): ClusterCredentials {
    const isEncrypted = this.#secrets.certs !== undefined || existsSync(join(this.certs, CA_FILE));
    const identity = isEncrypted ? readIdentity(this.certs, role, Date.now()) : undefined;
    return { token: this.#secrets.token ?? this.#readToken(), identity };
  }

  #readToken(): string {
    try {
      return readFileSync(this.#tokenPath, 'utf8').trim();
    } catch (cause) {
      throw new MillraceError(
        'MR_NO_CLUSTER',
        this.#secrets.tokenFile === undefined
          ? `Cannot read the cluster's token in ${this.path}: no cluster was started there. Start one: millrace cluster start`
          : `Cannot read the cluster's token in ${this.#tokenPath}: ${cause instanceof Error ? cause.message : String(cause)}`,
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
