// What the TaskExecutor's core is told and what it wants done. Plain data.
import type { WireError } from '@millrace/common';
import type { ArtifactManifest, SlotDeployment, AddressedMessage, TaskManagerMessage } from '@millrace/proto';
import type { CheckpointTrigger, SlotReportBody } from '@millrace/runtime';

/** Names one worker of one slot; words about an older generation are ignored. */
export interface WorkerKey {
  readonly slotIndex: number;
  readonly generation: number;
}

/** Timers of the core. Setting one that runs starts it again. */
export type TaskExecutorTimer =
  | { readonly kind: 'heartbeat' }
  /** The leader has been away for too long. */
  | { readonly kind: 'leader-timeout' }
  /** It waits no longer for its jobs to move elsewhere. */
  | { readonly kind: 'leave-limit' }
  /** The worker had its time to end by itself. */
  | ({ readonly kind: 'grace' } & WorkerKey);

export type TaskExecutorEvent =
  /** There is a connection to a JobManager; it does not know us yet. */
  | { readonly kind: 'leader-connected' }
  | { readonly kind: 'leader-disconnected' }
  | { readonly kind: 'leader-message'; readonly message: AddressedMessage }
  | ({ readonly kind: 'worker-ready'; readonly dataAddress: string } & WorkerKey)
  /** The worker thread is gone, whatever the reason; `error` when it was not asked to go. */
  | ({ readonly kind: 'worker-exited'; readonly error?: WireError } & WorkerKey)
  | ({ readonly kind: 'artifact-ready'; readonly directory: string } & WorkerKey)
  | ({ readonly kind: 'artifact-failed'; readonly error: WireError } & WorkerKey)
  | ({ readonly kind: 'slot-report'; readonly report: SlotReportBody } & WorkerKey)
  | { readonly kind: 'timer'; readonly timer: TaskExecutorTimer; readonly rssBytes: number }
  /** The process is to end in good order: jobs that run here are to move elsewhere first. `left` follows. */
  | { readonly kind: 'leave'; readonly limitMs: number }
  /** The process is to end: cancel everything. */
  | { readonly kind: 'shut-down' };

/** What a slot's worker is told about the attempt that it runs. */
export type SlotInstruction =
  | { readonly kind: 'trigger-checkpoint'; readonly trigger: CheckpointTrigger }
  | { readonly kind: 'checkpoint-complete'; readonly checkpointId: number }
  | { readonly kind: 'checkpoint-aborted'; readonly checkpointId: number }
  | { readonly kind: 'align-watermarks'; readonly limitsMs: Readonly<Record<string, number | null>> }
  | { readonly kind: 'finish' }
  | { readonly kind: 'cancel' };

export type TaskExecutorCommand =
  | { readonly kind: 'send'; readonly message: TaskManagerMessage }
  /** A message of an old leader was not obeyed. */
  | { readonly kind: 'refuse'; readonly message: AddressedMessage; readonly error: WireError }
  /** Find a worker for the slot: the spare one at once, else a new one. */
  | ({ readonly kind: 'provide-worker' } & WorkerKey)
  | ({
      readonly kind: 'fetch-artifact';
      readonly deployment: SlotDeployment;
      readonly artifact: ArtifactManifest;
    } & WorkerKey)
  | ({
      readonly kind: 'start-slot';
      readonly deployment: SlotDeployment;
      readonly artifactDirectory: string;
    } & WorkerKey)
  | ({ readonly kind: 'tell-slot'; readonly instruction: SlotInstruction } & WorkerKey)
  | ({ readonly kind: 'terminate-worker' } & WorkerKey)
  /** Resident memory stays over its limit: the process should leave; `isFar`: at once. Each once. */
  | { readonly kind: 'memory-over'; readonly rssBytes: number; readonly isFar: boolean }
  /** Nothing is left to wait for: the process may end. Once. */
  | { readonly kind: 'left' }
  | { readonly kind: 'set-timer'; readonly timer: TaskExecutorTimer; readonly delayMs: number }
  | { readonly kind: 'clear-timer'; readonly timer: TaskExecutorTimer };
