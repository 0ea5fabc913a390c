// A file system shared by all processes that remembers what was synced: who crashes loses, as the seed says, what was not.
import type { FileAppender, FilePort, Prng } from '@millrace/common';
import type { CommittingAttempt } from './commit-invariants.ts';
import type { SimProcess } from './sim-process.ts';

/** A file, whatever its names. */
interface Inode {
  bytes: Uint8Array;
  length: number;
  /** Bytes from the start that no crash takes away. */
  syncedLength: number;
  readonly writer: SimProcess;
  /** For whom it was written; undefined: before the simulation. */
  readonly madeBy: CommittingAttempt | undefined;
}

type DirectoryOperation =
  | { readonly kind: 'add'; readonly name: string; readonly inode: Inode; readonly by: SimProcess }
  | { readonly kind: 'remove'; readonly name: string; readonly by: SimProcess };

/** Whom a file system was handed to. */
interface DiskUser {
  readonly process: SimProcess;
  readonly attempt: CommittingAttempt;
}

/** Names as they are on the medium, and what is not there yet. */
interface Directory {
  readonly durable: Map<string, Inode>;
  volatile: DirectoryOperation[];
  /** The two together: what processes see. */
  current: Map<string, Inode>;
}

/** What becomes of an operation. */
export type OperationFate = 'done' | 'refused' | 'unknown';

/** Operations that need room. */
const GROWING = new Set(['mkdir', 'link', 'rename', 'sync']);

/** Sees what is done to the file system, for invariants. */
export interface DiskObserver {
  onCreate(path: string): void;
  onLink(of: {
    readonly from: string;
    readonly to: string;
    readonly attempt: CommittingAttempt;
    readonly isDurable: boolean;
  }): void;
  onRemove(of: {
    readonly path: string;
    readonly attempt: CommittingAttempt;
    readonly madeBy: CommittingAttempt;
  }): void;
}

export interface SimDiskOptions {
  readonly prng: Prng;
  /** How long an operation takes, ms. */
  readonly delayMs: (operation: string) => number;
  /** `refused`: it fails with EIO and does nothing; `unknown`: it is done, and fails all the same. */
  readonly fateOf: (operation: string) => OperationFate;
  /** What was not synced may come back as zeros. */
  readonly areWritesTorn: boolean;
  /** A crash took something away. */
  readonly onLoss: (kind: 'lost-names' | 'lost-bytes' | 'torn-write') => void;
  readonly observer: DiskObserver;
}

/**
 * Contract: data is durable after `syncAndClose`, names after `syncDirectory` of their directory; at a crash of the process
 * that wrote them some of the rest is lost: a file's end, the last operations on a directory. Directories are durable
 * at once. Threading: one thread.
 */
export class SimDisk {
  readonly #options: SimDiskOptions;
  readonly #directories = new Map<string, Directory>();
  #syncCount = 0;
  readonly #users = new WeakMap<FilePort, DiskUser>();
  /** Nothing can be added. */
  isFull = false;

  constructor(options: SimDiskOptions) {
    this.#options = options;
  }

