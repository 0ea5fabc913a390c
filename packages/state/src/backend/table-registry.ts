// The tables of a backend by name, made when an operator registers state or when a snapshot has some. Internal names begin
// with `~`, so that they say what kind of table a snapshot's block is about.
import { invariant, MillraceError } from '@millrace/common';
import { keyChunkCells, listChunkCells, ownedCells, valueCells } from '../cell/cell-codec.ts';
import type { ColumnKind, TableDescriptor } from '../keyed-state-backend.ts';
import { KeyedTable } from '../table/keyed-table.ts';
import { PairTable } from '../table/pair-table.ts';
import type { StampClock } from '../table/stamp-clock.ts';

/** A table of either shape. */
export type StateTable = KeyedTable | PairTable;

/** Tables of one backend at most: their number stands in store keys. */
const TABLES_MAX = 65_536;

interface InternalKind {
  readonly columns: readonly ColumnKind[];
  readonly subkeyKind: 'none' | 'number' | 'key' | 'namespace';
  readonly cells: typeof valueCells;
  readonly isEvictable?: boolean;
}

const INTERNAL_KINDS = {
  '~value': { columns: ['f64'], subkeyKind: 'none', cells: ownedCells },
  '~list-head': { columns: ['f64'], subkeyKind: 'none', cells: valueCells },
  '~list-chunk': { columns: ['value'], subkeyKind: 'number', cells: listChunkCells },
  '~map-head': { columns: ['f64'], subkeyKind: 'none', cells: valueCells },
  '~map-entry': { columns: ['value', 'f64'], subkeyKind: 'key', cells: ownedCells },
  '~map-directory': { columns: ['value'], subkeyKind: 'number', cells: keyChunkCells },
  '~ttl-value': { columns: ['f64', 'f64'], subkeyKind: 'none', cells: ownedCells },
  '~ttl-list-head': { columns: ['f64', 'f64'], subkeyKind: 'none', cells: valueCells },
  '~ttl-list-chunk': { columns: ['value'], subkeyKind: 'number', cells: listChunkCells },
  '~ttl-map-head': { columns: ['f64'], subkeyKind: 'none', cells: valueCells },
  '~ttl-map-entry': { columns: ['value', 'f64', 'f64'], subkeyKind: 'key', cells: ownedCells },
  '~ttl-map-directory': { columns: ['value'], subkeyKind: 'number', cells: keyChunkCells },
  // Keys by the span of time in which something of theirs is over.
  '~ttl-span': { columns: ['f64'], subkeyKind: 'namespace', cells: valueCells },
  '~timer': { columns: ['f64'], subkeyKind: 'number', cells: valueCells, isEvictable: false },
} as const satisfies Record<string, InternalKind>;

/** Tables that the backend makes for itself: parts of list and map state, and timers. */
export type InternalTableKind = keyof typeof INTERNAL_KINDS;

/** Those that are found by a key, and a namespace at most. */
type KeyedKind = {
  [Kind in InternalTableKind]: (typeof INTERNAL_KINDS)[Kind]['subkeyKind'] extends 'none' | 'namespace'
    ? Kind
    : never;
}[InternalTableKind];

/** The tables of one backend, by name and by number. Threading: the task's thread only. */
export class TableRegistry {
  /** Index: the table's number in store keys. */
  readonly tables: StateTable[] = [];
  readonly #byName = new Map<string, StateTable>();
  readonly #clock: StampClock;
  readonly #keyGroupCount: number;
  readonly #areKeysWalked: boolean;

  /** `areKeysWalked`: of value, list and map states. */
  constructor(clock: StampClock, keyGroupCount: number, areKeysWalked: boolean) {
    this.#clock = clock;
    this.#keyGroupCount = keyGroupCount;
    this.#areKeysWalked = areKeysWalked;
  }

  /**
   * The table of an operator, with what was restored under its name.
   * @throws {MillraceError} MR_STATE_INCOMPATIBLE when the snapshot has other columns
   */
  rowTable(descriptor: TableDescriptor): KeyedTable {
    invariant(!descriptor.name.startsWith('~'), 'names of tables do not begin with "~"');
    const found = this.#byName.get(descriptor.name);
    if (found === undefined) {
      return this.#add(
        new KeyedTable({ ...descriptor, cells: valueCells }, this.#clock, this.#keyGroupCount),
      );
    }
    invariant(found instanceof KeyedTable, 'a table without "~" is a row table');
    const wanted = describe(descriptor.columns, descriptor.hasNamespaces);
    const present = describe(found.rows.columnKinds, found.hasNamespaces);
    if (wanted !== present) throw incompatible(descriptor.name, present, wanted);
    return found;
  }

  keyedTable(kind: KeyedKind, name: string): KeyedTable {
    const table = this.#internal(kind, name);
    invariant(table instanceof KeyedTable, 'heads, values and spans are keyed tables');
    return table;
  }

  pairTable(kind: Exclude<InternalTableKind, KeyedKind>, name: string): PairTable {
    const table = this.#internal(kind, name);
    invariant(table instanceof PairTable, 'chunks, entries and timers are pair tables');
    return table;
  }

  /**
   * The table that a snapshot's block is about.
   * @throws {MillraceError} MR_STATE_INCOMPATIBLE when it has other columns than the table registered
   */
  restoredTable(
    name: string,
    columns: readonly ColumnKind[] | undefined,
    hasNamespaces: boolean,
  ): StateTable | undefined {
    const slash = name.indexOf('/');
    const kind = name.slice(0, slash);
    if (name.startsWith('~')) {
      if (!Object.hasOwn(INTERNAL_KINDS, kind))
        throw incompatible(name, 'a table kind of a newer version', 'a known one');
      return this.#internal(kind as InternalTableKind, name.slice(slash + 1));
    }
    // Deletes name no columns: what they are about is there, or nothing is to be deleted.
    return columns === undefined ? this.#byName.get(name) : this.rowTable({ name, columns, hasNamespaces });
  }

  #internal(kind: InternalTableKind, name: string): StateTable {
    const fullName = `${kind}/${name}`;
    const found = this.#byName.get(fullName);
    if (found !== undefined) return found;
    const of: InternalKind = INTERNAL_KINDS[kind];
    const { columns, subkeyKind, cells } = of;
    return this.#add(
      subkeyKind === 'none' || subkeyKind === 'namespace'
        ? new KeyedTable(
            {
              name: fullName,
              columns,
              hasNamespaces: subkeyKind === 'namespace',
              cells,
              isWalked: this.#areKeysWalked && subkeyKind === 'none',
            },
            this.#clock,
            this.#keyGroupCount,
          )
        : new PairTable(
            { name: fullName, columns, subkeyKind, cells, isEvictable: of.isEvictable ?? true },
            this.#clock,
          ),
    );
  }

  #add<T extends StateTable>(table: T): T {
    invariant(this.tables.length < TABLES_MAX, 'an operator has at most 65,536 tables');
    this.tables.push(table);
    this.#byName.set(table.name, table);
    return table;
  }
}

function describe(columns: readonly ColumnKind[], hasNamespaces: boolean): string {
  return `${hasNamespaces ? 'namespaces and ' : ''}columns ${columns.join(', ')}`;
}

function incompatible(name: string, present: string, wanted: string): MillraceError {
  return new MillraceError(
    'MR_STATE_INCOMPATIBLE',
    `Cannot restore state "${name}": the snapshot has ${present}, the job has ${wanted}`,
  );
}
