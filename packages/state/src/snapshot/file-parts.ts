// Reads the parts of a checkpoint's files that a restore needs, one file after the other.
import { MillraceError, type BlobReader, type BlobStore } from '@millrace/common';
import type { KeyedStateFile, KeyGroupRun } from '@millrace/proto';
import { RestoredFile } from '../spill/restored-file.ts';

/** What a restore needs of a file. */
export interface NeededRuns {
  readonly file: KeyedStateFile;
  /** At least one; ascending. */
  readonly runs: readonly KeyGroupRun[];
}

/** What was read of a file. */
export interface FilePart extends NeededRuns {
  /** Valid until the next part is asked for. */
  readonly bytes: Buffer;
  /** Where in the file they begin. */
  readonly position: number;
  /** The file itself, open, which is the receiver's; undefined: the store gives whole files only. */
  readonly restored: RestoredFile | undefined;
}

/**
 * Reads parts of files in their order, each while the one before is worked on. What is read is checked by the checksums of its blocks.
 * Bounds: two files in memory.
 * @throws {MillraceError} MR_CHECKPOINT_CORRUPT for a file that has another length
 */
export async function* readFileParts(
  blobStore: BlobStore,
  needed: readonly NeededRuns[],
): AsyncGenerator<FilePart, void, undefined> {
  // Memory that is touched for the first time costs more than what is read into it.
  const memories = [new Memory(), new Memory()] as const;
  const read = (index: number): Promise<FilePart> | undefined => {
    const each = needed[index];
    if (each === undefined) return undefined;
    const part = readPart(blobStore, each, index % 2 === 0 ? memories[0] : memories[1]);
    // Whoever waits for it is told.
    part.catch(() => undefined);
    return part;
  };
  let next = read(0);
  try {
    for (let index = 0; next !== undefined; index++) {
      const part = await next;
      next = read(index + 1);
      yield part;
    }
  } finally {
    const left = await next?.catch(() => undefined);
    await left?.restored?.reader.close();
  }
}

class Memory {
  #bytes: Buffer = Buffer.alloc(0);

  take(length: number): Buffer {
    if (this.#bytes.length < length) this.#bytes = Buffer.allocUnsafeSlow(length);
    return this.#bytes.subarray(0, length);
  }
}

async function readPart(blobStore: BlobStore, needed: NeededRuns, memory: Memory): Promise<FilePart> {
  const { file } = needed;
  const reader = await blobStore.open?.(file.name);
  if (reader !== undefined) {
    try {
      return await readFrom(reader, needed, memory);
    } catch (error) {
      await reader.close();
      throw error;
    }
  }
  const whole = await blobStore.get(file.name);
  if (whole.length !== file.bytes) throw otherLength(file, whole.length);
  const bytes = Buffer.from(whole.buffer, whole.byteOffset, whole.byteLength);
  return { ...needed, bytes, position: 0, restored: undefined };
}

async function readFrom(reader: BlobReader, needed: NeededRuns, memory: Memory): Promise<FilePart> {
  const { file, runs } = needed;
  const position = runs[0]?.offset ?? 0;
  const last = runs.at(-1);
  const length = last === undefined ? 0 : last.offset + last.bytes - position;
  if (reader.byteLength !== file.bytes || position + length > file.bytes)
    throw otherLength(file, reader.byteLength);
  const bytes = memory.take(length);
  const count = await reader.read(bytes, position);
  if (count !== length) throw otherLength(file, position + count);
  return { ...needed, bytes, position, restored: new RestoredFile(file.name, reader) };
}

function otherLength(file: KeyedStateFile, byteLength: number): MillraceError {
  const details = { file: file.name, wantedBytes: file.bytes, bytes: byteLength };
  return new MillraceError(
    'MR_CHECKPOINT_CORRUPT',
    `Cannot restore keyed state: file "${file.name}" has ${byteLength} bytes instead of ${file.bytes}`,
    { details },
  );
}
