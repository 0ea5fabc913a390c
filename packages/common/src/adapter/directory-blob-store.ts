// Blobs as files below one directory. A blob appears whole and durable, or not at all.
import { randomBytes } from 'node:crypto';
import type { Dirent } from 'node:fs';
import { link, mkdir, open, readFile, readdir, rm, rmdir, stat, unlink } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import { MillraceError } from '../errors/millrace-error.ts';
import type { BlobReader, BlobStore } from '../ports.ts';
import { openFileReader } from './file-reader.ts';
import { crashPoint } from './crash-point.ts';

/** Names of files that are being written; `list` leaves them out, and whoever cleans up may delete old ones. */
const TEMPORARY_PREFIX = '.tmp-';
const NAME_LENGTH_MAX = 1024;
/** How a checkpoint's metadata is named; only crash points tell it from other blobs. */
const METADATA_SUFFIX = '_metadata';
/** Causes as people call them; any other is told by its code. */
const REASONS: Readonly<Record<string, string>> = {
  EEXIST: 'it exists already, and blobs are never written twice',
  ENOSPC: 'no space left',
  EDQUOT: 'no space left',
};

/**
 * A {@link BlobStore} over a directory that all processes share.
 * Contract: `put` writes a temporary file, fsyncs it, links it to its name (which fails when the name is taken) and
 * fsyncs the directory; directories that it makes are synced in their parents. A crash leaves `.tmp-…` files only.
 * Threading: any thread; several instances and processes may share the directory.
 * @throws {MillraceError} MR_IO with the path and Node's code in the details
 */
export class DirectoryBlobStore implements BlobStore {
  readonly #root: string;
  /** Directories that are there, once the promise resolves: made, and synced in their parents. */
  readonly #made = new Map<string, Promise<void>>();

  constructor(root: string) {
    this.#root = root;
  }

