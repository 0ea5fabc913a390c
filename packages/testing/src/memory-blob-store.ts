// Blobs in memory, for tests and the simulator.
import { MillraceError, type BlobReader, type BlobStore } from '@millrace/common';

/** A blob store whose blobs outlive whoever wrote them, but not the process. `put` copies. */
export class MemoryBlobStore implements BlobStore {
  readonly blobs = new Map<string, Uint8Array>();

  async put(name: string, bytes: Uint8Array): Promise<void> {
    if (this.blobs.has(name))
      throw new MillraceError('MR_IO', `Cannot write blob "${name}": it exists`, { details: { name } });
    // A buffer's own `slice` copies nothing.
    this.blobs.set(name, new Uint8Array(bytes));
  }

  async get(name: string): Promise<Uint8Array> {
    const bytes = this.blobs.get(name);
    if (bytes === undefined)
      throw new MillraceError('MR_IO', `Cannot read blob "${name}": it does not exist`, {
        details: { name },
      });
    return bytes.slice();
  }

  async open(name: string): Promise<BlobReader> {
    return readerOf(await this.get(name));
  }

  async has(name: string): Promise<boolean> {
    return this.blobs.has(name);
  }

  async list(prefix: string): Promise<readonly string[]> {
    return [...this.blobs.keys()].filter((name) => name.startsWith(prefix)).sort();
  }

  async delete(name: string): Promise<void> {
    this.blobs.delete(name);
  }
}

/** Reads parts of bytes that nobody changes. */
export function readerOf(bytes: Uint8Array): BlobReader {
  const readSync = (target: Uint8Array, position: number): number => {
    const part = bytes.subarray(position, position + target.length);
    target.set(part);
    return part.length;
  };
  return {
    byteLength: bytes.length,
    readSync,
    read: async (target, position) => readSync(target, position),
    close: async () => undefined,
  };
}
