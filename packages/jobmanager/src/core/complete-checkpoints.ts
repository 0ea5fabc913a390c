// What makes a checkpoint count, in this order: its metadata is written, the pointer is moved, and only then is deleted
// what no checkpoint that is kept refers to.
import type { JobId, WireError } from '@millrace/common';
import {
  checkpointDirectoryName,
  encodeCheckpointMetadataV1,
  encodeCheckpointPointerV1,
  type CheckpointMetadata,
  type CheckpointReference,
  type SubtaskSnapshot,
} from '@millrace/proto';
import type { Effects, StoreOperation } from './effects.ts';
import { recordKeys } from './job-records.ts';
import { metadataName, RetainedCheckpoints, totalBytesOf } from './retained-checkpoints.ts';

interface CompleteCheckpointsOptions {
  readonly jobId: JobId;
  readonly effects: Effects;
  readonly retainedMax: number;
  /** The pointer as the store has it. */
  readonly pointer: Uint8Array | undefined;
}

/** Threading: inside `step` only. At most one `movePointer` at a time. */
export class CompleteCheckpoints {
  readonly #jobId: JobId;
  readonly #effects: Effects;
  readonly #retained: RetainedCheckpoints;
  #pointer: Uint8Array | undefined;
  #isCleared = false;

  constructor(of: CompleteCheckpointsOptions) {
    this.#jobId = of.jobId;
    this.#effects = of.effects;
    this.#retained = new RetainedCheckpoints(of.retainedMax);
    this.#pointer = of.pointer;
  }

  /** Those that are kept, oldest first. */
  get references(): readonly CheckpointReference[] {
    return this.#retained.references;
  }

  /** The job has ended and none is kept. */
  get isCleared(): boolean {
    return this.#isCleared;
  }

  /** A file that a snapshot names though it may be gone: neither its own checkpoint's nor one that is kept. */
  fileNotKept(snapshot: SubtaskSnapshot, own: { epoch: number; checkpointId: number }): string | undefined {
    const directory = `${checkpointDirectoryName(own)}/`;
    for (const { keyedFiles } of snapshot.operators)
      for (const { name } of keyedFiles)
        if (!name.startsWith(directory) && !this.#retained.refersTo(name)) return name;
    return undefined;
  }

  /** Adds a checkpoint that the pointer names already. `files` undefined: nobody knows what it needs. */
  adopt(reference: CheckpointReference, files: ReadonlySet<string> | undefined): void {
    this.#retained.add(reference, files);
  }

  /** Makes a checkpoint readable. `then` gets how it is to be named, or why it could not be written. */
  writeMetadata(
    metadata: CheckpointMetadata,
    then: (reference: CheckpointReference | undefined, error: WireError | undefined) => void,
  ): void {
    const { epoch, checkpointId, isFinal } = metadata;
    const bytes = encodeCheckpointMetadataV1(metadata);
    const totalBytes = totalBytesOf(metadata, bytes.byteLength);
    this.#effects.writeBlob(this.#jobId, metadataName(metadata), bytes, (outcome) => {
      if (outcome.ok) then({ epoch, checkpointId, isFinal, totalBytes }, undefined);
      else then(undefined, outcome.error);
    });
  }

  /** Makes a checkpoint complete, in one write with `alongside`; a write that fails ends the leadership. */
  movePointer(
    reference: CheckpointReference,
    of: { readonly files: ReadonlySet<string>; readonly alongside?: StoreOperation },
    then: () => void,
  ): void {
    const { files, alongside } = of;
    const value = encodeCheckpointPointerV1({
      version: 1,
      jobId: this.#jobId,
      retained: this.#retained.referencesWith(reference),
    });
    const key = recordKeys.pointer(this.#jobId);
    const operations: StoreOperation[] = [{ type: 'compare-and-set', key, expected: this.#pointer, value }];
    if (alongside !== undefined) operations.push(alongside);
    this.#effects.persist(operations, () => {
      this.#pointer = value;
      this.#retained.add(reference, files);
      then();
    });
  }

  /** Keeps what a checkpoint needs until the returned function is called. */
  hold(checkpointId: number): () => void {
    return this.#retained.hold(checkpointId);
  }

  /** Deletes the files of checkpoints beyond the limit. Returns whether a sweep may find more of them. */
  deleteRetired(): boolean {
    const { names, isSweepNeeded } = this.#retained.retire();
    if (names.length > 0) this.#effects.command({ kind: 'delete-blobs', jobId: this.#jobId, names });
    return isSweepNeeded;
  }

  /** Nothing runs any more: deletes all that no kept checkpoint needs; `isStateKept` false: none is kept. */
  cleanUp(isStateKept: boolean): void {
    if (!isStateKept) {
      this.#isCleared = true;
      this.#effects.command({ kind: 'sweep-blobs', jobId: this.#jobId, belowId: Infinity, keep: [] });
    }
    // The pointer names checkpoints that could not be read: nobody knows what they need.
    else if (this.#pointer === undefined || this.references.length > 0) this.sweep(Infinity);
  }

  /** Deletes what lies in directories of ids below `belowId`, or was imported, and that nobody will name any more. */
  sweep(belowId: number): void {
    const { names: keep, unknownUpToId } = this.#retained.neededFiles();
    this.#effects.command({ kind: 'sweep-blobs', jobId: this.#jobId, belowId, keep, unknownUpToId });
  }
}