  async put(name: string, bytes: Uint8Array): Promise<void> {
    const path = this.#path(name);
    const directory = dirname(path);
    const temporary = join(directory, `${TEMPORARY_PREFIX}${randomBytes(8).toString('hex')}`);
    const kind = path.endsWith(METADATA_SUFFIX) ? 'metadata' : 'state';
    await this.#attempt('write', path, async () => {
      await this.#makeDirectory(directory);
      try {
        await writeSynced(temporary, bytes, {
          onDirectoryGone: () => this.#makeDirectoryAgain(directory),
          onBegun: () => crashPoint(`${kind}-begun`),
        });
        crashPoint(`${kind}-synced`);
        await link(temporary, path);
        crashPoint(`${kind}-linked`);
      } finally {
        await rm(temporary, { force: true });
      }
      await syncDirectory(directory);
    });
    if (kind === 'state') crashPoint('state-written');
  }

  async get(name: string): Promise<Uint8Array> {
    const path = this.#path(name);
    return this.#attempt('read', path, async () => {
      const bytes = await readFile(path);
      return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    });
  }

  async open(name: string): Promise<BlobReader> {
    const path = this.#path(name);
    return this.#attempt('open', path, () => openFileReader(path));
  }

  async has(name: string): Promise<boolean> {
    const path = this.#path(name);
    return this.#attempt('look up', path, async () => {
      try {
        return (await stat(path)).isFile();
      } catch (error) {
        if (isAbsent(error)) return false;
        throw error;
      }
    });
  }

  async list(prefix: string): Promise<readonly string[]> {
    const slash = prefix.lastIndexOf('/');
    const start = slash < 0 ? this.#root : this.#path(prefix.slice(0, slash));
    return this.#attempt('list', start, async () => {
      const names: string[] = [];
      await this.#collect(start, slash < 0 ? '' : prefix.slice(0, slash + 1), names);
      return names.filter((name) => name.startsWith(prefix)).sort();
    });
  }

  async delete(name: string): Promise<void> {
    const path = this.#path(name);
    await this.#attempt('delete', path, async () => {
      try {
        await unlink(path);
      } catch (error) {
        if (!isAbsent(error)) throw error;
      }
      crashPoint('checkpoint-file-deleted');
      await this.#removeEmptyDirectories(dirname(path));
    });
  }

  /**
   * Removes what writers that died left in those of the root's directories that `isOver` picks: temporary files, and
   * directories that are empty then, the root among them. Nobody may be writing there whose blob is still wanted.
   */
  async prune(isOver: (directory: string) => boolean): Promise<void> {
    await this.#attempt('clean up', this.#root, async () => {
      for (const entry of await entriesOf(this.#root)) {
        if (entry.isDirectory() && isOver(entry.name)) await this.#prune(join(this.#root, entry.name));
      }
      await this.#removeIfEmpty(this.#root);
    });
  }

  async #prune(directory: string): Promise<void> {
    for (const entry of await entriesOf(directory)) {
      const path = join(directory, entry.name);
      if (entry.isDirectory()) await this.#prune(path);
      else if (entry.name.startsWith(TEMPORARY_PREFIX)) await rm(path, { force: true });
    }
    await this.#removeIfEmpty(directory);
  }

  async #collect(directory: string, prefix: string, names: string[]): Promise<void> {
    for (const entry of await entriesOf(directory)) {
      if (entry.isDirectory())
        await this.#collect(join(directory, entry.name), `${prefix}${entry.name}/`, names);
      else if (!entry.name.startsWith(TEMPORARY_PREFIX)) names.push(`${prefix}${entry.name}`);
    }
  }

  /** Whoever needs a directory waits until its name is durable, whoever makes it. */
  #makeDirectory(directory: string): Promise<void> {
    const known = this.#made.get(directory);
    if (known !== undefined) return known;
    const making = this.#makeAndSync(directory);
    this.#made.set(directory, making);
    making.catch(() => {
      if (this.#made.get(directory) === making) this.#made.delete(directory);
    });
    return making;
  }

  /** Syncs the parent also when the directory is there: another process may have made it and not synced it yet. */
  async #makeAndSync(directory: string): Promise<void> {
    if (directory !== this.#root) await this.#makeDirectory(dirname(directory));
    const first = await mkdir(directory, { recursive: true });
    const top = dirname(first ?? directory);
    for (let made = directory; made !== top; made = dirname(made)) {
      try {
        await syncDirectory(dirname(made));
      } catch (error) {
        // A root that somebody made for us may lie where we must not look.
        if (first !== undefined || directory !== this.#root || errnoOf(error) !== 'EACCES') throw error;
      }
    }
  }

  /** Somebody may have removed an empty directory since we last used it. */
  async #makeDirectoryAgain(directory: string): Promise<void> {
    for (let gone = directory; gone.length > this.#root.length; gone = dirname(gone)) this.#made.delete(gone);
    this.#made.delete(this.#root);
    await this.#makeDirectory(directory);
  }

  /** Keeps the directory of finished jobs from filling up with empty folders. */
  async #removeEmptyDirectories(from: string): Promise<void> {
    for (let directory = from; directory.length > this.#root.length; directory = dirname(directory)) {
      if (!(await this.#removeIfEmpty(directory))) return;
    }
  }

  /** Returns false where it is not empty, gone, or in use: all fine. */
  async #removeIfEmpty(directory: string): Promise<boolean> {
    try {
      await rmdir(directory);
    } catch {
      return false;
    }
    crashPoint('checkpoint-directory-removed');
    this.#made.delete(directory);
    return true;
  }

  #path(name: string): string {
    const parts = name.split('/');
    const isValid =
      name.length > 0 &&
      name.length <= NAME_LENGTH_MAX &&
      !name.includes('\0') &&
      !name.includes('\\') &&
      parts.every(
        (part) => part !== '' && part !== '.' && part !== '..' && !part.startsWith(TEMPORARY_PREFIX),
      );
    if (!isValid) {
      throw new MillraceError(
        'MR_IO',
        `Cannot use ${JSON.stringify(name)} as the name of a blob: it must be a relative path without "." and ".."`,
        {
          fault: 'internal',
          details: { name },
        },
      );
    }
    return join(this.#root, parts.join(sep));
  }

  async #attempt<T>(what: string, path: string, action: () => Promise<T>): Promise<T> {
    try {
      return await action();
    } catch (error) {
      const code = errnoOf(error);
      const reason = REASONS[code ?? ''] ?? code ?? String(error);
      throw new MillraceError('MR_IO', `Cannot ${what} "${path}": ${reason}`, {
        details: { path, code: code ?? null },
        cause: error,
      });
    }
  }
}

async function writeSynced(
  path: string,
  bytes: Uint8Array,
  of: { readonly onDirectoryGone: () => Promise<void>; readonly onBegun: () => void },
): Promise<void> {
  let file;
  try {
    file = await open(path, 'wx', 0o644);
  } catch (error) {
    if (!isAbsent(error)) throw error;
    await of.onDirectoryGone();
    file = await open(path, 'wx', 0o644);
  }
  try {
    of.onBegun();
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** None where there is no such directory. */
async function entriesOf(directory: string): Promise<readonly Dirent[]> {
  try {
    return await readdir(directory, { withFileTypes: true });
  } catch (error) {
    if (isAbsent(error)) return [];
    throw error;
  }
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function errnoOf(error: unknown): string | undefined {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  return typeof code === 'string' ? code : undefined;
}

function isAbsent(error: unknown): boolean {
  const code = errnoOf(error);
  return code === 'ENOENT' || code === 'ENOTDIR';
}
