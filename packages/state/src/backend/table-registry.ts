// The tables of a backend by name, made when an operator registers state or when a snapshot has some. Internal names begin
// with `~`, so that they say what kind of table a snapshot's block is about.
import { invariant, MillraceError } from '@millrace/common';
import { bucketCells } from '../cell/bucket-cells.ts';
import {
  keyChunkCells,
  listCells,
  listChunkCells,
  ownedCells,
  packedCells,
  valueCells,
  type CellCodec,
} from '../cell/cell-codec.ts';
import type { ColumnKind, TableDescriptor } from '../keyed-state-backend.ts';
import { PackedListCells } from '../packed/packed-list.ts';
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
  '~list-head': { columns: ['value', 'f64'], subkeyKind: 'none', cells: listChunkCells },
  '~list-chunk': { columns: ['value'], subkeyKind: 'number', cells: listChunkCells },
  '~map-head': { columns: ['value', 'f64'], subkeyKind: 'none', cells: keyChunkCells },
  '~map-entry': { columns: ['value', 'f64'], subkeyKind: 'key', cells: ownedCells },
  '~map-directory': { columns: ['value'], subkeyKind: 'number', cells: keyChunkCells },
  '~distinct-head': { columns: ['value', 'f64'], subkeyKind: 'none', cells: bucketCells },
  '~distinct-bucket': { columns: ['value'], subkeyKind: 'number', cells: bucketCells },
  '~ttl-value': { columns: ['f64', 'f64'], subkeyKind: 'none', cells: ownedCells },
  '~ttl-list-head': { columns: ['f64', 'f64'], subkeyKind: 'none', cells: valueCells },
  '~ttl-list-chunk': { columns: ['value'], subkeyKind: 'number', cells: listChunkCells },
  '~ttl-map-head': { columns: ['value', 'f64'], subkeyKind: 'none', cells: keyChunkCells },
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

/** What a registry knows of the states of its operator. */
interface RegistryOptions {
  /** Of value, list and map states. */
  readonly areKeysWalked: boolean;
  /** Rows of numbers are bounded by bytes. */
  readonly areNumbersWeighed: boolean;
  /** Names of restored states that have another name now. */
  readonly renamed?: ReadonlyMap<string, string>;
  /** Declared states; true: it has a TTL. */
  readonly declared?: ReadonlyMap<string, boolean>;
}

/** The tables of one backend, by name and by number. Threading: the task's thread only. */
export class TableRegistry {
  /** Index: the table's number in store keys. */
  readonly tables: StateTable[] = [];
  readonly #byName = new Map<string, StateTable>();
  readonly #clock: StampClock;
  readonly #keyGroupCount: number;
  readonly #of: RegistryOptions;
  /** Of states in the snapshot, by their names of today. */
  readonly #restoredNames = new Map<string, string>();

  constructor(clock: StampClock, keyGroupCount: number, of: RegistryOptions) {
    this.#clock = clock;
    this.#keyGroupCount = keyGroupCount;
    this.#of = of;
  }

