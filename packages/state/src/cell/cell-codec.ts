// How the cells of a table's `value` columns become bytes and come back.
import { ByteSource, readKeyV1, writeKeyV1, type ByteSink } from '@millrace/proto';
import { Chunk } from './chunk.ts';
import { EncodedValue, ownValue } from './own-value.ts';
import { readValue, writeList, writeValue } from './value-bytes.ts';

/** Contract: `read` gives what `write` was given, in objects of its own; `bytes` may be reused afterwards. */
export interface CellCodec {
  write(sink: ByteSink, cell: unknown): void;
  read(bytes: Uint8Array): unknown;
  /** Writes cells as they are now, whatever becomes of them; to be closed. Unset: cells do not change. */
  freeze?(): CellCodec;
  /** Cells `[from, to)`, CELLS_LOOKED_AT at most, are written next: asks memory for what that needs. */
  lookAhead?(cells: readonly unknown[], from: number, to: number): void;
  /** The cell is no longer in memory. */
  release?(cell: unknown): void;
  /** Nothing more is written. Repeatable. */
  close?(): void;
  /** What cells take outside of the heap. */
  readonly bytes?: number;
  /** What of it counts. */
  readonly liveBytes?: number;
  /** Rows are bounded by what their cells take, most of which is outside of the heap. Unset: they are counted. */
  readonly isWeighed?: boolean;
  /** `tidy` has something to do. Unset: it never has. */
  readonly isUntidy?: boolean;
  /** Between batches, with all columns of cells, of each of which the first `count` may be in use: gives memory back, some at a time. */
  tidy?(columns: readonly unknown[][], count: number): void;
}

/** So many cells are looked at together: what is fetched for them stays in the processor's caches until it is written. */
export const CELLS_LOOKED_AT = 32;

/** Stamp of a chunk that must be copied before it is changed. */
const NOT_OWNED = -1;

/** Cells are the values themselves: accumulators, which generated code reads and writes. */
export const valueCells: CellCodec = { write: writeValue, read: readValue };

/** Cells are lists of the engine's own, or values. */
export const listCells: CellCodec = { write: writeList, read: readValue };

/** Cells are values as bytes: see `packed/`. What is read is a view. */
export const packedCells: CellCodec = {
  write: (sink, cell) => sink.raw(cell as Uint8Array),
  read: (bytes) => bytes,
};

/** Cells of user state: frozen, or encoded. */
export const ownedCells: CellCodec = {
  write(sink, cell) {
    if (cell instanceof EncodedValue) sink.raw(cell.bytes);
    else writeValue(sink, cell);
  },
  read: (bytes) => ownValue(readValue(bytes)),
};

/** Chunks of owned values: `UINT32 count, (UINT32 bytes, value)*`. */
export const listChunkCells: CellCodec = {
  write(sink, cell) {
    const { items } = cell as Chunk;
    sink.u32(items.length);
    for (const item of items) {
      const start = sink.position;
      sink.u32(0);
      ownedCells.write(sink, item);
      sink.bytes.writeUInt32LE(sink.position - start - 4, start);
    }
  },
  read(bytes) {
    const source = new ByteSource(bytes);
    const items: unknown[] = [];
    for (let left = source.u32(); left > 0; left--) items.push(ownedCells.read(source.raw(source.u32())));
    return new Chunk(items, NOT_OWNED);
  },
};

/** Chunks of keys: `UINT32 count, Key v1 *`. */
export const keyChunkCells: CellCodec = {
  write(sink, cell) {
    const { items } = cell as Chunk;
    sink.u32(items.length);
    for (const item of items) writeKeyV1(sink, item);
  },
  read(bytes) {
    const source = new ByteSource(bytes);
    const items: unknown[] = [];
    for (let left = source.u32(); left > 0; left--) items.push(readKeyV1(source));
    return new Chunk(items, NOT_OWNED);
  },
};
