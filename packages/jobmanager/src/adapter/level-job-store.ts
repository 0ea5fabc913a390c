// The JobManager's durable store: LevelDB in a directory of its own, every write synced, and a loss of any found at the
// next start.
import { mkdir } from 'node:fs/promises';
import { ClassicLevel } from 'classic-level';
import { MillraceError } from '@millrace/common';
import { crashPoint } from '@millrace/common/node';
import { encodeRecord, storeCorrupt } from '../core/job-records.ts';
import type { StoreOperation } from '../core/effects.ts';
import type { JobStore } from '../job-store.ts';
import { checkHead, HEAD_KEY, HeadFile, StoreDigest, type StoreHead } from './store-head.ts';

/**
 * Written records that LevelDB keeps in memory before it makes a file of them. With its default of 4 MiB a job with a checkpoint a
 * second has the process grow for ten minutes.
 */
const WRITE_BUFFER_BYTES = 256 * 1024;

/** {@link JobStore} over LevelDB. LevelDB lets one process in at a time. After a write that failed it takes no other. */
export class LevelJobStore implements JobStore {
  readonly #level: ClassicLevel<string, Uint8Array>;
  readonly #headFile: HeadFile;
  readonly #digest = new StoreDigest();
  #sequence = 0;
  #hasFailed = false;

  private constructor(level: ClassicLevel<string, Uint8Array>, headFile: HeadFile) {
    this.#level = level;
    this.#headFile = headFile;
  }

  /**
   * @throws {MillraceError} MR_CLUSTER_RUNNING when another process has it open, MR_STORE_CORRUPT when LevelDB cannot
   * read it or it is not what was written last, MR_IO for the rest
   */
  static async open(directory: string): Promise<LevelJobStore> {
    try {
      await mkdir(directory, { recursive: true, mode: 0o700 });
    } catch (cause) {
      throw new MillraceError('MR_IO', `Cannot make the JobManager's directory "${directory}"`, {
        details: { directory },
        cause,
      });
    }
    const level = new ClassicLevel<string, Uint8Array>(directory, {
      keyEncoding: 'utf8',
      valueEncoding: 'view',
      writeBufferSize: WRITE_BUFFER_BYTES,
    });
    try {
      await level.open();
    } catch (error) {
      throw openFailure(directory, error);
    }
    const store = new LevelJobStore(level, new HeadFile(directory));
    try {
      await store.#check();
    } catch (error) {
      await level.close();
      throw error instanceof MillraceError ? error : openFailure(directory, error);
    }
    return store;
  }

  async #check(): Promise<void> {
    const entries = await this.#read();
    const head = entries.get(HEAD_KEY);
    entries.delete(HEAD_KEY);
    for (const [key, value] of entries) this.#digest.put(key, value);
    const acknowledged = await this.#headFile.read();
    this.#sequence = checkHead(acknowledged, head, this.#digest.toString());
    if (acknowledged !== undefined) return;
    await this.#headFile.write(0);
    await this.#headFile.publish();
  }

  async load(): Promise<ReadonlyMap<string, Uint8Array>> {
    const entries = await this.#read();
    entries.delete(HEAD_KEY);
    return entries;
  }

  async #read(): Promise<Map<string, Uint8Array>> {
    const entries = new Map<string, Uint8Array>();
    try {
      for await (const [key, value] of this.#level.iterator({ fillCache: false })) entries.set(key, value);
    } catch (cause) {
      throw storeCorrupt('LevelDB cannot read it', cause);
    }
    return entries;
  }

  async write(operations: readonly StoreOperation[]): Promise<void> {
    for (const operation of operations)
      if (operation.type === 'compare-and-set') await this.#compare(operation);
    if (this.#hasFailed)
      throw new MillraceError('MR_IO', "Cannot write to the JobManager's store: an earlier write failed");
    try {
      await this.#writeNext(operations);
    } catch (cause) {
      this.#hasFailed = true;
      throw new MillraceError('MR_IO', "Cannot write to the JobManager's store", { cause });
    }
  }

  /** The batch and what the head file will say become durable beside each other; only then does the file say it. */
  async #writeNext(operations: readonly StoreOperation[]): Promise<void> {
    const sequence = ++this.#sequence;
    for (const operation of operations) {
      if (operation.type === 'del') this.#digest.delete(operation.key);
      else this.#digest.put(operation.key, operation.value);
    }
    const head: StoreHead = { sequence, digest: this.#digest.toString() };
    const fileWritten = this.#headFile.write(sequence);
    fileWritten.catch(() => undefined); // It shows where it is awaited.
    await this.#level.batch(
      [
        ...operations.map(({ key, ...operation }) =>
          operation.type === 'del'
            ? { type: 'del' as const, key }
            : { type: 'put' as const, key, value: operation.value },
        ),
        { type: 'put', key: HEAD_KEY, value: encodeRecord(head) },
      ],
      { sync: true },
    );
    await fileWritten;
    crashPoint('jobmanager-batch-written');
    await this.#headFile.publish();
  }

  async #compare({
    key,
    expected,
  }: {
    readonly key: string;
    readonly expected: Uint8Array | undefined;
  }): Promise<void> {
    const found: Uint8Array | undefined = await this.#level.get(key);
    const isExpected =
      found === undefined
        ? expected === undefined
        : expected !== undefined && Buffer.compare(found, expected) === 0;
    if (!isExpected)
      throw new MillraceError(
        'MR_STALE_EPOCH',
        `Cannot move "${key}": somebody else has moved it, so another JobManager leads`,
        { details: { key } },
      );
  }

  close(): Promise<void> {
    return this.#level.close();
  }
}

function openFailure(directory: string, error: unknown): MillraceError {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const code = cause instanceof Error ? (cause as NodeJS.ErrnoException).code : undefined;
  if (code === 'LEVEL_LOCKED') {
    return new MillraceError(
      'MR_CLUSTER_RUNNING',
      `Cannot open the JobManager's store "${directory}": another JobManager has it open. Stop that one first: millrace cluster stop`,
      { details: { directory }, cause },
    );
  }
  if (code === 'LEVEL_CORRUPTION') return storeCorrupt('LevelDB finds it damaged', cause);
  return new MillraceError('MR_IO', `Cannot open the JobManager's store "${directory}"`, {
    details: { directory },
    cause,
  });
}
