// [HOT] A frozen table cut by key group, and the encoding of its blocks.
import { keyGroupOfHash } from '@millrace/common';
import {
  ByteSink,
  RUN_BLOCK_ENTRIES_MAX,
  writeKeyedBlockV1,
  writeKeyV1,
  type KeyedRunColumnV1,
  type PackedBytes,
} from '@millrace/proto';
import type { CellCodec } from '../cell/cell-codec.ts';
import { FrozenCells } from '../packed/packed-cells.ts';
import type { DroppedNamespace, Removal } from '../table/removal-log.ts';
import type { FrozenTable } from './frozen-table.ts';
import type { Pacer } from './pacer.ts';

/** Key groups `[from, to)`. */
export interface KeyGroupSpan {
  readonly from: number;
  readonly to: number;
}

/** Rows sorted at once: a row costs a quarter of encoding it. */
const ROWS_PER_STEP = 65_536;

/** Rows of one frozen table, in the order of their key groups. */
export class FrozenPartition {
  readonly frozen: FrozenTable;
  /** Rows by key group: those of group g are `#order[#starts[g - from]]` up to `#starts[g - from + 1]`. */
  readonly #order: Uint32Array;
  readonly #starts: Uint32Array;
  readonly #span: KeyGroupSpan;
  readonly #removals = new Map<number, Removal[]>();
  readonly #drops = new Map<number, DroppedNamespace[]>();
  readonly #scratch = new ByteSink(4096);

  private constructor(frozen: FrozenTable, span: KeyGroupSpan) {
    this.frozen = frozen;
    this.#span = span;
    this.#order = new Uint32Array(frozen.count);
    this.#starts = new Uint32Array(span.to - span.from + 1);
  }

  /** Cuts `frozen` by key group, in slices. */
  static async cut(
    frozen: FrozenTable,
    span: KeyGroupSpan & { readonly keyGroupCount: number },
    pacer: Pacer,
  ): Promise<FrozenPartition> {
    const partition = new FrozenPartition(frozen, span);
    await partition.#sortRows(span.keyGroupCount, pacer);
    partition.#sortTombstones(span.keyGroupCount);
    return partition;
  }