  /** The file system as `process` uses it for one attempt of the job. */
  portOf(process: SimProcess, attempt: CommittingAttempt): FilePort {
    const call = <T>(operation: string, effect: () => T): Promise<T> =>
      process.call({
        label: `disk ${operation}`,
        delayMs: this.#options.delayMs(operation),
        effect: () => {
          if (this.isFull && GROWING.has(operation)) throw fileError('ENOSPC', operation);
          const fate = this.#options.fateOf(operation);
          if (fate === 'refused') throw fileError('EIO', operation);
          const value = effect();
          if (fate === 'unknown') throw fileError('EIO', operation);
          return value;
        },
      });
    const port: FilePort = {
      readFile: (path) => call('read', () => this.#bytes(path)),
      read: (path, offset, length) => call('read', () => this.#bytes(path, offset, length)),
      stat: (path) => call('stat', () => this.#stat(path)),
      list: (path) => call('list', () => [...this.#directory(path).current.keys()].sort()),
      makeDirectory: (path) => call('mkdir', () => this.#makeDirectory(path)),
      create: (path, options) => {
        if (options?.makesDirectory === true) this.#makeDirectory(split(path)[0]);
        return this.#create(path, { process, attempt }, call);
      },
      link: (from, to) => call('link', () => this.#link({ from, to, by: process, attempt })),
      unlink: (path) => call('unlink', () => this.#unlink(path, { process, attempt })),
      remove: (path) => call('remove', () => this.#remove(path, { process, attempt })),
      rename: (from, to) => call('rename', () => this.#rename({ from, to, by: process })),
      syncDirectory: (path) => call('syncDirectory', () => this.#syncDirectory(path)),
    };
    this.#users.set(port, { process, attempt });
    return port;
  }

  /** Whom a file system was handed to. */
  userOf(port: FilePort): SimProcess {
    return this.#userOf(port).process;
  }

  /** For which deployment. */
  attemptOf(port: FilePort): CommittingAttempt {
    return this.#userOf(port).attempt;
  }

  #userOf(port: FilePort): DiskUser {
    const user = this.#users.get(port);
    if (user === undefined) throw new Error('This file system belongs to no simulated process');
    return user;
  }

  /** Puts a file there, durable, as something from before the simulation. */
  place(path: string, bytes: Uint8Array, by: SimProcess): void {
    const [parent, name] = split(path);
    this.#makeDirectory(parent);
    const inode: Inode = {
      bytes: bytes.slice(),
      length: bytes.length,
      syncedLength: bytes.length,
      writer: by,
      madeBy: undefined,
    };
    const directory = this.#directory(parent);
    directory.durable.set(name, inode);
    directory.current.set(name, inode);
  }

  /** Files of a directory by name, as a process that starts now sees them. */
  files(path: string): ReadonlyMap<string, Uint8Array> {
    return contentsOf(this.#directories.get(path)?.current);
  }

  /** Files of a directory that no crash takes away; a name of which it may take away that it was removed is not among them. */
  durableFiles(path: string): ReadonlyMap<string, Uint8Array> {
    const { durable, current } = this.#directories.get(path) ?? {};
    return contentsOf(new Map([...(durable ?? [])].filter(([name]) => current?.has(name) === true)));
  }

  /** How often a directory was synced: what is durable is the same until it changes. */
  get syncCount(): number {
    return this.#syncCount;
  }

  /** What the power failure of `process` takes with it. Its operations on a directory survive up to some point. */
  crash(process: SimProcess): void {
    const { prng, onLoss } = this.#options;
    const isOurs = (writer: SimProcess): boolean => writer === process || writer.parent === process;
    for (const directory of this.#directories.values()) {
      for (const inode of directory.current.values()) {
        if (isOurs(inode.writer) && inode.length > inode.syncedLength) this.#tear(inode);
      }
      const ours = directory.volatile.filter(({ by }) => isOurs(by));
      if (ours.length === 0) continue;
      const survivors = new Set(ours.slice(0, prng.below(ours.length + 1)));
      if (survivors.size < ours.length) onLoss('lost-names');
      const kept = directory.volatile.filter(
        (operation) => !isOurs(operation.by) || survivors.has(operation),
      );
      // What survived a crash is on the medium; what others did is as volatile as before.
      directory.volatile = kept.filter(({ by }) => !isOurs(by));
      for (const operation of survivors) perform(directory.durable, operation);
      directory.current = new Map(directory.durable);
      for (const operation of directory.volatile) perform(directory.current, operation);
    }
  }

  #tear(inode: Inode): void {
    const { prng, areWritesTorn, onLoss } = this.#options;
    const kept = inode.syncedLength + prng.below(inode.length - inode.syncedLength + 1);
    if (areWritesTorn && prng.next() < 0.5) {
      // The length was written, the bytes were not.
      inode.bytes.fill(0, kept, inode.length);
      onLoss('torn-write');
    } else if (kept < inode.length) {
      inode.length = kept;
      onLoss('lost-bytes');
    }
    inode.syncedLength = inode.length;
  }

  #create(
    path: string,
    { process, attempt }: DiskUser,
    call: <T>(operation: string, effect: () => T) => Promise<T>,
  ): FileAppender {
    const [parent, name] = split(path);
    const directory = this.#directory(parent);
    if (directory.current.has(name)) throw fileError('EEXIST', path);
    if (this.isFull) throw fileError('ENOSPC', path);
    this.#options.observer.onCreate(path);
    const inode: Inode = {
      bytes: new Uint8Array(1024),
      length: 0,
      syncedLength: 0,
      writer: process,
      madeBy: attempt,
    };
    this.#change(directory, { kind: 'add', name, inode, by: process });
    return {
      append: (bytes) => {
        if (!this.isFull) return append(inode, bytes);
        append(inode, bytes.subarray(0, bytes.length >> 1));
        throw fileError('ENOSPC', path);
      },
      syncAndClose: () =>
        call('sync', () => {
          inode.syncedLength = inode.length;
        }),
      abandon: () => Promise.resolve(),
    };
  }

  #link(of: {
    readonly from: string;
    readonly to: string;
    readonly by: SimProcess;
    readonly attempt: CommittingAttempt;
  }): void {
    const inode = this.#inode(of.from);
    const [parent, name] = split(of.to);
    const directory = this.#directory(parent);
    if (directory.current.has(name)) throw fileError('EEXIST', of.to);
    this.#options.observer.onLink({
      from: of.from,
      to: of.to,
      attempt: of.attempt,
      isDurable: inode.syncedLength === inode.length,
    });
    this.#change(directory, { kind: 'add', name, inode, by: of.by });
  }

  #rename({ from, to, by }: { readonly from: string; readonly to: string; readonly by: SimProcess }): void {
    const inode = this.#inode(from);
    const [fromParent, fromName] = split(from);
    const [toParent, toName] = split(to);
    this.#change(this.#directory(toParent), { kind: 'add', name: toName, inode, by });
    this.#change(this.#directory(fromParent), { kind: 'remove', name: fromName, by });
  }

  #unlink(path: string, by: DiskUser): void {
    const [parent, name] = split(path);
    const directory = this.#directory(parent);
    if (!directory.current.has(name)) throw fileError('ENOENT', path);
    this.#takeAway(path, by);
  }

  /** A file that is there. */
  #takeAway(path: string, { process, attempt }: DiskUser): void {
    const [parent, name] = split(path);
    const directory = this.#directory(parent);
    const madeBy = directory.current.get(name)?.madeBy;
    if (madeBy !== undefined) this.#options.observer.onRemove({ path, attempt, madeBy });
    this.#change(directory, { kind: 'remove', name, by: process });
  }

  #remove(path: string, by: DiskUser): void {
    const [parent, name] = split(path);
    const directory = this.#directories.get(parent);
    if (directory?.current.has(name) === true) this.#takeAway(path, by);
    for (const known of this.#directories.keys())
      if (known === path || known.startsWith(`${path}/`)) this.#directories.delete(known);
  }

  #change(directory: Directory, operation: DirectoryOperation): void {
    directory.volatile.push(operation);
    perform(directory.current, operation);
  }

  #syncDirectory(path: string): void {
    const directory = this.#directory(path);
    for (const operation of directory.volatile) perform(directory.durable, operation);
    directory.volatile = [];
    this.#syncCount++;
  }

