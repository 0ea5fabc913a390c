// Deletes checkpoint files that nothing names any more. What cannot be deleted is logged and left: a later sweep finds it.
import type { BlobStore, JobId, Logger } from '@millrace/common';
import type { Command } from './core/effects.ts';
import { checkpointIdOf } from './core/retained-checkpoints.ts';

/** Where files lie that checkpoints may name; the second are imported ones. */
const SWEPT_PREFIXES = ['chk-', 'restored/'];

export interface CheckpointCleanUpOptions {
  readonly blobStoreOf: (jobId: JobId) => BlobStore;
  /** Where blobs are files: removes what writers that died left in those directories of the job that `isOver` picks. */
  readonly prune?: (jobId: JobId, isOver: (directory: string) => boolean) => Promise<void>;
  readonly log: Logger;
}

/** Threading: one thread; deletions run beside each other. */
export class CheckpointCleanUp {
  readonly #of: CheckpointCleanUpOptions;

  constructor(of: CheckpointCleanUpOptions) {
    this.#of = of;
  }

  async delete(jobId: JobId, names: readonly string[]): Promise<void> {
    const blobStore = this.#of.blobStoreOf(jobId);
    for (const name of names) {
      try {
        await blobStore.delete(name);
      } catch (error) {
        this.#of.log.warn?.('checkpoint file cannot be deleted', { jobId, name, error });
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
        const names = await this.#of.blobStoreOf(jobId).list(prefix);
        await this.delete(jobId, names.filter(isNeedless));
      }
      // Imported files are all written before the first checkpoint is complete.
      await this.#of.prune?.(jobId, (directory) => checkpointIdOf(`${directory}/`) < belowId);
    } catch (error) {
      this.#of.log.warn?.('old checkpoint files cannot be listed', { jobId, error });
    }
  }
}
