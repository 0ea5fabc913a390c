// Makes the cells of restored user state those of its current version.
import { Chunk } from '../cell/chunk.ts';
import { exposeValue, ownValue } from '../cell/own-value.ts';
import type { Migration } from '../keyed-state-backend.ts';

/** Migrates the first column of a table, where the table is one that holds a migrated state's values; else undefined. */
export function cellMigration(
  table: string,
  migrations: ReadonlyMap<string, Migration> | undefined,
): Migration | undefined {
  if (migrations === undefined || !table.startsWith('~')) return undefined;
  const slash = table.indexOf('/');
  const migrate = migrations.get(table.slice(slash + 1));
  if (migrate === undefined) return undefined;
  const migrateCell = (cell: unknown): unknown => ownValue(migrate(exposeValue(cell)));
  switch (table.slice(0, slash)) {
    case '~value':
    case '~ttl-value':
    case '~map-entry':
    case '~ttl-map-entry':
      return migrateCell;
    case '~list-head':
    case '~list-chunk':
      return (chunk) => migrateItems(chunk as Chunk, migrateCell);
    case '~ttl-list-chunk':
      // Pairs of time and value.
      return (chunk) =>
        migrateItems(chunk as Chunk, (cell, index) => (index % 2 === 0 ? cell : migrateCell(cell)));
    default:
      return undefined;
  }
}

function migrateItems(
  { items, stamp }: Chunk,
  migrateItem: (cell: unknown, index: number) => unknown,
): Chunk {
  return new Chunk(
    items.map((item, index) => migrateItem(item, index)),
    stamp,
  );
}
