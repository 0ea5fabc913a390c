// Chunks in a table: reading one, and making one fit to be changed.
import { Chunk } from '../cell/chunk.ts';
import type { PairTable } from '../table/pair-table.ts';
import type { StampClock } from '../table/stamp-clock.ts';

/** Items of a chunk; empty when there is none. Contract: not to be changed. */
export function readChunk(
  table: PairTable,
  key: unknown,
  hash: number,
  chunkIndex: number,
): readonly unknown[] {
  const chunk = table.peek(key, hash, chunkIndex, 0) as Chunk | undefined;
  return chunk === undefined ? [] : chunk.items;
}

/** As `readChunk`, and keeps the chunk in memory for the next reads of it. */
export function loadChunk(
  table: PairTable,
  key: unknown,
  hash: number,
  chunkIndex: number,
): readonly unknown[] {
  const row = table.find(key, hash, chunkIndex);
  return row < 0 ? [] : ((table.columns[0] as unknown[])[row] as Chunk).items;
}

/** Items of a chunk to change, made when absent, copied when a snapshot refers to them; the row counts as changed. */
export function chunkForWriting(
  table: PairTable,
  at: { readonly key: unknown; readonly hash: number; readonly chunkIndex: number },
  clock: StampClock,
): unknown[] {
  const row = table.upsert(at.key, at.hash, at.chunkIndex);
  const cells = table.columns[0] as unknown[];
  let chunk = cells[row] as Chunk | undefined;
  if (chunk === undefined || chunk.stamp <= clock.lastFrozen) {
    chunk = new Chunk(chunk === undefined ? [] : [...chunk.items], clock.current);
    cells[row] = chunk;
  }
  table.markDirty(row);
  return chunk.items;
}
