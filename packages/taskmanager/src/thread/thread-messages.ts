// What the TaskManager's main thread and a slot's worker thread say to each other. Errors travel as WireError.
import type { MessagePort } from 'node:worker_threads';
import type { LogFields } from '@millrace/common';
import type { TlsIdentity } from '@millrace/common/node';
import type { SlotDeployment } from '@millrace/proto';
import type { SlotReportBody } from '@millrace/runtime';
import type { SlotInstruction } from '../task-executor/task-executor-messages.ts';

/** How a slot's data exchange listens, and shows who it is. */
export interface ExchangeSetup {
  readonly host: string;
  readonly advertisedHost: string | undefined;
  readonly token: string;
  readonly identity: TlsIdentity | undefined;
  /** How long a connection may be dead before it is noticed. */
  readonly silenceMs: number | undefined;
}

/** Given when the thread starts. */
export interface WorkerSetup {
  /** Cluster mode: the worker listens for consumers in other processes. Absent: all slots share this process. */
  readonly exchange?: ExchangeSetup;
  readonly isDebugLogged: boolean;
  /** The slot's share of the process's memory. */
  readonly memoryBytes: number;
}

/** A direct connection to another slot of this process. */
export interface LinkPort {
  /** `producer`: the other slot produces, this one consumes. */
  readonly peerRole: 'producer' | 'consumer';
  readonly peerSlotIndex: number;
  readonly port: MessagePort;
}

export interface StartSlot {
  readonly kind: 'start';
  readonly deployment: SlotDeployment;
  readonly taskManagerId: string;
  /** Holds the artifact's files, checked. */
  readonly artifactDirectory: string;
  /** For this attempt alone; disposable. */
  readonly stateDirectory: string;
  readonly links: readonly LinkPort[];
}

/** What a worker's thread takes. */
export interface WorkerMemory {
  /** Of V8. */
  readonly heapBytes: number;
  /** Outside of it, as far as V8 is told: Buffers, typed arrays, what native code says that it holds, and of packed state half or more. */
  readonly externalBytes: number;
}

export type ToWorker =
  | StartSlot
  | { readonly kind: 'instruction'; readonly instruction: SlotInstruction }
  /** Asks for a `memory` message now. */
  | { readonly kind: 'measure' };

export type FromWorker =
  /** Imported, listening, waiting for a deployment. */
  | { readonly kind: 'ready'; readonly dataAddress: string }
  | { readonly kind: 'report'; readonly report: SlotReportBody }
  /** A report as JSON: one that names thousands of runs takes a thread a third of the time that a copy of its objects does. */
  | { readonly kind: 'report-text'; readonly text: string }
  | ({ readonly kind: 'memory' } & WorkerMemory)
  | { readonly kind: 'log'; readonly level: LogLevel; readonly message: string; readonly fields: LogFields };

export type LogLevel = 'error' | 'warn' | 'info' | 'debug';
