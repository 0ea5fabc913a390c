// Writes each record to the directory of its partition, with a file writer for each partition of a checkpoint.
import { dirname } from 'node:path';
import {
  FileWriter,
  type FileCommittable,
  type FileWriterOptions,
  type Json,
  type SinkContext,
  type SinkWriter,
} from '@millrace/api';
import { partitionDirectories, partitionPath } from './partition.ts';

/** Open files and buffers of a subtask at a time; the partition that was begun first gives way. */
const PARTITIONS_AWAKE_MAX = 64;

/** What a {@link PartitionedWriter} writes to: `directory` is the sink's own. */
export interface PartitionedWriterOptions<T> extends FileWriterOptions<T> {
  /** Fields, the first of which makes the uppermost directories. At least one. */
  readonly partitionBy: readonly string[];
}

/**
 * A file belongs to one partition and one checkpoint. What the path says its encoder leaves out.
 * Bounds: {@link PARTITIONS_AWAKE_MAX} open files, each with a buffer. Threading: the task's thread.
 */
export class PartitionedWriter<T extends object> implements SinkWriter<T> {
  readonly #context: SinkContext;
  readonly #options: PartitionedWriterOptions<T>;
  readonly #fileNumbers = { next: 0 };
  /** By path, of the checkpoint to come. */
  #writers = new Map<string, FileWriter<T>>();
  /** Those with an open file, the oldest first. */
  #awake = new Set<string>();
  /** Of the last checkpoints; never rejects. */
  #sealing: Promise<void> = Promise.resolve();
  /** The partition of the last record, which most have in common with the one before. */
  #last: { readonly values: readonly unknown[]; readonly writer: FileWriter<T> } | undefined;

  private constructor(context: SinkContext, options: PartitionedWriterOptions<T>) {
    this.#context = context;
    this.#options = options;
  }

  /** Makes the sink's directory and removes what older attempts of this run left in this subtask's share. */
  static async open<T extends object>(
    context: SinkContext,
    options: PartitionedWriterOptions<T>,
    restored: readonly FileCommittable[],
  ): Promise<PartitionedWriter<T>> {
    const { files } = context;
    const { directory, partitionBy } = options;
    await files.makeDirectory(directory);
    // The first attempt has no forerunner whose files could be there.
    const there =
      context.attemptNumber === 1 ? [] : await partitionDirectories(files, directory, partitionBy);
    for (const partition of there)
      await FileWriter.open(
        context,
        { ...options, directory: partition, makesDirectoryLate: true },
        restored,
      );
    return new PartitionedWriter(context, options);
  }

  write(record: T): void {
    const last = this.#last;
    const writer =
      last !== undefined && this.#hasValues(record, last.values) ? last.writer : this.#turnTo(record);
    writer.write(record);
  }

  async prepareCommit(checkpointId: number): Promise<Json[]> {
    const writers = [...this.#writers];
    this.#writers = new Map();
    this.#awake = new Set();
    this.#last = undefined;
    // All are sealed now: what is written meanwhile is the next checkpoint's.
    const sealing = Promise.all(writers.map(async ([, writer]) => writer.prepareCommit(checkpointId)));
    this.#sealing = Promise.allSettled([this.#sealing, sealing]).then(() => undefined);
    const sealed = await sealing;
    await this.#syncAncestors(writers.map(([path]) => path));
    return sealed.flat();
  }

  /** As of a {@link FileWriter}. */
  async close(): Promise<void> {
    await this.#sealing;
    const writers = [...this.#writers.values()];
    this.#writers = new Map();
    this.#last = undefined;
    for (const writer of writers) await writer.close();
  }

  #hasValues(record: T, values: readonly unknown[]): boolean {
    const names = this.#options.partitionBy;
    for (let index = 0; index < names.length; index++)
      if ((record as Record<string, unknown>)[names[index] as string] !== values[index]) return false;
    return true;
  }

  #turnTo(record: T): FileWriter<T> {
    const fields = record as Readonly<Record<string, unknown>>;
    const { partitionBy, directory, ...others } = this.#options;
    const path = partitionPath(fields, partitionBy);
    let writer = this.#writers.get(path);
    if (writer === undefined) {
      writer = FileWriter.begin<T>(this.#context, {
        ...others,
        directory: `${directory}/${path}`,
        makesDirectoryLate: true,
        fileNumbers: this.#fileNumbers,
      });
      this.#writers.set(path, writer);
    }
    this.#wake(path);
    this.#last = { values: partitionBy.map((name) => fields[name]), writer };
    return writer;
  }

  #wake(path: string): void {
    this.#awake.add(path);
    if (this.#awake.size <= PARTITIONS_AWAKE_MAX) return;
    const [oldest] = this.#awake;
    if (oldest === undefined) return;
    this.#awake.delete(oldest);
    this.#writers.get(oldest)?.rest();
  }

  /** A file's own directory and the two above it are synced with the file; further ones may be new as well. */
  async #syncAncestors(paths: readonly string[]): Promise<void> {
    const above = new Set<string>();
    for (const path of paths)
      for (let parent = dirname(dirname(dirname(path))); parent !== '.'; parent = dirname(parent))
        above.add(`${this.#options.directory}/${parent}`);
    if (this.#options.partitionBy.length > 2 && paths.length > 0) above.add(this.#options.directory);
    await Promise.all([...above].map((directory) => this.#context.files.syncDirectory(directory)));
  }
}
