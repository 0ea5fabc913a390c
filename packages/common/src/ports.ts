// The world as the deciding code sees it. Real versions are made in `main.ts` files, simulated ones in `testing`.

/** Wall and monotonic time. Units: milliseconds. Time-outs use `monotonicMs` only: the wall clock may jump. */
export interface Clock {
  nowMs(): number;
  monotonicMs(): number;
}

export interface Cancellable {
  cancel(): void;
}

/** Calls back later, on the caller's thread. A delay of 0 means: after what runs now. */
export interface TimerPort {
  schedule(delayMs: number, action: () => void): Cancellable;
}

/** Randomness. `nextUint32` is uniform over [0, 2^32); `nextId(bytes)` returns that many bytes as lower-case hex. */
export interface RandomPort {
  nextUint32(): number;
  nextId(bytes: number): string;
}

/**
 * Whole files that are written once and never changed: checkpoints, artifacts.
 * Names are relative, with `/` between parts. `put` is durable when it resolves (fsync of file and directory), and
 * refuses a name that exists; the bytes are the caller's again then. `get` resolves to bytes that the caller owns.
 * @throws {MillraceError} MR_IO for whatever the medium says
 */
export interface BlobStore {
  put(name: string, bytes: Uint8Array): Promise<void>;
  get(name: string): Promise<Uint8Array>;
  has(name: string): Promise<boolean>;
  /** Names below `prefix`, sorted. */
  list(prefix: string): Promise<readonly string[]>;
  /** Deleting what is not there is not an error. */
  delete(name: string): Promise<void>;
  /** Opens a blob to be read in parts. Absent: this store gives whole blobs only. */
  open?(name: string): Promise<BlobReader>;
}

/**
 * An open blob: parts of it are read at once, which a store that answers over a network cannot offer.
 * Contract: what it has stays readable until it is closed, also when the blob is deleted meanwhile.
 * @throws {MillraceError} MR_IO when it cannot be read
 */
export interface BlobReader {
  readonly byteLength: number;
  /** Fills `target` with what stands from `position` on; resolves to the bytes read, fewer at the end of the blob. */
  read(target: Uint8Array, position: number): Promise<number>;
  /** As `read`, while the thread waits. */
  readSync(target: Uint8Array, position: number): number;
  close(): Promise<void>;
}

/** One operation of a {@link KeyValueStore} write. */
export type KeyValueOperation =
  | { readonly type: 'put'; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly type: 'del'; readonly key: Uint8Array };

/**
 * An ordered byte store, as LevelDB can be one: gets are synchronous, writes and scans are not and are never awaited
 * per record. Keys order bytewise. A write is atomic; it is visible to `getSync` when its promise resolves.
 * @throws {MillraceError} MR_STATE_BACKEND for whatever the store says
 */
export interface KeyValueStore {
  getSync(key: Uint8Array): Uint8Array | undefined;
  write(operations: readonly KeyValueOperation[], options?: { readonly sync?: boolean }): Promise<void>;
  /**
   * Entries with `from <= key < to` in key order, handed over in chunks of at most `chunkEntries`, as they are when `scan`
   * is called: later writes do not show. What `onChunk` throws ends the scan and rejects.
   */
  scan(
    range: { readonly from: Uint8Array; readonly to: Uint8Array; readonly chunkEntries?: number },
    onChunk: (entries: readonly (readonly [key: Uint8Array, value: Uint8Array])[]) => void | Promise<void>,
  ): Promise<void>;
  close(): Promise<void>;
}

/** The part of a file system that connectors use. Paths are absolute. Errors keep Node's `code` (`ENOENT`, …). */
export interface FilePort {
  readFile(path: string): Promise<Uint8Array>;
  /**
   * Reads at most `length` bytes at `offset`; fewer at the end of the file. `into`, with at least `length` bytes, may be where they are then, so that
   * whoever reads much touches no new memory; it must not be used meanwhile.
   */
  read(path: string, offset: number, length: number, into?: Uint8Array): Promise<Uint8Array>;
  /** undefined when nothing is there. */
  stat(path: string): Promise<{ readonly bytes: number; readonly isDirectory: boolean } | undefined>;
  /** Names in a directory, sorted. */
  list(path: string): Promise<readonly string[]>;
  makeDirectory(path: string): Promise<void>;
  /**
   * Creates a new file for appending; fails with EEXIST when it is there. `makesDirectory`: also what is missing of its path,
   * at once.
   */
  create(path: string, options?: { readonly makesDirectory?: boolean }): FileAppender;
  /** Hard link `from` → `to`; fails with EEXIST when `to` is there. */
  link(from: string, to: string): Promise<void>;
  unlink(path: string): Promise<void>;
  /** Removes a file or a directory with all in it; nothing there is not an error. */
  remove(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** Makes the entries of a directory durable. */
  syncDirectory(path: string): Promise<void>;
}

/** A file being written. `append` copies or keeps nothing of `bytes` after it returns. */
export interface FileAppender {
  append(bytes: Uint8Array): void;
  /** Flushes, fsyncs and closes: the file is durable when this resolves. */
  syncAndClose(): Promise<void>;
  /** Closes without syncing, for files that nobody will need. */
  abandon(): Promise<void>;
}

/** Fields of a log line, with units in the keys. */
export type LogFields = Readonly<Record<string, unknown>>;

/** A disabled level is undefined: `log.debug?.('barrier aligned', { checkpointId })` costs a property read. */
export interface Logger {
  readonly error?: (message: string, fields?: LogFields) => void;
  readonly warn?: (message: string, fields?: LogFields) => void;
  readonly info?: (message: string, fields?: LogFields) => void;
  readonly debug?: (message: string, fields?: LogFields) => void;
  withContext(context: LogFields): Logger;
}

/** A logger that says nothing. */
export const silentLogger: Logger = { withContext: () => silentLogger };