  /** A restored state has another name now. */
  get hasRenamed(): boolean {
    for (const [name, restored] of this.#restoredNames) if (name !== restored) return true;
    return false;
  }

  /** A table that is there already, because a snapshot has it or somebody asked for it. */
  find(kind: InternalTableKind, name: string): StateTable | undefined {
    return this.#byName.get(`${kind}/${name}`);
  }

  /**
   * The table of an operator, with what was restored under its name.
   * @throws {MillraceError} MR_STATE_INCOMPATIBLE when the snapshot has other columns
   */
  rowTable(descriptor: TableDescriptor): KeyedTable {
    const table = this.#rowTable(descriptor);
    if (descriptor.hasOwnKeys === true) table.rows.keys.takeTexts();
    table.isPacked = descriptor.columns.includes('packed');
    return table;
  }

  #rowTable(descriptor: TableDescriptor): KeyedTable {
    invariant(!descriptor.name.startsWith('~'), 'names of tables do not begin with "~"');
    const cells = cellsOf(descriptor);
    const found = this.#byName.get(descriptor.name);
    if (found === undefined) {
      const made = new KeyedTable({ ...descriptor, cells }, this.#clock, this.#keyGroupCount);
      return this.#add(tellingOfReleases(made));
    }
    invariant(found instanceof KeyedTable, 'a table without "~" is a row table');
    checkColumns(found, descriptor.columns, descriptor.hasNamespaces);
    if (!descriptor.columns.includes('packed')) found.rows.unpackColumns((bytes) => cells.read(bytes));
    found.cells = cells;
    return tellingOfReleases(found);
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
      const own = name.slice(slash + 1);
      // Timers are no state of the user's, though one may be called as their tables are.
      return this.#internal(kind as InternalTableKind, kind === '~timer' ? own : this.#nameNow(own));
    }
    // Deletes name no columns: what they are about is there, or nothing is to be deleted.
    const found = this.#byName.get(name);
    if (columns === undefined) return found;
    // Values stay bytes until somebody says how they are kept: they are counted, because all of them may come to the heap then.
    if (found === undefined) return this.#rowTable({ name, columns: columns.map(packedKind), hasNamespaces });
    checkColumns(found, columns, hasNamespaces);
    return found;
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
              isWalked: subkeyKind === 'none' && (this.#of.areKeysWalked || this.#isConverted(kind, name)),
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

  /** @throws {MillraceError} MR_STATE_INCOMPATIBLE when the snapshot has a state by its old name and by its new one */
  #nameNow(restored: string): string {
    const { renamed } = this.#of;
    if (renamed === undefined || renamed.size === 0) return restored;
    const name = renamed.get(restored) ?? restored;
    const known = this.#restoredNames.get(name);
    if (known !== undefined && known !== restored)
      throw incompatible(name, `it as "${known}" and as "${restored}"`, 'one of them');
    this.#restoredNames.set(name, restored);
    return name;
  }

  /** True for a form of a declared state that it no longer has: its keys are walked once. */
  #isConverted(kind: InternalTableKind, name: string): boolean {
    const hasTtl = this.#of.declared?.get(name);
    return hasTtl !== undefined && kind.startsWith('~ttl-') !== hasTtl;
  }

  #add<T extends StateTable>(table: T): T {
    invariant(this.tables.length < TABLES_MAX, 'an operator has at most 65,536 tables');
    if (table instanceof KeyedTable) table.weighsNumbers = this.#of.areNumbersWeighed;
    this.tables.push(table);
    this.#byName.set(table.name, table);
    return table;
  }
}

function cellsOf({ columns, hasLists, hasPackedLists }: TableDescriptor): CellCodec {
  if (hasPackedLists === true) return new PackedListCells();
  if (columns.includes('packed')) {
    invariant(!columns.includes('value'), 'a table has packed columns or columns of values');
    return packedCells;
  }
  return hasLists === true ? listCells : valueCells;
}

function tellingOfReleases(table: KeyedTable): KeyedTable {
  const { cells } = table;
  if (cells.release !== undefined) table.rows.onCellReleased = (cell) => cells.release?.(cell);
  return table;
}

function packedKind(kind: ColumnKind): ColumnKind {
  return kind === 'value' ? 'packed' : kind;
}

/** @throws {MillraceError} MR_STATE_INCOMPATIBLE */
function checkColumns(found: StateTable, columns: readonly ColumnKind[], hasNamespaces: boolean): void {
  const wanted = describe(columns, hasNamespaces);
  const present = describe(found.rows.columnKinds, found instanceof KeyedTable && found.hasNamespaces);
  if (wanted !== present) throw incompatible(found.name, present, wanted);
}

/** Values and packed ones are the same in a snapshot. */
function describe(columns: readonly ColumnKind[], hasNamespaces: boolean): string {
  const kinds = columns.map((kind) => (kind === 'packed' ? 'value' : kind));
  return `${hasNamespaces ? 'namespaces and ' : ''}columns ${kinds.join(', ')}`;
}

function incompatible(name: string, present: string, wanted: string): MillraceError {
  return new MillraceError(
    'MR_STATE_INCOMPATIBLE',
    `Cannot restore state "${name}": the snapshot has ${present}, the job has ${wanted}`,
  );
}
