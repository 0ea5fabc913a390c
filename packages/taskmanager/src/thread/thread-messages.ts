// What the TaskManager's main thread and a slot's worker thread say to each other. Errors travel as WireError.
import type { MessagePort } from 'node:worker_threads';
import type { LogFields } from '@millrace/common';
import type { SlotDeployment } from '@millrace/proto';
import type { SlotReportBody } from '@millrace/runtime';
import type { SlotInstruction } from '../task-executor/task-executor-messages.ts';

/** Given when the thread starts. */
export interface WorkerSetup {
  /** Cluster mode: the worker listens for consumers in other processes. Absent: all slots share this process. */
  readonly exchange?: { readonly host: string; readonly token: string };
  readonly isDebugLogged: boolean;
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

export type ToWorker = StartSlot | { readonly kind: 'instruction'; readonly instruction: SlotInstruction };

export type FromWorker =
  /** Imported, listening, waiting for a deployment. */
  | { readonly kind: 'ready'; readonly dataAddress: string }
  | { readonly kind: 'report'; readonly report: SlotReportBody }
  | { readonly kind: 'log'; readonly level: LogLevel; readonly message: string; readonly fields: LogFields };

export type LogLevel = 'error' | 'warn' | 'info' | 'debug';
