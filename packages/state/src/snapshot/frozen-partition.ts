// [HOT] A frozen table cut by key group, and the encoding of its blocks.
import { keyGroupOfHash } from '@millrace/common';
import {
  ByteSink,
  packNumberTuplesV1,
  RUN_BLOCK_ENTRIES_MAX,
  writeKeyedBlockV1,
  writeKeyV1,
  type KeyedRunColumnV1,
} from '@millrace/proto';
import { CELLS_LOOKED_AT, type CellCodec } from '../cell/cell-codec.ts';
import { FrozenCells } from '../packed/packed-cells.ts';
import type { DroppedNamespace, Removal } from '../table/removal-log.ts';
import { KeyTuples } from '../table/key-tuples.ts';
import type { FrozenKeys, FrozenTable } from './frozen-table.ts';
import type { Pacer } from './pacer.ts';
import { scattered } from './scatter.ts';
import { giveBack, takeShorts, takeUints } from './spare-arrays.ts';

/** Key groups `[from, to)`. */
export interface KeyGroupSpan {
  readonly from: number;
  readonly to: number;
}

/** Rows sorted at once: a row costs a quarter of encoding it. */
const ROWS_PER_STEP = 65_536;

/** Rows of one frozen table, in the order of their key groups. */
export class FrozenPartition {
  /** Its rows: those of group g are `#starts[g - from]` up to `#starts[g - from + 1]`. */
  #rows: FrozenTable;
  readonly #starts: Uint32Array;
  readonly #span: KeyGroupSpan;
  readonly #removals = new Map<number, Removal[]>();
  readonly #drops = new Map<number, DroppedNamespace[]>();
  readonly #scratch = new ByteSink(4096);

  private constructor(frozen: FrozenTable, span: KeyGroupSpan) {
    this.#rows = frozen;
    this.#span = span;
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
    const { hashes, count } = this.#rows;
    const { from } = this.#span;
    const starts = this.#starts;
    const groups = takeShorts(count);
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
    const places = takeUints(count);
    for (let start = 0; start < count; start += ROWS_PER_STEP) {
      const end = Math.min(count, start + ROWS_PER_STEP);
      for (let index = start; index < end; index++) {
        const group = groups[index] as number;
        const place = next[group] as number;
        places[index] = place;
        next[group] = place + 1;
      }
      await pacer.afterRows(ROWS_PER_STEP / 4);
    }
    giveBack(groups);
    await this.#moveRows(places, pacer);
    giveBack(places);
  }

