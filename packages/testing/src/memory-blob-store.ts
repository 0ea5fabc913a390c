// Blobs in memory, for tests and the simulator.
import { MillraceError, type BlobStore } from '@millrace/common';

/** A blob store whose blobs outlive whoever wrote them, but not the process. `put` copies. */
export class MemoryBlobStore implements BlobStore {
  readonly blobs = new Map<string, Uint8Array>();

  async put(name: string, bytes: Uint8Array): Promise<void> {
    if (this.blobs.has(name))
      throw new MillraceError('MR_IO', `Cannot write blob "${name}": it exists`, { details: { name } });
    this.blobs.set(name, bytes.slice());
  }

  async get(name: string): Promise<Uint8Array> {
    const bytes = this.blobs.get(name);
    if (bytes === undefined)
      throw new MillraceError('MR_IO', `Cannot read blob "${name}": it does not exist`, {
        details: { name },
      });
    return bytes.slice();
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
