// What survives a JobManager of a scripted cluster: the store's records and the checkpoint files.
import { MillraceError, toWireError, type JobId } from '@millrace/common';
import {
  decodeCheckpointMetadataV1,
  decodeCheckpointPointerV1,
  type CheckpointPointer,
  type CheckpointReference,
} from '@millrace/proto';
import type { Command, Outcome, StoreOperation } from '../core/effects.ts';

export class ScriptedDisk {
  readonly store = new Map<string, Uint8Array>();
  readonly blobs = new Map<string, Uint8Array>();
  /** The checkpoint that a pointer named last, also when that is deleted by now. */
  lastPointed: CheckpointReference | undefined;

  read(name: string): Outcome {
    const bytes = this.blobs.get(name);
    return bytes === undefined
      ? {
          ok: false,
          error: toWireError(new MillraceError('MR_IO', 'not there', { details: { code: 'ENOENT' } })),
        }
      : { ok: true, bytes };
  }

  write(operations: readonly StoreOperation[]): Outcome {
    for (const operation of operations) {
      if (operation.type === 'compare-and-set' && this.store.get(operation.key) !== operation.expected) {
        return { ok: false, error: toWireError(new MillraceError('MR_STALE_EPOCH', 'moved')) };
      }
    }
    for (const operation of operations) {
      if (operation.type === 'del') this.store.delete(operation.key);
      else this.store.set(operation.key, operation.value);
      if (operation.type === 'compare-and-set')
        this.lastPointed = decodeCheckpointPointerV1(operation.value).retained.at(-1);
    }
    return { ok: true };
  }

  sweep({ belowId, keep, unknownUpToId = 0 }: Command & { kind: 'sweep-blobs' }): void {
    for (const name of Array.from(this.blobs.keys())) {
      const id = Number(/^chk-\d+-(\d+)\//.exec(name)?.[1] ?? 0);
      if (id < belowId && (unknownUpToId === 0 || id > unknownUpToId) && !keep.includes(name))
        this.blobs.delete(name);
    }
  }

  pointer(jobId: JobId): CheckpointPointer | undefined {
    const bytes = this.store.get(`pointer/${jobId}`);
    return bytes === undefined ? undefined : decodeCheckpointPointerV1(bytes);
  }

  /** Files that the checkpoints in the pointer need. */
  neededFiles(jobId: JobId): readonly string[] {
    const needed = new Set<string>();
    for (const { epoch, checkpointId } of this.pointer(jobId)?.retained ?? []) {
      const name = `chk-${epoch}-${checkpointId}/_metadata`;
      needed.add(name);
      const bytes = this.blobs.get(name);
      if (bytes === undefined) continue;
      for (const { subtasks } of decodeCheckpointMetadataV1(bytes).vertices) {
        for (const { operators } of subtasks)
          for (const { keyedFiles } of operators) for (const file of keyedFiles) needed.add(file.name);
      }
    }
    return [...needed];
  }
}
