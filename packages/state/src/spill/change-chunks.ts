/*
 * [HOT] Values that left memory before a snapshot had them, for the next delta, which so need not look at all of the store: many in one value of
 * it, by key group. (One by one, and deleted one by one, they cost as much as the rows.)
 *
 *   chunk => (UINT32 keyBytes UINT32 valueBytes, store key of a row, logged row)*, UINT32 crc      later ones are newer
 */
import { ByteSink } from '@millrace/proto';
import { checkSealed, CHECKSUM_BYTES, seal } from './store-checksum.ts';
import { keyGroupOfStoreKey, writeChangesKey } from './store-keys.ts';
import type { WriteBehind } from './write-behind.ts';

const CHUNK_BYTES = 16 * 1024;
/** Of all key groups, that are not in the store yet. */
const PENDING_BYTES_MAX = 2 * 1024 * 1024;
/** What chunks are made in is kept for so many key groups, of so many bytes each. */
const SINKS_KEPT_MAX = 128;
const SINK_BYTES_KEPT_MAX = 2 * CHUNK_BYTES;
const ENTRY_HEADER_BYTES = 8;

/** Bounds: PENDING_BYTES_MAX, one value, and what is kept for the next ones. Threading: the task's thread. */
export class ChangeChunks {
  readonly #writeBehind: WriteBehind;
  readonly #pending = new Map<number, ByteSink>();
  #next = 0;
  #pendingBytes = 0;

  constructor(writeBehind: WriteBehind) {
    this.#writeBehind = writeBehind;
  }

  get bytes(): number {
    return this.#pendingBytes;
  }

  /** Copies the store key of a row, and what left memory of it. */
  add(key: Uint8Array, value: Uint8Array): void {
    const keyGroup = keyGroupOfStoreKey(key);
    let sink = this.#pending.get(keyGroup);
    if (sink === undefined) {
      sink = new ByteSink(1024);
      this.#pending.set(keyGroup, sink);
    }
    const start = sink.position;
    sink.u32(key.length);
    sink.u32(value.length);
    sink.raw(key);
    sink.raw(value);
    this.#pendingBytes += sink.position - start;
    if (sink.position >= CHUNK_BYTES) this.#write(keyGroup, sink);
    else if (this.#pendingBytes > PENDING_BYTES_MAX) this.flush();
  }

  /** So that all changes are in the store, or on their way there. */
  flush(): void {
    for (const [keyGroup, sink] of this.#pending) if (sink.position > 0) this.#write(keyGroup, sink);
  }

  #write(keyGroup: number, sink: ByteSink): void {
    const key = new ByteSink(16);
    writeChangesKey(key, keyGroup, this.#next++);
    this.#pendingBytes -= sink.position;
    seal(sink);
    this.#writeBehind.put(key.view(), Buffer.from(sink.view()));
    // There may be as many as there are key groups, and one value may be large.
    if (this.#pending.size > SINKS_KEPT_MAX || sink.bytes.length > SINK_BYTES_KEPT_MAX)
      this.#pending.delete(keyGroup);
    else sink.reset();
  }
}

/**
 * Views of what {@link ChangeChunks} wrote, oldest first.
 * @throws {MillraceError} MR_STATE_BACKEND when it is damaged
 */
export function readChanges(chunk: Uint8Array): readonly (readonly [key: Uint8Array, value: Buffer])[] {
  checkSealed(chunk, 'changes');
  const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  const changes: (readonly [Uint8Array, Buffer])[] = [];
  for (let start = 0; start < bytes.length - CHECKSUM_BYTES;) {
    const keyStart = start + ENTRY_HEADER_BYTES;
    const valueStart = keyStart + bytes.readUInt32LE(start);
    start = valueStart + bytes.readUInt32LE(start + 4);
    changes.push([bytes.subarray(keyStart, valueStart), bytes.subarray(valueStart, start)]);
  }
  return changes;
}
