// Brings the runs of a key-group range from files into tables.
import { crc32 } from 'node:zlib';
import { isMillraceError, MillraceError, type BlobStore, type KeyGroupRange } from '@millrace/common';
import {
  ByteSource,
  readKeyedRunV1,
  readKeyV1,
  type ReadBlockV1,
  type ReadPutsV1,
  type KeyedRunColumnV1,
  type KeyedStateFile,
} from '@millrace/proto';
import type { Migration } from '../keyed-state-backend.ts';
import type { StateTable, TableRegistry } from '../backend/table-registry.ts';
import { KeyedTable } from '../table/keyed-table.ts';
import { cellMigration } from './migrate-cells.ts';
import { lastBaseByKeyGroup } from './file-chain.ts';

/** Which files are read, for which keys, into which tables. */
export interface RestoreOptions {
  readonly files: readonly KeyedStateFile[];
  readonly blobStore: BlobStore;
  readonly range: KeyGroupRange;
  readonly registry: TableRegistry;
  readonly migrations?: ReadonlyMap<string, Migration>;
  /** Called after each run: makes room in memory. */
  readonly relieve: () => Promise<void> | undefined;
}

/**
 * Applies runs in the order of the files, for each key group from its last base on.
 * Contract: files of several old subtasks may be mixed as long as each one's are oldest first.
 * @throws {MillraceError} MR_CHECKPOINT_CORRUPT naming the file whose length, checksum or content does not match
 */
export async function restoreFiles(options: RestoreOptions): Promise<void> {
  const { files, range } = options;
  const lastBases = lastBaseByKeyGroup(files);
  for (let index = 0; index < files.length; index++) {
    const file = files[index] as KeyedStateFile;
    const runs = file.runs.filter(
      (run) =>
        run.keyGroup >= range.firstKeyGroup &&
        run.keyGroup <= range.lastKeyGroup &&
        run.bytes > 0 &&
        index >= (lastBases.get(run.keyGroup) ?? 0),
    );
    if (runs.length === 0) continue;
    const bytes = await options.blobStore.get(file.name);
    checkFile(file, bytes);
    for (const run of runs) {
      try {
        const target = { bytes, from: run.offset, to: run.offset + run.bytes };
        readKeyedRunV1(target, (block) => applyBlock(options, block, run.keyGroup));
      } catch (error) {
        throw naming(file, error);
      }
      await options.relieve();
    }
  }
}

function checkFile(file: KeyedStateFile, bytes: Uint8Array): void {
  if (bytes.length === file.bytes && crc32(bytes) === file.crc32) return;
  const details = { file: file.name, wantedBytes: file.bytes, bytes: bytes.length };
  throw new MillraceError(
    'MR_CHECKPOINT_CORRUPT',
    `Cannot restore keyed state: file "${file.name}" does not match its length and checksum`,
    { details },
  );
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

function applyBlock({ registry, migrations }: RestoreOptions, block: ReadBlockV1, keyGroup: number): void {
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
    applyPuts(table, block, { keys, subkeys, migrate: cellMigration(table.name, migrations) });
    return;
  }
  for (let index = 0; index < block.entryCount; index++) {
    table.restoreDelete(keys(index), block.hashes[index] as number, subkeys?.(index));
  }
}

type KeyReader = (index: number) => unknown;

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
