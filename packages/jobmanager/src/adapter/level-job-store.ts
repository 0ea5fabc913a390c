// The JobManager's durable store: LevelDB in a directory of its own, every write synced.
import { mkdir } from 'node:fs/promises';
import { ClassicLevel } from 'classic-level';
import { MillraceError } from '@millrace/common';
import { storeCorrupt } from '../core/job-records.ts';
import type { StoreOperation } from '../core/effects.ts';
import type { JobStore } from '../job-store.ts';

/** {@link JobStore} over LevelDB. LevelDB lets one process in at a time. */
export class LevelJobStore implements JobStore {
  readonly #level: ClassicLevel<string, Uint8Array>;

  private constructor(level: ClassicLevel<string, Uint8Array>) {
    this.#level = level;
  }

  /**
   * @throws {MillraceError} MR_CLUSTER_RUNNING when another process has it open, MR_STORE_CORRUPT when LevelDB cannot
   * read it, MR_IO for the rest
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
    });
    try {
      await level.open();
    } catch (error) {
      throw openFailure(directory, error);
    }
    return new LevelJobStore(level);
  }

  async load(): Promise<ReadonlyMap<string, Uint8Array>> {
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
    try {
      await this.#level.batch(
        operations.map((operation) =>
          operation.type === 'del'
            ? { type: 'del', key: operation.key }
            : { type: 'put', key: operation.key, value: operation.value },
        ),
        { sync: true },
      );
    } catch (cause) {
      throw new MillraceError('MR_IO', "Cannot write to the JobManager's store", { cause });
    }
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
