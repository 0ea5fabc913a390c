// Brings the runs of a key-group range from files into tables.
import { isMillraceError, MillraceError, type BlobStore, type KeyGroupRange } from '@millrace/common';
import {
  ByteSource,
  readUncheckedRunV1,
  readKeyV1,
  type ReadBlockV1,
  type ReadPutsV1,
  type KeyedRunColumnV1,
  type KeyedStateFile,
  type KeyGroupRun,
} from '@millrace/proto';
import type { Migration } from '../keyed-state-backend.ts';
import type { StateTable, TableRegistry } from '../backend/table-registry.ts';
import { KeyedTable } from '../table/keyed-table.ts';
import { readFileParts, type FilePart, type NeededRuns } from './file-parts.ts';
import type { BlockPlace, LeftRows } from './left-rows.ts';
import { cellMigration } from './migrate-cells.ts';
import { firstFileByKeyGroup, withRuns } from './file-chain.ts';

/** Each makes room for what may be on its way to the store at once: 16 GiB in all. */
const RELIEFS_MAX = 1024;

/** Which files are read, for which keys, into which tables. */
export interface RestoreOptions {
  readonly files: readonly KeyedStateFile[];
  readonly blobStore: BlobStore;
  readonly range: KeyGroupRange;
  readonly registry: TableRegistry;
  readonly migrations?: ReadonlyMap<string, Migration>;
  /** Rows that stay in their files. */
  readonly leftRows: LeftRows;
  /** Called after each run: makes room in memory. */
  readonly relieve: () => Promise<void> | undefined;
}

/** What was restored. */
export interface RestoredFiles {
  /** Files that hold the restored state of the range, with the runs that are about it. */
  readonly files: readonly KeyedStateFile[];
  /** The tables hold what the files do: the next snapshot may build on them. False: values were migrated, or states renamed. */
  readonly isUnchanged: boolean;
}

interface Changes {
  isMigrated: boolean;
}

/**
 * Applies runs in the order of the files, for each key group from its last base on.
 * Contract: files of several old subtasks may be mixed as long as each one's are oldest first.
 * @throws {MillraceError} MR_CHECKPOINT_CORRUPT naming the file whose length, checksum or content does not match
 */
export async function restoreFiles(options: RestoreOptions): Promise<RestoredFiles> {
  const { files, range } = options;
  const changes: Changes = { isMigrated: false };
  for await (const part of readFileParts(options.blobStore, neededRuns(files, range))) {
    try {
      for (const run of part.runs) {
        applyRun({ ...options, changes, part }, run);
        await relieved(options.relieve);
      }
    } catch (error) {
      throw naming(part.file, error);
    } finally {
      // One of which rows are left is the backend's.
      if (part.restored?.liveCount === 0) await part.restored.reader.close();
    }
  }
  return {
    files: ofRange(files, range),
    isUnchanged: !changes.isMigrated && !options.registry.hasRenamed,
  };
}

async function relieved(relieve: RestoreOptions['relieve']): Promise<void> {
  for (let count = 0; count < RELIEFS_MAX; count++) {
    const relief = relieve();
    if (relief === undefined) return;
    await relief;
  }
}

/** Of each key group, the runs from its last base on. */
function neededRuns(files: readonly KeyedStateFile[], range: KeyGroupRange): readonly NeededRuns[] {
  const first = firstFileByKeyGroup(files);
  return files
    .map((file, index) => ({
      file,
      runs: file.runs.filter(
        (run) => isIn(range, run.keyGroup) && run.bytes > 0 && index >= (first.get(run.keyGroup) ?? 0),
      ),
    }))
    .filter(({ runs }) => runs.length > 0);
}

/** The part of the files that is about a range: other key groups are those of others, who refer to the same files. */
function ofRange(files: readonly KeyedStateFile[], range: KeyGroupRange): readonly KeyedStateFile[] {
  return files
    .map((file) => withRuns(file, ({ keyGroup }) => isIn(range, keyGroup)))
    .filter(({ runs }) => runs.length > 0);
}

function isIn({ firstKeyGroup, lastKeyGroup }: KeyGroupRange, keyGroup: number): boolean {
  return keyGroup >= firstKeyGroup && keyGroup <= lastKeyGroup;
}

