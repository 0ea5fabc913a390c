// The part of Node's file system that connectors use.
import { close, closeSync, existsSync, fsync, mkdirSync, openSync, writeSync } from 'node:fs';
import { link, mkdir, open, readFile, readdir, rename, rm, stat, unlink } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { promisify } from 'node:util';
import { MillraceError } from '../errors/millrace-error.ts';
import type { FileAppender, FilePort } from '../ports.ts';
import { crashPoint } from './crash-point.ts';

const fsyncAsync = promisify(fsync);
const closeAsync = promisify(close);

/** Appends at once, so that nothing of the caller's bytes is kept; the page cache takes them without touching the disk. */
class NodeFileAppender implements FileAppender {
  readonly #path: string;
  readonly #descriptor: number;
  #isOpen = true;

  constructor(path: string, makesDirectory: boolean) {
    this.#path = path;
    try {
      if (makesDirectory) makePathNow(dirname(path));
      this.#descriptor = openSync(path, 'wx', 0o644);
    } catch (error) {
      throw systemCode(error) === 'EEXIST' ? error : ioError(`Cannot create the file "${path}"`, path, error);
    }
    crashPoint('file-created');
  }

  append(bytes: Uint8Array): void {
    let offset = 0;
    try {
      while (offset < bytes.byteLength)
        offset += writeSync(this.#descriptor, bytes, offset, bytes.byteLength - offset);
    } catch (error) {
      throw ioError(`Cannot write the file "${this.#path}"`, this.#path, error);
    }
  }

  async syncAndClose(): Promise<void> {
    try {
      await fsyncAsync(this.#descriptor);
    } catch (error) {
      await this.abandon();
      throw ioError(`Cannot write the file "${this.#path}"`, this.#path, error);
    }
    this.#isOpen = false;
    try {
      await closeAsync(this.#descriptor);
    } catch (error) {
      throw ioError(`Cannot write the file "${this.#path}"`, this.#path, error);
    }
    crashPoint('file-synced');
  }

  abandon(): Promise<void> {
    if (this.#isOpen) {
      this.#isOpen = false;
      closeSync(this.#descriptor);
    }
    return Promise.resolve();
  }
}

/** Causes as people call them; any other is told in the system's words. */
const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  ENOTDIR: 'a part of its path is a file',
  EROFS: 'the file system is read-only',
  ENOSPC: 'no space left',
  EDQUOT: 'no space left',
  ENOENT: 'its path leads nowhere',
};

function systemCode(error: unknown): string | undefined {
  return error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
}

function ioError(what: string, path: string, cause: unknown): MillraceError {
  const code = systemCode(cause);
  const reason = REASONS[code ?? ''] ?? (cause instanceof Error ? cause.message : String(cause));
  return new MillraceError('MR_IO', `${what}: ${reason}`, { details: { path, systemCode: code }, cause });
}

/** One level after the other: Node's recursive form never comes back where a file system refuses with ENOENT, as /proc does. */
async function makePath(path: string): Promise<void> {
  if (await isDirectory(path)) return;
  const parent = dirname(path);
  if (parent !== path) await makePath(parent);
  try {
    await mkdir(path);
  } catch (error) {
    if (systemCode(error) !== 'EEXIST' || !(await isDirectory(path))) throw error;
  }
}

/** The same at once. */
function makePathNow(path: string): void {
  if (existsSync(path)) return;
  const parent = dirname(path);
  if (parent !== path) makePathNow(parent);
  try {
    mkdirSync(path);
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error;
  }
}

/** @throws ENOTDIR when a file is there */
async function isDirectory(path: string): Promise<boolean> {
  try {
    if ((await stat(path)).isDirectory()) return true;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return false;
    throw error;
  }
  throw Object.assign(new Error(`ENOTDIR: not a directory, '${path}'`), { code: 'ENOTDIR' });
}

/**
 * {@link FilePort} over `node:fs`. `append` of a file being written is synchronous: it copies into the page cache.
 * Threading: any thread.
 * Errors of what writes are MR_IO with the path and the reason; EEXIST of `create`, and whatever `link` and `unlink` throw, are
 * passed on as they are, because committers tell by them what has become of a file.
 */
export const nodeFilePort: FilePort = {
  async readFile(path) {
    const bytes = await readFile(path);
    return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  },
  // oxlint-disable-next-line max-params -- of the port
  async read(path, offset, length, into) {
    const file = await open(path, 'r');
    try {
      // Memory of our own: a pooled Buffer's cannot be transferred to another thread.
      const bytes = into ?? new Uint8Array(length);
      let filled = 0;
      while (filled < length) {
        const { bytesRead } = await file.read(bytes, filled, length - filled, offset + filled);
        if (bytesRead === 0) break;
        filled += bytesRead;
      }
      if (filled === bytes.length) return bytes;
      return into === undefined ? bytes.slice(0, filled) : bytes.subarray(0, filled);
    } finally {
      await file.close();
    }
  },
  async stat(path) {
    try {
      const found = await stat(path);
      return { bytes: found.size, isDirectory: found.isDirectory() };
    } catch (error) {
      const code = systemCode(error);
      if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
      throw error;
    }
  },
  list: async (path) => (await readdir(path)).sort(),
  async makeDirectory(path) {
    try {
      await makePath(resolve(path));
    } catch (error) {
      throw ioError(`Cannot make the directory "${path}"`, path, error);
    }
  },
  create: (path, options) => new NodeFileAppender(path, options?.makesDirectory === true),
  async link(from, to) {
    await link(from, to);
    crashPoint('file-linked');
  },
  async unlink(path) {
    await unlink(path);
    crashPoint('file-unlinked');
  },
  remove: (path) => rm(path, { recursive: true, force: true }),
  async rename(from, to) {
    try {
      await rename(from, to);
    } catch (error) {
      throw ioError(`Cannot rename the file "${from}"`, from, error);
    }
    crashPoint('file-renamed');
  },
  async syncDirectory(path) {
    try {
      const handle = await open(path, 'r');
      try {
        await handle.sync();
      } finally {
        await handle.close();
      }
    } catch (error) {
      throw ioError(`Cannot make the names in "${path}" durable`, path, error);
    }
  },
};
