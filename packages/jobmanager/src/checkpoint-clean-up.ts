// Deletes checkpoint files that nothing names any more. What cannot be deleted is logged and left: a later sweep finds it.
import type { BlobStore, JobId, Logger } from '@millrace/common';
import type { Command } from './core/effects.ts';

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

  async sweep({ jobId, belowId, keep }: Command & { kind: 'sweep-blobs' }): Promise<void> {
    const kept = new Set(keep);
    try {
      const names = await this.#blobStoreOf(jobId).list(belowId === Infinity ? '' : 'chk-');
      await this.delete(
        jobId,
        names.filter((name) => !kept.has(name) && checkpointIdOf(name) < belowId),
      );
    } catch (error) {
      this.#log.warn?.('old checkpoint files cannot be listed', { jobId, error });
    }
  }
}

/** Id of the checkpoint in whose directory a file lies; files elsewhere count as oldest. */
function checkpointIdOf(name: string): number {
  const match = /^chk-\d+-(\d+)\//.exec(name);
  return match === null ? 0 : Number(match[1]);
}