function naming(file: KeyedStateFile, error: unknown): unknown {
  if (!isMillraceError(error) || error.code !== 'MR_CHECKPOINT_CORRUPT') return error;
  return new MillraceError(
    'MR_CHECKPOINT_CORRUPT',
    `Cannot restore keyed state from file "${file.name}": ${error.message}`,
    {
      details: { ...error.details, file: file.name },
      cause: error,
    },
  );
}

interface Applied extends RestoreOptions {
  readonly changes: Changes;
  readonly part: FilePart;
}

function applyRun(of: Applied, { keyGroup, offset, bytes }: KeyGroupRun): void {
  const from = offset - of.part.position;
  readUncheckedRunV1({ bytes: of.part.bytes, from, to: from + bytes }, (block, check) => {
    const values =
      of.part.restored !== undefined && of.leftRows.mayLeave(block) ? check.checkValues() : undefined;
    if (values === undefined) check.check();
    applyBlock(of, block, { keyGroup, checksums: values });
  });
}

function applyBlock(
  { registry, migrations, changes, part, leftRows }: Applied,
  block: ReadBlockV1,
  at: { readonly keyGroup: number; readonly checksums: BlockPlace['checksums'] | undefined },
): void {
  const { keyGroup, checksums } = at;
  if (block.kind === 'drops') {
    const table = registry.restoredTable(block.table, undefined, true);
    if (!(table instanceof KeyedTable)) return;
    for (const namespace of block.namespaces) table.restoreDrop(namespace, keyGroup);
    return;
  }
  const columns =
    block.kind === 'puts'
      ? block.columns.map((column) => (column instanceof Float64Array ? 'f64' : 'value'))
      : undefined;
  const table = registry.restoredTable(block.table, columns, block.subkeyKind === 'number');
  if (table === undefined) return;
  const keys = keyReader(block.keys);
  const subkeys = block.subkeys === undefined ? undefined : keyReader(block.subkeys);
  if (block.kind === 'puts') {
    const migrate = cellMigration(table.name, migrations);
    if (migrate !== undefined) changes.isMigrated = true;
    else if (part.restored !== undefined && checksums !== undefined) {
      const memoryPosition = part.position - part.bytes.byteOffset;
      const place = { file: part.restored, keyGroup, checksums, memoryPosition };
      if (leftRows.puts(table, block, { ...place, keys, subkeys })) return;
    }
    leftRows.reads(table, block);
    applyPuts(table, block, { keys, subkeys, migrate });
    return;
  }
  if (leftRows.deletes(table, block, { keys, subkeys })) return;
  for (let index = 0; index < block.entryCount; index++) {
    table.restoreDelete(keys(index), block.hashes[index] as number, subkeys?.(index));
  }
}

/** The key of an entry of a block. */
export type KeyReader = (index: number) => unknown;

function applyPuts(
  table: StateTable,
  block: ReadPutsV1,
  of: {
    readonly keys: KeyReader;
    readonly subkeys: KeyReader | undefined;
    readonly migrate: Migration | undefined;
  },
): void {
  const { columns, hashes } = block;
  const { keys, subkeys, migrate } = of;
  for (let column = 0; column < columns.length; column++) {
    if (!(columns[column] instanceof Float64Array)) table.rows.widenColumn(column);
  }
  const cells = columns.map((column) => cellReader(column, table));
  for (let index = 0; index < block.entryCount; index++) {
    const row = table.restorePut(keys(index), hashes[index] as number, subkeys?.(index));
    for (let column = 0; column < cells.length; column++) {
      let cell = (cells[column] as KeyReader)(index);
      if (column === 0 && migrate !== undefined) {
        cell = migrate(cell);
        if (typeof cell !== 'number') table.rows.widenColumn(0);
      }
      table.rows.setCell(row, column, cell);
    }
  }
}

function keyReader(column: KeyedRunColumnV1): KeyReader {
  if (column instanceof Float64Array) return (index) => column[index];
  const source = new ByteSource(column.bytes);
  return (index) => {
    source.position = index === 0 ? 0 : (column.ends[index - 1] as number);
    return readKeyV1(source);
  };
}

function cellReader(column: KeyedRunColumnV1, table: StateTable): KeyReader {
  if (column instanceof Float64Array) return (index) => column[index];
  return (index) => {
    const from = index === 0 ? 0 : (column.ends[index - 1] as number);
    return table.cells.read(column.bytes.subarray(from, column.ends[index] as number));
  };
}