  /** A counting sort. */
  async #sortRows(keyGroupCount: number, pacer: Pacer): Promise<void> {
    const { hashes, count } = this.frozen;
    const { from } = this.#span;
    const starts = this.#starts;
    const groups = new Uint16Array(count);
    for (let start = 0; start < count; start += ROWS_PER_STEP) {
      const end = Math.min(count, start + ROWS_PER_STEP);
      for (let index = start; index < end; index++) {
        const group = keyGroupOfHash(hashes[index] as number, keyGroupCount) - from;
        groups[index] = group;
        starts[group + 1] = (starts[group + 1] as number) + 1;
      }
      await pacer.afterRows(ROWS_PER_STEP / 4);
    }
    for (let group = 1; group < starts.length; group++) {
      starts[group] = (starts[group] as number) + (starts[group - 1] as number);
    }
    const next = starts.slice();
    for (let start = 0; start < count; start += ROWS_PER_STEP) {
      const end = Math.min(count, start + ROWS_PER_STEP);
      for (let index = start; index < end; index++) {
        const group = groups[index] as number;
        const place = next[group] as number;
        this.#order[place] = index;
        next[group] = place + 1;
      }
      await pacer.afterRows(ROWS_PER_STEP / 4);
    }
  }

  #sortTombstones(keyGroupCount: number): void {
    for (const removal of this.frozen.removals) {
      append(this.#removals, keyGroupOfHash(removal.hash, keyGroupCount), removal);
    }
    for (const drop of this.frozen.drops) {
      for (let group = this.#span.from; group < this.#span.to; group++) {
        if (drop.keyGroups === undefined || drop.keyGroups.has(group)) append(this.#drops, group, drop);
      }
    }
  }

  /** Appends the blocks of a key group and returns how many entries they have. `isBase`: without tombstones. */
  write(sink: ByteSink, keyGroup: number, isBase: boolean): number {
    let entryCount = 0;
    if (!isBase) entryCount += this.#writeTombstones(sink, keyGroup);
    const group = keyGroup - this.#span.from;
    const end = this.#starts[group + 1] as number;
    for (let start = this.#starts[group] as number; start < end; start += RUN_BLOCK_ENTRIES_MAX) {
      const rows = this.#order.subarray(start, Math.min(end, start + RUN_BLOCK_ENTRIES_MAX));
      this.#writePuts(sink, rows);
      entryCount += rows.length;
    }
    return entryCount;
  }

  forEachRow(keyGroup: number, visit: (hash: number, key: unknown, subkey: unknown) => void): void {
    const group = keyGroup - this.#span.from;
    const { hashes, keys, subkeys } = this.frozen;
    const end = this.#starts[group + 1] as number;
    for (let place = this.#starts[group] as number; place < end; place++) {
      const index = this.#order[place] as number;
      visit(hashes[index] as number, keys[index], subkeys?.[index]);
    }
  }

  removalsOf(keyGroup: number): readonly Removal[] {
    return this.#removals.get(keyGroup) ?? [];
  }

  #writePuts(sink: ByteSink, rows: Uint32Array): void {
    const { table, hashes, keys, subkeys, columns, cells: codec } = this.frozen;
    const ownHashes = new Int32Array(rows.length);
    for (let index = 0; index < rows.length; index++)
      ownHashes[index] = hashes[rows[index] as number] as number;
    writeKeyedBlockV1(sink, {
      kind: 'puts',
      table: table.name,
      subkeyKind: table.subkeyKind,
      entryCount: rows.length,
      hashes: ownHashes,
      keys: this.#packKeys(keys, rows),
      subkeys: subkeys === undefined ? undefined : this.#packKeys(subkeys, rows),
      columns: columns.map((cells) => {
        if (cells instanceof FrozenCells)
          return { writeTo: (target, ends) => cells.writeRows(target, rows, ends) };
        return cells instanceof Float64Array ? pickFloats(cells, rows) : this.#packCells(cells, rows, codec);
      }),
    });
  }

  #writeTombstones(sink: ByteSink, keyGroup: number): number {
    const drops = this.#drops.get(keyGroup) ?? [];
    const { table } = this.frozen;
    for (let start = 0; start < drops.length; start += RUN_BLOCK_ENTRIES_MAX) {
      const namespaces = drops.slice(start, start + RUN_BLOCK_ENTRIES_MAX).map((drop) => drop.namespace);
      writeKeyedBlockV1(sink, {
        kind: 'drops',
        table: table.name,
        namespaces: Float64Array.from(namespaces),
      });
    }
    const removals = this.#removals.get(keyGroup) ?? [];
    for (let start = 0; start < removals.length; start += RUN_BLOCK_ENTRIES_MAX) {
      const slice = removals.slice(start, start + RUN_BLOCK_ENTRIES_MAX);
      const all = Uint32Array.from(slice, (_, index) => index);
      const hasSubkeys = table.subkeyKind !== 'none';
      writeKeyedBlockV1(sink, {
        kind: 'deletes',
        table: table.name,
        subkeyKind: table.subkeyKind,
        entryCount: slice.length,
        hashes: Int32Array.from(slice, (removal) => removal.hash),
        keys: this.#packKeys(
          slice.map((removal) => removal.key),
          all,
        ),
        subkeys: hasSubkeys
          ? this.#packKeys(
              slice.map((removal) => removal.subkey),
              all,
            )
          : undefined,
      });
    }
    return drops.length + removals.length;
  }

  #packKeys(keys: Float64Array | readonly unknown[], rows: Uint32Array): KeyedRunColumnV1 {
    if (keys instanceof Float64Array) return pickFloats(keys, rows);
    const scratch = this.#scratch;
    scratch.reset();
    const ends = new Uint32Array(rows.length);
    // Entries of distinct values share the objects that are their keys: the bytes of one are copied.
    const written = new Map<object, number>();
    for (let index = 0; index < rows.length; index++) {
      const key = keys[rows[index] as number];
      if (typeof key !== 'object' || key === null) {
        writeKeyV1(scratch, key);
      } else {
        const first = written.get(key);
        if (first === undefined) {
          written.set(key, index);
          writeKeyV1(scratch, key);
        } else {
          repeat(scratch, first === 0 ? 0 : (ends[first - 1] as number), ends[first] as number);
        }
      }
      ends[index] = scratch.position;
    }
    return { ends, bytes: scratch.copy() };
  }

  #packCells(cells: readonly unknown[], rows: Uint32Array, codec: CellCodec): PackedBytes {
    const scratch = this.#scratch;
    scratch.reset();
    const ends = new Uint32Array(rows.length);
    for (let index = 0; index < rows.length; index++) {
      codec.write(scratch, cells[rows[index] as number]);
      ends[index] = scratch.position;
    }
    return { ends, bytes: scratch.copy() };
  }
}

/** Writes once more what is between two places. */
function repeat(sink: ByteSink, from: number, to: number): void {
  sink.reserve(to - from);
  sink.bytes.copyWithin(sink.position, from, to);
  sink.position += to - from;
}

function pickFloats(source: Float64Array, rows: Uint32Array): Float64Array {
  const target = new Float64Array(rows.length);
  for (let index = 0; index < rows.length; index++) target[index] = source[rows[index] as number] as number;
  return target;
}

function append<T>(lists: Map<number, T[]>, keyGroup: number, element: T): void {
  const list = lists.get(keyGroup);
  if (list === undefined) lists.set(keyGroup, [element]);
  else list.push(element);
}
