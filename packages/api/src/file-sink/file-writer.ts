// The writer of a file sink: buffers, pending files, and their sealing at a barrier.
import { crc32 } from 'node:zlib';
import { dirname } from 'node:path';
import type { FileAppender, FilePort } from '@millrace/common';
import type { Json } from '@millrace/proto';
import type { SinkContext, SinkWriter } from '../connector/sink.ts';
import type { FileCommittable } from './committable.ts';
import { pendingName, pendingFileOwner, type FileNameParts } from './file-name.ts';
import type { RecordEncoder } from './record-encoder.ts';

/** Records gather here before they are written; larger ones are written alone. */
const BUFFER_BYTES = 256 * 1024;

/** What a {@link FileWriter} writes to. */
export interface FileWriterOptions<T> {
  /** Absolute. */
  readonly directory: string;
  readonly extension: string;
  /** A file that has come to this is sealed with the next checkpoint and another one is begun. */
  readonly maxFileBytes: number;
  readonly encoder: RecordEncoder<T>;
  /** The directory is made with the first file, not when the writer opens. Default false. */
  readonly makesDirectoryLate?: boolean;
  /** Numbers the files of several writers, so that one may follow another in the same directory. Default: a writer's own. */
  readonly fileNumbers?: { next: number };
}

interface OpenFile {
  readonly name: string;
  readonly sequence: number;
  readonly appender: FileAppender;
  bytes: number;
  crc32: number;
  /** Set once nothing more is written: resolves when the file is durable. */
  closed: Promise<void> | undefined;
}

/**
 * Pending files are hidden, sealed at the barrier (closed, fsynced, named for the checkpoint, directory fsynced) and
 * never opened again.
 * Threading: the task's thread.
 */
export class FileWriter<T> implements SinkWriter<T> {
  readonly #context: SinkContext;
  readonly #options: FileWriterOptions<T>;
  /** Has no room before the first record: most writers of dead letters never get one. */
  #buffer = Buffer.alloc(0);
  #filled = 0;
  readonly #fileNumbers: { next: number };
  #open: OpenFile | undefined;
  /** Full, waiting for the barrier. */
  #full: OpenFile[] = [];
  /** Of the last checkpoints, until the next one or the end; never rejects. */
  #sealing: Promise<void> = Promise.resolve();

  private constructor(context: SinkContext, options: FileWriterOptions<T>) {
    this.#context = context;
    this.#options = options;
    this.#fileNumbers = options.fileNumbers ?? { next: 0 };
  }

  /** A writer in the middle of an attempt, whose directory is made with the first file: what older ones left is removed already. */
  static begin<T>(
    context: SinkContext,
    options: FileWriterOptions<T> & {
      readonly makesDirectoryLate: true;
      readonly fileNumbers: { next: number };
    },
  ): FileWriter<T> {
    return new FileWriter(context, options);
  }

  /** Makes the directory and removes what older attempts of this run left in this subtask's share. */
  static async open<T>(
    context: SinkContext,
    options: FileWriterOptions<T>,
    restored: readonly FileCommittable[],
  ): Promise<FileWriter<T>> {
    const { files } = context;
    if (options.makesDirectoryLate !== true) await files.makeDirectory(options.directory);
    // The first attempt has no forerunner whose files could be there.
    else if (context.attemptNumber === 1 || (await files.stat(options.directory)) === undefined)
      return new FileWriter(context, options);
    const kept = new Set(restored.map((committable) => committable.pendingName));
    for (const name of await files.list(options.directory)) {
      const owner = pendingFileOwner(name, context.runId, context.operatorUid);
      if (owner === undefined || owner.attemptNumber >= context.attemptNumber || kept.has(name)) continue;
      if (owner.subtaskIndex % context.parallelism === context.subtaskIndex)
        await files.remove(`${options.directory}/${name}`);
    }
    return new FileWriter(context, options);
  }

