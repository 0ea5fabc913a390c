// Where savepoints are kept: whole or not there, as the JobManager's adapter over files makes them.
import { crc32 } from 'node:zlib';
import { MillraceError, type BlobStore, type JobId } from '@millrace/common';
import type { JobManagerOptions } from '@millrace/jobmanager';
import {
  checkpointDirectoryName,
  decodeCheckpointMetadataV1,
  encodeCheckpointMetadataV1,
  renameFiles,
  stateFilesOf,
  type CheckpointMetadata,
} from '@millrace/proto';
import type { OperationFate } from './sim-disk.ts';
import type { SimProcess } from './sim-process.ts';

interface KeptSavepoint {
  readonly metadata: Uint8Array;
  readonly files: ReadonlyMap<string, Uint8Array>;
}

export interface SimSavepointsOptions {
  readonly delayMs: () => number;
  readonly fateOf: () => OperationFate;
}

type Ports = Required<Pick<JobManagerOptions, 'exportSavepoint' | 'importCheckpoint' | 'checkCheckpoint'>>;

/** Contract: as the JobManager's ports say. */
export class SimSavepoints {
  readonly #options: SimSavepointsOptions;
  readonly #kept = new Map<string, KeptSavepoint>();

  constructor(options: SimSavepointsOptions) {
    this.#options = options;
  }

  /** What a JobManager uses of them. */
  portsOf(process: SimProcess, blobStoreOf: (jobId: JobId) => BlobStore): Ports {
    return {
      exportSavepoint: async ({ jobId, checkpoint, path, isDrained }, onCopied) => {
        if (this.#kept.has(path)) return;
        const blobStore = blobStoreOf(jobId);
        const name = `${checkpointDirectoryName(checkpoint)}/_metadata`;
        const metadata = decodeCheckpointMetadataV1(await blobStore.get(name));
        const files = await filesOf(metadata, (file) => blobStore.get(file));
        onCopied([...files.values()].reduce((sum, { length }) => sum + length, 0));
        const bytes = encodeCheckpointMetadataV1({ ...metadata, savepoint: { isDrained } });
        await this.#call(process, 'savepoint rename', () => this.#kept.set(path, { metadata: bytes, files }));
      },
      importCheckpoint: async (jobId, path) => {
        const { metadata: bytes, files } = await this.#call(process, 'savepoint read', () =>
          this.#find(path),
        );
        const { savepoint: _savepoint, ...metadata } = decodeCheckpointMetadataV1(bytes);
        const prefix = `restored/${process.random.nextId(8)}`;
        for (const [name, content] of files) await blobStoreOf(jobId).put(`${prefix}/${name}`, content);
        return encodeCheckpointMetadataV1(renameFiles(metadata, (name) => `${prefix}/${name}`));
      },
      checkCheckpoint: (path) =>
        this.#call(process, 'savepoint read', () => decodeCheckpointMetadataV1(this.#find(path).metadata)),
    };
  }

  #find(path: string): KeptSavepoint {
    const kept = this.#kept.get(path);
    if (kept === undefined)
      throw new MillraceError('MR_SAVEPOINT_NOT_FOUND', `Cannot start from "${path}": nothing is there`);
    return kept;
  }

  #call<T>(process: SimProcess, label: string, effect: () => T): Promise<T> {
    return process.call({
      label,
      delayMs: this.#options.delayMs(),
      effect: () => {
        const fate = this.#options.fateOf();
        if (fate === 'refused')
          throw new MillraceError('MR_IO', `Cannot do ${label}: the disk does not answer`);
        const value = effect();
        if (fate === 'unknown') throw new MillraceError('MR_IO', `Cannot do ${label}: the disk failed`);
        return value;
      },
    });
  }
}

async function filesOf(
  metadata: CheckpointMetadata,
  read: (name: string) => Promise<Uint8Array>,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  for (const file of stateFilesOf(metadata)) {
    const bytes = await read(file.name);
    if (bytes.length !== file.bytes || crc32(bytes) !== file.crc32)
      throw new MillraceError('MR_CHECKPOINT_CORRUPT', `The state file "${file.name}" is damaged`);
    files.set(file.name, bytes);
  }
  return files;
}