  async #moveRows(places: Uint32Array, pacer: Pacer): Promise<void> {
    const { hashes, keys, subkeys, columns } = this.#rows;
    const moved: FrozenTable['columns'][number][] = [];
    for (const cells of columns) {
      if (cells instanceof FrozenCells) await cells.move(places, pacer);
      moved.push(cells instanceof FrozenCells ? cells : await scattered(cells, places, pacer));
    }
    this.#rows = {
      ...this.#rows,
      hashes: await scattered(hashes, places, pacer),
      keys: await scattered(keys, places, pacer),
      subkeys: subkeys === undefined ? undefined : await scattered(subkeys, places, pacer),
      columns: moved,
    };
  }

  #sortTombstones(keyGroupCount: number): void {
    for (const removal of this.#rows.removals) {
      append(this.#removals, keyGroupOfHash(removal.hash, keyGroupCount), removal);
    }
    for (const drop of this.#rows.drops) {
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
      const to = Math.min(end, start + RUN_BLOCK_ENTRIES_MAX);
      this.#writePuts(sink, start, to);
      entryCount += to - start;
    }
    return entryCount;
  }

  /** All of it is written. */
  release(): void {
    const { hashes, keys, subkeys, columns } = this.#rows;
    for (const column of [hashes, keys, subkeys, ...columns]) {
      const numbers = column instanceof KeyTuples ? column.numbers : column;
      if (numbers instanceof Float64Array || numbers instanceof Int32Array) giveBack(numbers);
    }
  }

  forEachRow(keyGroup: number, visit: (hash: number, key: unknown, subkey: unknown) => void): void {
    const group = keyGroup - this.#span.from;
    const { hashes, keys, subkeys } = this.#rows;
    const end = this.#starts[group + 1] as number;
    for (let index = this.#starts[group] as number; index < end; index++)
      visit(
        hashes[index] as number,
        keyAt(keys, index),
        subkeys === undefined ? undefined : keyAt(subkeys, index),
      );
  }

  removalsOf(keyGroup: number): readonly Removal[] {
    return this.#removals.get(keyGroup) ?? [];
  }

  #writePuts(sink: ByteSink, from: number, to: number): void {
    const { table, hashes, keys, subkeys, columns, cells: codec } = this.#rows;
    writeKeyedBlockV1(sink, {
      kind: 'puts',
      table: table.name,
      subkeyKind: table.subkeyKind,
      entryCount: to - from,
      hashes: hashes.subarray(from, to),
      keys: this.#packKeys(keys, { from, to, mayRepeat: subkeys !== undefined }),
      subkeys: subkeys === undefined ? undefined : this.#packKeys(subkeys, { from, to, mayRepeat: false }),
      columns: columns.map((cells) => {
        if (cells instanceof Float64Array) return cells.subarray(from, to);
        return {
          writeTo: (target, ends) => {
            if (cells instanceof FrozenCells) cells.writeRows(target, from, ends);
            else writeCells(target, cells, { from, ends, codec });
          },
        };
      }),
    });
  }

  #writeTombstones(sink: ByteSink, keyGroup: number): number {
    const drops = this.#drops.get(keyGroup) ?? [];
    const { table } = this.#rows;
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
      const hasSubkeys = table.subkeyKind !== 'none';
      writeKeyedBlockV1(sink, {
        kind: 'deletes',
        table: table.name,
        subkeyKind: table.subkeyKind,
        entryCount: slice.length,
        hashes: Int32Array.from(slice, (removal) => removal.hash),
        keys: this.#packKeys(
          slice.map((removal) => removal.key),
          { from: 0, to: slice.length, mayRepeat: hasSubkeys },
        ),
        subkeys: hasSubkeys
          ? this.#packKeys(
              slice.map((removal) => removal.subkey),
              { from: 0, to: slice.length, mayRepeat: false },
            )
          : undefined,
      });
    }
    return drops.length + removals.length;
  }

  /** `mayRepeat`: several entries have one key. */
  #packKeys(
    keys: FrozenKeys,
    { from, to, mayRepeat }: { readonly from: number; readonly to: number; readonly mayRepeat: boolean },
  ): KeyedRunColumnV1 {
    if (keys instanceof Float64Array) return keys.subarray(from, to);
    if (keys instanceof KeyTuples && keys.areNumbers)
      return packNumberTuplesV1(keys.numbers.subarray(from * keys.width, to * keys.width), keys.width);
    const scratch = this.#scratch;
    scratch.reset();
    const ends = new Uint32Array(to - from);
    // Entries of distinct values share the objects that are their keys: the bytes of one are copied.
    const written = new Map<object, number>();
    for (let index = 0; index < ends.length; index++) {
      const key = keyAt(keys, from + index);
      if (!mayRepeat || typeof key !== 'object' || key === null) {
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
}

function keyAt(keys: FrozenKeys, index: number): unknown {
  return keys instanceof KeyTuples ? keys.at(index) : keys[index];
}

/** Appends as many cells as there are ends, and says where each ends. */
function writeCells(
  sink: ByteSink,
  cells: readonly unknown[],
  of: { readonly from: number; readonly ends: Uint32Array; readonly codec: CellCodec },
): void {
  const { from, ends, codec } = of;
  const start = sink.position;
  for (let index = 0; index < ends.length; index++) {
    if (index % CELLS_LOOKED_AT === 0)
      codec.lookAhead?.(cells, from + index, from + Math.min(ends.length, index + CELLS_LOOKED_AT));
    codec.write(sink, cells[from + index]);
    ends[index] = sink.position - start;
  }
}

/** Writes once more what is between two places. */
function repeat(sink: ByteSink, from: number, to: number): void {
  sink.reserve(to - from);
  sink.bytes.copyWithin(sink.position, from, to);
  sink.position += to - from;
}

function append<T>(lists: Map<number, T[]>, keyGroup: number, element: T): void {
  const list = lists.get(keyGroup);
  if (list === undefined) lists.set(keyGroup, [element]);
  else list.push(element);
}
