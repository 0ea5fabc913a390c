// Reads parts of one open file, at once or behind the thread's back.
import { readSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { MillraceError } from '../errors/millrace-error.ts';
import type { BlobReader } from '../ports.ts';

/** Opens a file. Contract: a file that is deleted meanwhile stays readable, as file systems have it. */
export async function openFileReader(path: string): Promise<BlobReader> {
  const file = await open(path, 'r');
  try {
    return new FileReader(path, file, (await file.stat()).size);
  } catch (error) {
    await file.close();
    throw error;
  }
}

class FileReader implements BlobReader {
  readonly byteLength: number;
  readonly #path: string;
  readonly #file: FileHandle;

  constructor(path: string, file: FileHandle, byteLength: number) {
    this.#path = path;
    this.#file = file;
    this.byteLength = byteLength;
  }

  async read(target: Uint8Array, position: number): Promise<number> {
    try {
      let count = 0;
      while (count < target.length) {
        const { bytesRead } = await this.#file.read(target, count, target.length - count, position + count);
        if (bytesRead === 0) break;
        count += bytesRead;
      }
      return count;
    } catch (error) {
      throw this.#failure(error);
    }
  }

  readSync(target: Uint8Array, position: number): number {
    try {
      let count = 0;
      while (count < target.length) {
        const bytesRead = readSync(this.#file.fd, target, count, target.length - count, position + count);
        if (bytesRead === 0) break;
        count += bytesRead;
      }
      return count;
    } catch (error) {
      throw this.#failure(error);
    }
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  #failure(error: unknown): MillraceError {
    const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
    return new MillraceError('MR_IO', `Cannot read "${this.#path}": ${code ?? String(error)}`, {
      details: { path: this.#path, code: code ?? null },
      cause: error,
    });
  }
}
