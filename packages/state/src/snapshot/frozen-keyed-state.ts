// State that a barrier froze: writes itself as files, in slices.
import { invariant, MillraceError, type BlobStore } from '@millrace/common';
import type { KeyedStateFile } from '@millrace/proto';
import type { FrozenKeyedState } from '../keyed-state-backend.ts';
import { neededFiles } from './file-chain.ts';
import { FrozenCells } from '../packed/packed-cells.ts';
import { FilePuts } from './file-puts.ts';
import { FrozenPartition } from './frozen-partition.ts';
import type { FreezeScope, FrozenTable } from './frozen-table.ts';
import { Pacer } from './pacer.ts';
import { RunFileWriter } from './run-file-writer.ts';
import type { FrozenStore } from './frozen-store.ts';

/** What was frozen, and where it is written. */
export interface FrozenStateOptions {
  readonly checkpointId: number;
  readonly scope: FreezeScope;
  /** Of the backend: `[firstKeyGroup, lastKeyGroup + 1)`. */
  readonly firstKeyGroup: number;
  readonly endKeyGroup: number;
  /** Empty: nothing changed, and nothing is written. */
  readonly tables: readonly FrozenTable[];
  /** What was not in memory; undefined: nothing. */
  readonly store: FrozenStore | undefined;
  /** Files that the last completed checkpoint needs. */
  readonly previousFiles: readonly KeyedStateFile[];
  /** Lets the task go on between two slices. */
  readonly yieldToTask: () => Promise<void>;
  readonly onWritten: (files: readonly KeyedStateFile[]) => void;
}

/** The files that a checkpoint needs, and how many bytes of them are new. */
export interface WrittenState {
  readonly files: readonly KeyedStateFile[];
  readonly newBytes: number;
}

/** A freeze that can be written once. */
export class FrozenState implements FrozenKeyedState {
  readonly #options: FrozenStateOptions;
  #isWritten = false;
  #isAbandoned = false;

  constructor(options: FrozenStateOptions) {
    this.#options = options;
  }

  async write(blobStore: BlobStore, prefix: string): Promise<WrittenState> {
    invariant(!this.#isWritten, 'a frozen state is written once');
    this.#isWritten = true;
    // Its memory may have been used again since.
    this.#refuseIfAbandoned();
    const { previousFiles, tables, store, onWritten } = this.#options;
    try {
      const added =
        tables.length === 0 && store === undefined ? [] : await this.#writeFiles(blobStore, prefix);
      const files = neededFiles([...previousFiles, ...added]);
      onWritten(files);
      let newBytes = 0;
      for (const file of added) newBytes += file.bytes;
      return { files, newBytes };
    } finally {
      releaseTables(tables);
      store?.close();
    }
  }

  /** Gives up what was not written yet; a write that goes on fails with MR_CANCELLED. Repeatable. */
  abandon(): void {
    this.#isAbandoned = true;
    if (!this.#isWritten) releaseTables(this.#options.tables);
    this.#options.store?.close();
  }

  #refuseIfAbandoned(): void {
    if (this.#isAbandoned)
      throw new MillraceError('MR_CANCELLED', 'The snapshot was given up before it was written');
  }

  async #writeFiles(blobStore: BlobStore, prefix: string): Promise<readonly KeyedStateFile[]> {
    const puts = new FilePuts(blobStore);
    try {
      return await this.#writeRuns(puts, prefix);
    } finally {
      await puts.settled();
    }
  }

  async #writeRuns(puts: FilePuts, prefix: string): Promise<readonly KeyedStateFile[]> {
    const { scope, tables, store, firstKeyGroup, endKeyGroup, checkpointId, previousFiles } = this.#options;
    const pacer = new Pacer(async () => {
      await this.#options.yieldToTask();
      this.#refuseIfAbandoned();
    });
    const span = { from: firstKeyGroup, to: endKeyGroup, keyGroupCount: scope.keyGroupCount };
    const partitions: FrozenPartition[] = [];
    for (const frozen of tables) partitions.push(await FrozenPartition.cut(frozen, span, pacer));
    const known = new Set(previousFiles.flatMap((file) => file.runs.map((run) => run.keyGroup)));
    const nameStart = `${prefix}${checkpointId}-`;
    const base = new RunFileWriter('base', puts, nameStart);
    const delta = new RunFileWriter('delta', puts, nameStart);
    for (let keyGroup = firstKeyGroup; keyGroup < endKeyGroup; keyGroup++) {
      const isBase = keyGroup >= scope.baseFrom && keyGroup < scope.baseTo;
      const writer = isBase ? base : delta;
      writer.begin();
      const start = writer.sink.position;
      let entryCount = 0;
      for (const partition of partitions) entryCount += partition.write(writer.sink, keyGroup, isBase);
      if (store !== undefined) {
        entryCount += await store.write({ sink: writer.sink, keyGroup, isBase }, partitions);
      }
      const bytes = writer.sink.position - start;
      // Hundreds of key groups have nothing to wait for.
      const put = writer.end(keyGroup, entryCount, isBase && known.has(keyGroup));
      if (put !== undefined) await put;
      const pause = pacer.afterRows(entryCount, bytes);
      if (pause !== undefined) await pause;
    }
    await base.finish();
    await delta.finish();
    await puts.settled();
    store?.finish();
    for (const partition of partitions) partition.release();
    return [...base.files, ...delta.files];
  }
}

/** The memory that these had of packed columns may be used again. */
function releaseTables(tables: readonly FrozenTable[]): void {
  for (const { columns, cells: codec } of tables) {
    codec.close?.();
    for (const cells of columns) if (cells instanceof FrozenCells) cells.release();
  }
}