  #makeDirectory(path: string): void {
    for (let known = path; known !== ''; known = split(known)[0]) {
      if (!this.#directories.has(known))
        this.#directories.set(known, { durable: new Map(), volatile: [], current: new Map() });
    }
  }

  #directory(path: string): Directory {
    const directory = this.#directories.get(path);
    if (directory === undefined) throw fileError('ENOENT', path);
    return directory;
  }

  #stat(path: string): { readonly bytes: number; readonly isDirectory: boolean } | undefined {
    if (this.#directories.has(path)) return { bytes: 0, isDirectory: true };
    const [parent, name] = split(path);
    const inode = this.#directories.get(parent)?.current.get(name);
    return inode === undefined ? undefined : { bytes: inode.length, isDirectory: false };
  }

  #inode(path: string): Inode {
    const [parent, name] = split(path);
    const inode = this.#directories.get(parent)?.current.get(name);
    if (inode === undefined) throw fileError('ENOENT', path);
    return inode;
  }

  #bytes(path: string, offset = 0, bytesMax = Infinity): Uint8Array {
    const { bytes, length } = this.#inode(path);
    return bytes.slice(offset, Math.min(length, offset + bytesMax));
  }
}

function perform(names: Map<string, Inode>, operation: DirectoryOperation): void {
  if (operation.kind === 'add') names.set(operation.name, operation.inode);
  else names.delete(operation.name);
}

function append(inode: Inode, bytes: Uint8Array): void {
  if (inode.length + bytes.length > inode.bytes.length) {
    const grown = new Uint8Array((inode.length + bytes.length) * 2);
    grown.set(inode.bytes.subarray(0, inode.length));
    inode.bytes = grown;
  }
  inode.bytes.set(bytes, inode.length);
  inode.length += bytes.length;
}

function split(path: string): readonly [parent: string, name: string] {
  const at = path.lastIndexOf('/');
  return [path.slice(0, at), path.slice(at + 1)];
}

/** An error as Node's file system throws it. */
function fileError(code: 'ENOENT' | 'EEXIST' | 'EIO' | 'ENOSPC', what: string): Error {
  return Object.assign(new Error(`${code}: ${what}`), { code });
}

function contentsOf(names: ReadonlyMap<string, Inode> | undefined): ReadonlyMap<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  for (const [name, inode] of names ?? []) files.set(name, inode.bytes.slice(0, inode.length));
  return files;
}
