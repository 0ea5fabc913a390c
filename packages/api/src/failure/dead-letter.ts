// Records that could not be processed, as a stream of their own.

/**
 * A record that a source could not read or that a function failed on. Plain text and numbers, so that any sink takes it.
 * Bounds: `raw` has at most 1 MiB; `rawBytes` says how long the whole is.
 */
export interface DeadLetter {
  /** Name and uid of the source or operator. */
  readonly operator: string;
  readonly operatorUid: string;
  readonly subtask: number;
  /** Where the record is in the input, as far as it is known there: file and line, or batch and row. */
  readonly position: string;
  /** MR_RECORD_MALFORMED: it could not be read. MR_USER_FUNCTION, MR_KEY_INVALID, …: a function failed on it. */
  readonly code: string;
  readonly reason: string;
  /** Of a source the bytes of the record; of an operator the record as JSON, of a timer or window what it is of. */
  readonly raw: string;
  /** Bytes that are no UTF-8 are given as base64. */
  readonly rawEncoding: 'utf8' | 'base64';
  readonly rawBytes: number;
  /** Event time of the record, ms since the epoch, UTC; null: none. */
  readonly timestampMs: number | null;
  /** When it failed: wall clock, ms since the epoch, UTC. */
  readonly atMs: number;
}

/** The side output of each source and operator that carries its dead letters. Tags of users cannot have the name. */
export const DEAD_LETTERS = 'millrace.dead-letters';
