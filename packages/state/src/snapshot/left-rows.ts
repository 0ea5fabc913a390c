// Which rows of a restored checkpoint stay in its files until they are asked for: large ones that nobody walks over.
import { invariant } from '@millrace/common';
import type { ReadBlockV1, KeyedDeletesV1, ReadPutsV1, RunningChecksums } from '@millrace/proto';
import type { StateTable } from '../backend/table-registry.ts';
import type { RestoredFile } from '../spill/restored-file.ts';
import { hasDirectories } from '../spill/table-store.ts';
import type { WorkingSet } from '../spill/working-set.ts';
import type { RowIdentity } from '../table/stored-rows.ts';
import type { KeyReader } from './restore-files.ts';

/** Rows of so many bytes cost more to read and to collect than to remember: a row that is left takes about 60 bytes. */
export const LEFT_ROW_BYTES_MIN_DEFAULT = 256;

/** The block's bytes, and where they are. */
export interface BlockPlace {
  readonly file: RestoredFile;
  readonly keyGroup: number;
  /** By column. */
  readonly checksums: readonly (RunningChecksums | undefined)[];
  /** Where in the file the memory begins that the block's bytes are views of. */
  readonly memoryPosition: number;
}

/** Threading: the task's thread. */
export class LeftRows {
  readonly #workingSet: WorkingSet;
  readonly #rowBytesMin: number;
  readonly #rowCount: number;
  /** Decided by the first block of a table: all its rows are treated alike. */
  readonly #isLeft = new Map<StateTable, boolean>();
  /** As blocks name them. */
  readonly #leftNames = new Set<string>();
  readonly #readNames = new Set<string>();

  constructor(options: {
    readonly workingSet: WorkingSet;
    readonly rowBytesMin: number;
    /** Rows in the files, about. */
    readonly rowCount: number;
  }) {
    this.#workingSet = options.workingSet;
    this.#rowBytesMin = options.rowBytesMin;
    this.#rowCount = options.rowCount;
  }

  /** Before anything of the block is believed: whether its values will be read one by one. */
  mayLeave(block: ReadBlockV1): block is ReadPutsV1 {
    return (
      block.kind === 'puts' &&
      block.table.startsWith('~') &&
      !this.#readNames.has(block.table) &&
      (rowBytesOf(block) >= this.#rowBytesMin || this.#leftNames.has(block.table))
    );
  }

  /** Leaves the rows of a block where they are; false: those of this table are read. */
  puts(
    table: StateTable,
    block: ReadPutsV1,
    of: BlockPlace & { readonly keys: KeyReader; readonly subkeys: KeyReader | undefined },
  ): boolean {
    let isLeft = this.#isLeft.get(table);
    if (isLeft === undefined) {
      isLeft = table.isEvictable && !hasDirectories(table) && rowBytesOf(block) >= this.#rowBytesMin;
      this.#isLeft.set(table, isLeft);
    }
    if (!isLeft) return false;
    this.#leftNames.add(block.table);
    const { restored, store } = this.#workingSet.restoredStore(table, this.#rowCount);
    const columns = block.columns.map((column, index) => {
      if (column instanceof Float64Array) return column;
      table.rows.widenColumn(index);
      const checksums = of.checksums[index];
      invariant(checksums !== undefined, 'values have checksums');
      return { position: of.memoryPosition + column.bytes.byteOffset, ends: column.ends, checksums };
    });
    const { file, keyGroup } = of;
    const identityAt = identities(table, block, of);
    table.addAway(
      store.addRestored(restored, { file, keyGroup, entryCount: block.entryCount, columns }, identityAt),
    );
    return true;
  }

  /** The rows of a block are read: from now on all of their table are, because what is in memory would hide newer rows that are left. */
  reads(table: StateTable, block: ReadPutsV1): void {
    if (!this.#isLeft.has(table)) this.#isLeft.set(table, false);
    if (this.#isLeft.get(table) === false) this.#readNames.add(block.table);
  }

  /** Removes rows that were left; false: those of this table were read. */
  deletes(
    table: StateTable,
    block: KeyedDeletesV1,
    of: { readonly keys: KeyReader; readonly subkeys: KeyReader | undefined },
  ): boolean {
    if (this.#isLeft.get(table) !== true) return false;
    const { restored, store } = this.#workingSet.restoredStore(table, this.#rowCount);
    const identityAt = identities(table, block, of);
    for (let index = 0; index < block.entryCount; index++)
      if (store.removeRestored(restored, identityAt(index))) table.addAway(-1);
    return true;
  }
}

function identities(
  table: StateTable,
  { hashes }: { readonly hashes: Int32Array },
  { keys, subkeys }: { readonly keys: KeyReader; readonly subkeys: KeyReader | undefined },
): (index: number) => RowIdentity {
  const generation = table.generationOfAway();
  return (index) => ({
    key: keys(index),
    hash: hashes[index] as number,
    subkey: subkeys?.(index),
    generation,
  });
}

function rowBytesOf({ columns, entryCount }: ReadPutsV1): number {
  let bytes = 0;
  for (const column of columns) bytes += column instanceof Float64Array ? 0 : column.bytes.length;
  return bytes / Math.max(1, entryCount);
}