  write(record: T): void {
    const { encoder } = this.#options;
    let end = encoder.encode(record, this.#buffer, this.#filled);
    if (end === -1) {
      this.#drain();
      if (this.#buffer.length === 0) this.#buffer = Buffer.from(new ArrayBuffer(BUFFER_BYTES));
      end = encoder.encode(record, this.#buffer, 0);
      if (end === -1) {
        this.#append(encoder.encodeAlone(record));
        return;
      }
    }
    this.#filled = end;
  }

  /** Gives its open file and its buffer up, until it is written to again. The file is sealed with the next checkpoint. */
  rest(): void {
    this.#drain();
    this.#buffer = Buffer.alloc(0);
    if (this.#open !== undefined) this.#full.push(close(this.#open));
    this.#open = undefined;
  }

  prepareCommit(checkpointId: number): Json[] | Promise<Json[]> {
    this.#drain();
    const files = this.#full;
    if (this.#open !== undefined) files.push(close(this.#open));
    this.#full = [];
    this.#open = undefined;
    if (files.length === 0) return [];
    const sealed = this.#seal(files, checkpointId);
    this.#sealing = Promise.allSettled([this.#sealing, sealed]).then(() => undefined);
    return sealed;
  }

  /** Files that are being sealed get their names first: the next attempt, which looks for what is left, would not know them by two. */
  async close(): Promise<void> {
    await this.#sealing;
    const unsealed = this.#full;
    if (this.#open !== undefined) unsealed.push(this.#open);
    this.#full = [];
    this.#open = undefined;
    for (const file of unsealed) {
      await (file.closed?.catch(() => undefined) ?? file.appender.abandon());
      await this.#context.files.remove(this.#path(file.name));
    }
  }

  #drain(): void {
    if (this.#filled === 0) return;
    const bytes = this.#buffer.subarray(0, this.#filled);
    this.#filled = 0;
    this.#append(bytes);
  }

  #append(bytes: Uint8Array): void {
    const file = (this.#open ??= this.#create());
    appendTo(file, bytes);
    if (file.bytes < this.#options.maxFileBytes) return;
    this.#full.push(close(file));
    this.#open = undefined;
  }

  #create(): OpenFile {
    const sequence = this.#fileNumbers.next++;
    const name = pendingName(this.#nameParts('open', sequence));
    const makesDirectory = this.#options.makesDirectoryLate === true;
    const appender = this.#context.files.create(this.#path(name), { makesDirectory });
    const file: OpenFile = { name, sequence, appender, bytes: 0, crc32: 0, closed: undefined };
    const header = this.#options.encoder.fileHeader();
    if (header !== undefined) appendTo(file, header);
    return file;
  }

  async #seal(files: readonly OpenFile[], checkpointId: number): Promise<Json[]> {
    const { directory } = this.#options;
    const committables = await Promise.all(
      files.map(async (file): Promise<FileCommittable> => {
        await file.closed;
        const name = pendingName(this.#nameParts(checkpointId, file.sequence));
        await this.#files.rename(this.#path(file.name), this.#path(name));
        return { directory, pendingName: name, bytes: file.bytes, crc32: file.crc32 };
      }),
    );
    await this.#files.syncDirectory(directory);
    if (this.#options.makesDirectoryLate === true) await this.#syncParents(directory);
    return committables;
  }

  /** The directory may be as new as its first file, and the one above it, too. */
  async #syncParents(directory: string): Promise<void> {
    const parent = dirname(directory);
    await this.#files.syncDirectory(parent);
    await this.#files.syncDirectory(dirname(parent));
  }

  get #files(): FilePort {
    return this.#context.files;
  }

  #path(name: string): string {
    return `${this.#options.directory}/${name}`;
  }

  #nameParts(checkpointId: number | 'open', sequence: number): FileNameParts {
    const { runId, operatorUid, subtaskIndex, attemptNumber } = this.#context;
    return {
      runId,
      operatorUid,
      subtaskIndex,
      attemptNumber,
      checkpointId,
      sequence,
      extension: this.#options.extension,
    };
  }
}

function appendTo(file: OpenFile, bytes: Uint8Array): void {
  file.appender.append(bytes);
  file.crc32 = crc32(bytes, file.crc32);
  file.bytes += bytes.length;
}

function close(file: OpenFile): OpenFile {
  file.closed = file.appender.syncAndClose();
  file.closed.catch(() => undefined); // It shows where it is awaited: when the file is sealed.
  return file;
}
