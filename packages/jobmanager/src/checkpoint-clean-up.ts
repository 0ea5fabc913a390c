// Deletes checkpoint files that nothing names any more. What cannot be deleted is logged and left: a later sweep finds it.
import type { BlobStore, JobId, Logger } from '@millrace/common';
import type { Command } from './core/effects.ts';
import { checkpointIdOf } from './core/retained-checkpoints.ts';

/** Where files lie that checkpoints may name; the second are imported ones. */
const SWEPT_PREFIXES = ['chk-', 'restored/'];

/** Threading: one thread; deletions run beside each other. */
export class CheckpointCleanUp {
  readonly #blobStoreOf: (jobId: JobId) => BlobStore;
  readonly #log: Logger;

  constructor(blobStoreOf: (jobId: JobId) => BlobStore, log: Logger) {
    this.#blobStoreOf = blobStoreOf;
    this.#log = log;
  }

  async delete(jobId: JobId, names: readonly string[]): Promise<void> {
    const blobStore = this.#blobStoreOf(jobId);
    for (const name of names) {
      try {
        await blobStore.delete(name);
      } catch (error) {
        this.#log.warn?.('checkpoint file cannot be deleted', { jobId, name, error });
      }
    }
  }

  async sweep({ jobId, belowId, keep, unknownUpToId = 0 }: Command & { kind: 'sweep-blobs' }): Promise<void> {
    const kept = new Set(keep);
    const isNeedless = (name: string): boolean => {
      const id = checkpointIdOf(name);
      return id < belowId && (unknownUpToId === 0 || id > unknownUpToId) && !kept.has(name);
    };
    try {
      for (const prefix of belowId === Infinity ? [''] : SWEPT_PREFIXES) {
        const names = await this.#blobStoreOf(jobId).list(prefix);
        await this.delete(jobId, names.filter(isNeedless));
      }
    } catch (error) {
      this.#log.warn?.('old checkpoint files cannot be listed', { jobId, error });
    }
  }
}
