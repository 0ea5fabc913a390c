// The complete checkpoints of a job that are kept, and which files they need. Files are shared between checkpoints: one
// is deleted only when no checkpoint that is kept refers to it.
import {
  checkpointDirectoryName,
  CHECKPOINT_METADATA_NAME,
  stateFilesOf,
  type CheckpointMetadata,
  type CheckpointReference,
} from '@millrace/proto';

interface RetainedCheckpoint {
  readonly reference: CheckpointReference;
  /** undefined: its metadata cannot be read. */
  readonly files: ReadonlySet<string> | undefined;
}

/** What the checkpoints that are kept need. */
export interface NeededFiles {
  readonly names: readonly string[];
  /** Beside `names`, whatever lies in directories of ids up to this one: nobody knows what of it is needed. 0: nothing. */
  readonly unknownUpToId: number;
}

/** Id of the checkpoint in whose directory a file lies; files elsewhere, such as imported ones, count as oldest. */
export function checkpointIdOf(name: string): number {
  const match = /^chk-\d+-(\d+)\//.exec(name);
  return match === null ? 0 : Number(match[1]);
}

/** Names of all files that a checkpoint needs, its metadata included. */
export function filesOf(metadata: CheckpointMetadata): ReadonlySet<string> {
  return new Set([metadataName(metadata), ...stateFilesOf(metadata).map(({ name }) => name)]);
}

/** Bytes of all files that a checkpoint needs, each once: its metadata of `metadataBytes`, and the files of keyed state. */
export function totalBytesOf(metadata: CheckpointMetadata, metadataBytes: number): number {
  return stateFilesOf(metadata).reduce((sum, { bytes }) => sum + bytes, metadataBytes);
}

/** Name of a checkpoint's metadata file. */
export function metadataName(of: { readonly epoch: number; readonly checkpointId: number }): string {
  return `${checkpointDirectoryName(of)}/${CHECKPOINT_METADATA_NAME}`;
}

/** Oldest first. Bounds: `retainedMax` checkpoints, plus one between `add` and `retire`. */
export class RetainedCheckpoints {
  readonly #retainedMax: number;
  /** What is being copied from them, by checkpoint: kept, also of those beyond the limit. */
  readonly #held = new Map<number, ReadonlySet<string>>();
  /** Files that were held may be deleted now. */
  #wasReleased = false;
  #checkpoints: RetainedCheckpoint[] = [];

  constructor(retainedMax: number) {
    this.#retainedMax = Math.max(1, retainedMax);
  }

  get references(): readonly CheckpointReference[] {
    return this.#checkpoints.map(({ reference }) => reference);
  }

  /** The references as they will be once `added` is complete: what the pointer must say. */
  referencesWith(added: CheckpointReference): readonly CheckpointReference[] {
    return [...this.references, added].slice(-this.#retainedMax);
  }

  add(reference: CheckpointReference, files: ReadonlySet<string> | undefined): void {
    this.#checkpoints.push({ reference, files });
  }

  /**
   * Drops what is beyond the limit. Returns the files that nothing refers to any more: they may be deleted now.
   * `isSweepNeeded`: there may be more of them, because a dropped checkpoint could not be read or was held.
   */
  retire(): { readonly names: readonly string[]; readonly isSweepNeeded: boolean } {
    const dropped = this.#checkpoints.slice(0, -this.#retainedMax);
    const wasReleased = this.#wasReleased;
    this.#wasReleased = false;
    if (dropped.length === 0) return { names: [], isSweepNeeded: wasReleased };
    this.#checkpoints = this.#checkpoints.slice(-this.#retainedMax);
    const { names: needed, unknownUpToId } = this.neededFiles();
    const kept = new Set(needed);
    const names = new Set(dropped.flatMap(({ files }) => [...(files ?? [])]));
    return {
      names: [...names].filter(
        (name) => !kept.has(name) && (unknownUpToId === 0 || checkpointIdOf(name) > unknownUpToId),
      ),
      isSweepNeeded: wasReleased || dropped.some(({ files }) => files === undefined),
    };
  }

  /** Keeps the files of a checkpoint until the returned function is called. Bounds: as many as are copied at once. */
  hold(checkpointId: number): () => void {
    const files = this.#checkpoints.find(({ reference }) => reference.checkpointId === checkpointId)?.files;
    if (files === undefined) return () => undefined;
    this.#held.set(checkpointId, files);
    return () => {
      this.#wasReleased ||= this.#held.delete(checkpointId);
    };
  }

  /** True when a checkpoint that is kept is known to need this file. */
  refersTo(name: string): boolean {
    return this.#checkpoints.some(({ files }) => files?.has(name) === true);
  }

  neededFiles(): NeededFiles {
    let unknownUpToId = 0;
    const names = new Set<string>();
    for (const { reference, files } of this.#checkpoints) {
      if (files === undefined) unknownUpToId = Math.max(unknownUpToId, reference.checkpointId);
      else for (const name of files) names.add(name);
    }
    for (const files of this.#held.values()) for (const name of files) names.add(name);
    return { names: [...names], unknownUpToId };
  }
}
