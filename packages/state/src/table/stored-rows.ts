// The seam between tables and the store: what a table asks when a key is not in memory.

/** Identity of a row. `subkey`: namespace, time, chunk or map key; undefined: none. */
export interface RowIdentity {
  readonly key: unknown;
  readonly hash: number;
  readonly subkey: unknown;
  /** Which life of a namespace; 0 in pair tables, which have none. */
  readonly generation: number;
}

/** A row that the store had. */
export interface StoredRow {
  readonly values: readonly unknown[];
  /** Stamp of its last change. */
  readonly changed: number;
  readonly directoryPosition: number;
}

/** Directory of a namespace's stored keys, in chunks: what a cursor walks. */
export interface StoredDirectory {
  readonly entryCount: number;
  /** Positions `chunk * DIRECTORY_CHUNK_ENTRIES + i`; keys with their hashes. */
  readChunk(chunk: number): readonly (readonly [key: unknown, hash: number])[];
}

/** The directory of a table whose keys are walked; it only grows while a walk is open. */
export interface WalkedDirectory {
  /** When the walk began. */
  readonly entryCount: number;
  readChunk(chunk: number): readonly (readonly [key: unknown, hash: number])[];
  close(): void;
}

/** Rows of one table that left memory. Undefined on the table: none ever did, at the cost of one branch. */
export interface StoredRows {
  /** Asks memory for rows of keys with these hashes, of a table without subkeys: at most PREFETCH_ROWS. Nothing changes. */
  lookAhead(keyHashes: Int32Array, from: number, to: number): void;
  /** undefined: not there. */
  load(identity: RowIdentity): StoredRow | undefined;
  /** Deletes, if there. */
  delete(identity: RowIdentity): void;
  directoryOf(namespace: number, generation: number): StoredDirectory | undefined;
  /** Deletes a namespace's rows bit by bit, later. */
  dropNamespace(namespace: number, generation: number): void;
  /** For a table whose keys are walked. */
  openWalk(): WalkedDirectory | undefined;
  /** The row that the directory names there was removed: another may take its place. */
  freePosition(position: number): void;
  /** Rows that the store has and memory has not; kept by the table. */
  awayCount: number;
}
