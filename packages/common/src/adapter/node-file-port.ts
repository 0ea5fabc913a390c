// The part of Node's file system that connectors use.
import { close, closeSync, fsync, openSync, writeSync } from 'node:fs';
import { link, mkdir, open, readFile, readdir, rename, rm, stat, unlink } from 'node:fs/promises';
import { promisify } from 'node:util';
import type { FileAppender, FilePort } from '../ports.ts';
import { crashPoint } from './crash-point.ts';

const fsyncAsync = promisify(fsync);
const closeAsync = promisify(close);

/** Appends at once, so that nothing of the caller's bytes is kept; the page cache takes them without touching the disk. */
class NodeFileAppender implements FileAppender {
  readonly #descriptor: number;
  #isOpen = true;

  constructor(path: string) {
    this.#descriptor = openSync(path, 'wx', 0o644);
  }

  append(bytes: Uint8Array): void {
    let offset = 0;
    while (offset < bytes.byteLength)
      offset += writeSync(this.#descriptor, bytes, offset, bytes.byteLength - offset);
  }

  async syncAndClose(): Promise<void> {
    try {
      await fsyncAsync(this.#descriptor);
    } catch (error) {
      await this.abandon();
      throw error;
    }
    this.#isOpen = false;
    await closeAsync(this.#descriptor);
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

/**
 * {@link FilePort} over `node:fs`. `append` of a file being written is synchronous: it copies into the page cache.
 * Threading: any thread.
 */
export const nodeFilePort: FilePort = {
  async readFile(path) {
    const bytes = await readFile(path);
    return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  },
  async read(path, offset, length) {
    const file = await open(path, 'r');
    try {
      // Memory of our own: a pooled Buffer's cannot be transferred to another thread.
      const bytes = new Uint8Array(length);
      let filled = 0;
      while (filled < length) {
        const { bytesRead } = await file.read(bytes, filled, length - filled, offset + filled);
        if (bytesRead === 0) break;
        filled += bytesRead;
      }
      return filled === length ? bytes : bytes.slice(0, filled);
    } finally {
      await file.close();
    }
  },
  async stat(path) {
    try {
      const found = await stat(path);
      return { bytes: found.size, isDirectory: found.isDirectory() };
    } catch (error) {
      const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
      if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
      throw error;
    }
  },
  list: async (path) => (await readdir(path)).sort(),
  async makeDirectory(path) {
    await mkdir(path, { recursive: true });
  },
  create: (path) => new NodeFileAppender(path),
  async link(from, to) {
    await link(from, to);
    crashPoint('file-linked');
  },
  async unlink(path) {
    await unlink(path);
    crashPoint('file-unlinked');
  },
  remove: (path) => rm(path, { recursive: true, force: true }),
  rename,
  async syncDirectory(path) {
    const handle = await open(path, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  },
};
