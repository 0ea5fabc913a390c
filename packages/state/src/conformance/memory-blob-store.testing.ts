// A blob store in memory for tests of snapshots.
import { MillraceError, type BlobStore } from '@millrace/common';

export class MemoryBlobStore implements BlobStore {
  readonly blobs = new Map<string, Uint8Array>();

  async put(name: string, bytes: Uint8Array): Promise<void> {
    if (this.blobs.has(name)) throw new MillraceError('MR_IO', `Cannot put "${name}": it exists`);
    this.blobs.set(name, bytes.slice());
  }

  async get(name: string): Promise<Uint8Array> {
    const bytes = this.blobs.get(name);
    if (bytes === undefined) throw new MillraceError('MR_IO', `Cannot get "${name}": nothing is there`);
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
