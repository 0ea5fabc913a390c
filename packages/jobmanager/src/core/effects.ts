// What the JobManager's deciding code sees and asks for. Events go in, commands come out; who asks for something that
// takes time names what is to happen then, and the core keeps that under a token until the answer comes as an event.
import type { JobId, LogFields, WireError } from '@millrace/common';
import type {
  CheckpointReference,
  JobEvent,
  JobSubmission,
  RescaleRequest,
  SavepointEvent,
  SavepointRequest,
  AddressedMessage,
  TaskExecutorMessage,
  TaskManagerMessage,
} from '@millrace/proto';

/** A connection of a TaskManager; a new number for each. */
export type ConnectionId = number;
/** Something asked for whose answer is awaited. Never used twice. */
export type Token = number;

/** A checkpoint that is to become a savepoint. */
export interface SavepointExport {
  readonly jobId: JobId;
  readonly checkpoint: CheckpointReference;
  readonly path: string;
  /** Whoever is told how far it is. */
  readonly requestIds: readonly number[];
  /** Event time had gone to its end before it: it is not for going on. */
  readonly isDrained: boolean;
}

/** One change of the durable store. A `compare-and-set` fails with MR_STALE_EPOCH unless the key holds `expected`. */
export type StoreOperation =
  | { readonly type: 'put'; readonly key: string; readonly value: Uint8Array }
  | {
      readonly type: 'compare-and-set';
      readonly key: string;
      readonly expected: Uint8Array | undefined;
      readonly value: Uint8Array;
    }
  | { readonly type: 'del'; readonly key: string };

export type Command =
  | { readonly kind: 'send'; readonly connectionId: ConnectionId; readonly message: AddressedMessage }
  | { readonly kind: 'disconnect'; readonly connectionId: ConnectionId }
  /** All operations or none, synced; answered by `done`. */
  | { readonly kind: 'persist'; readonly token: Token; readonly operations: readonly StoreOperation[] }
  | {
      readonly kind: 'write-blob';
      readonly token: Token;
      readonly jobId: JobId;
      readonly name: string;
      readonly bytes: Uint8Array;
    }
  | { readonly kind: 'read-blob'; readonly token: Token; readonly jobId: JobId; readonly name: string }
  /** Copies a checkpoint or savepoint that a user named into the job's directory; answered with its metadata's bytes, file names rewritten. */
  | {
      readonly kind: 'import-checkpoint';
      readonly token: Token;
      readonly jobId: JobId;
      readonly path: string;
    }
  /** Copies a complete checkpoint to `path`, self-contained; what is there already and whole is done. */
  | ({ readonly kind: 'export-savepoint'; readonly token: Token } & SavepointExport)
  | { readonly kind: 'savepoint-event'; readonly requestId: number; readonly event: SavepointEvent }
  | { readonly kind: 'delete-blobs'; readonly jobId: JobId; readonly names: readonly string[] }
  /**
   * Deletes what lies in checkpoint directories with an id below `belowId`, or was imported, and is not in `keep`.
   * `unknownUpToId` above 0: directories up to that id and imported files stay, because nobody knows what of them is needed.
   */
  | {
      readonly kind: 'sweep-blobs';
      readonly jobId: JobId;
      readonly belowId: number;
      readonly keep: readonly string[];
      readonly unknownUpToId?: number;
    }
  | { readonly kind: 'delete-artifacts'; readonly sha256s: readonly string[] }
  | { readonly kind: 'schedule'; readonly token: Token; readonly delayMs: number }
  | { readonly kind: 'cancel-timer'; readonly token: Token }
  | { readonly kind: 'reply'; readonly requestId: number; readonly error: WireError | undefined }
  | { readonly kind: 'publish'; readonly jobId: JobId; readonly event: JobEvent; readonly isLast: boolean }
  | {
      readonly kind: 'log';
      readonly level: 'error' | 'warn' | 'info' | 'debug';
      readonly message: string;
      readonly fields: LogFields;
    }
  /** The store cannot be relied on any more: this leadership is over, nothing further may be done. */
  | { readonly kind: 'halt'; readonly error: WireError };

/** How something that was asked for ended. `bytes` is what a read gave. */
export type Outcome =
  | { readonly ok: true; readonly bytes?: Uint8Array }
  | { readonly ok: false; readonly error: WireError };

export type CoreEvent =
  | { readonly kind: 'connected'; readonly connectionId: ConnectionId }
  | { readonly kind: 'received'; readonly connectionId: ConnectionId; readonly message: TaskManagerMessage }
  | { readonly kind: 'disconnected'; readonly connectionId: ConnectionId }
  | { readonly kind: 'submit'; readonly requestId: number; readonly submission: JobSubmission }
  | { readonly kind: 'cancel'; readonly requestId: number; readonly jobId: JobId }
  | { readonly kind: 'rescale'; readonly requestId: number; readonly request: RescaleRequest }
  | { readonly kind: 'savepoint'; readonly requestId: number; readonly request: SavepointRequest }
  | { readonly kind: 'done'; readonly token: Token; readonly outcome: Outcome }
  | { readonly kind: 'timer'; readonly token: Token };

/** What job masters and coordinators may ask of the world. Calls only note commands; nothing happens before `step` returns. */
export interface Effects {
  /** To the process that is registered over this connection; if none is, nobody gets it. */
  send(connectionId: ConnectionId, message: TaskExecutorMessage): void;
  persist(operations: readonly StoreOperation[], then: () => void): void;
  writeBlob(jobId: JobId, name: string, bytes: Uint8Array, then: (outcome: Outcome) => void): void;
  readBlob(jobId: JobId, name: string, then: (outcome: Outcome) => void): void;
  importCheckpoint(jobId: JobId, path: string, then: (outcome: Outcome) => void): void;
  exportSavepoint(savepoint: SavepointExport, then: (outcome: Outcome) => void): void;
  schedule(delayMs: number, then: () => void): { cancel(): void };
  command(command: Exclude<Command, { token: Token }>): void;
  log(level: 'error' | 'warn' | 'info' | 'debug', message: string, fields: LogFields): void;
}
