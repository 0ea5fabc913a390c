// The entries of one key group as its runs leave them, still as bytes: what is counted, and what samples are decoded from.
import { ByteSource, readKeyV1, type ReadBlockV1, type KeyedRunColumnV1 } from '@millrace/proto';

/** A row of a table. */
export interface InspectedEntry {
  readonly key: unknown;
  /** The same for equal keys, and only for them. */
  readonly keyText: string;
  /** A namespace, a time or a map's key; undefined where the table has none. */
  readonly subkey: unknown;
  /** A number, or the bytes of a value. */
  readonly cells: readonly (number | Uint8Array)[];
  readonly bytes: number;
}

const NUMBER_BYTES = 8;

/** Bounds: the entries of one key group. Contract: runs are applied oldest first, from the last base on. */
export class KeyGroupEntries {
  /** By table, then by key and second key. */
  readonly tables = new Map<string, Map<string, InspectedEntry>>();

  apply(block: ReadBlockV1): void {
    const entries = this.tables.get(block.table) ?? new Map<string, InspectedEntry>();
    this.tables.set(block.table, entries);
    if (block.kind === 'drops') {
      const dropped = new Set<unknown>(block.namespaces);
      for (const [name, { subkey }] of entries) if (dropped.has(subkey)) entries.delete(name);
      return;
    }
    const keyAt = keyReader(block.keys);
    const subkeyAt = block.subkeys === undefined ? undefined : keyReader(block.subkeys);
    for (let index = 0; index < block.entryCount; index++) {
      const key = keyAt(index);
      const subkey = subkeyAt?.(index);
      const name = `${key.text}\0${subkey?.text ?? ''}`;
      if (block.kind === 'deletes') entries.delete(name);
      else {
        const cells = block.columns.map((column) => cellOf(column, index));
        entries.set(name, {
          key: key.value,
          keyText: key.text,
          subkey: subkey?.value,
          cells,
          bytes: key.bytes + (subkey?.bytes ?? 0) + cells.reduce<number>(addBytes, 0),
        });
      }
    }
  }
}

function addBytes(sum: number, cell: number | Uint8Array): number {
  return sum + (typeof cell === 'number' ? NUMBER_BYTES : cell.length);
}

interface ReadKey {
  readonly value: unknown;
  readonly text: string;
  readonly bytes: number;
}

/** A column of numbers may be one of any keys in the next block: equal keys have equal texts all the same. */
function keyReader(column: KeyedRunColumnV1): (index: number) => ReadKey {
  if (column instanceof Float64Array)
    return (index) => ({ value: column[index], text: numberText(column[index] ?? NaN), bytes: NUMBER_BYTES });
  const source = new ByteSource(column.bytes);
  return (index) => {
    const from = index === 0 ? 0 : (column.ends[index - 1] ?? 0);
    const to = column.ends[index] ?? from;
    source.position = from;
    const value = readKeyV1(source);
    const text =
      typeof value === 'number'
        ? numberText(value)
        : `k${Buffer.from(column.bytes.subarray(from, to)).toString('latin1')}`;
    return { value, text, bytes: to - from };
  };
}

function numberText(value: number): string {
  return `n${value === 0 ? 0 : value}`;
}

function cellOf(column: KeyedRunColumnV1, index: number): number | Uint8Array {
  if (column instanceof Float64Array) return column[index] ?? NaN;
  return column.bytes.subarray(index === 0 ? 0 : column.ends[index - 1], column.ends[index]);
}
