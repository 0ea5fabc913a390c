// The world as a slot sees it. The worker thread, the embedded mode and the simulator each make one.
import type {
  BlobStore,
  Clock,
  ExecutionAttemptId,
  FilePort,
  KeyValueStore,
  Logger,
  RandomPort,
  TimerPort,
  WireError,
} from '@millrace/common';
import type { ChannelDescriptor, OutputLine, SubtaskMetrics, SubtaskSnapshot } from '@millrace/proto';

/** A {@link TaskReport} without its header, which the TaskExecutor adds. */
export type SlotReportBody =
  | { readonly kind: 'slot-prepared' }
  | { readonly kind: 'slot-running' }
  | { readonly kind: 'slot-ended' }
  | {
      readonly kind: 'slot-failed';
      readonly error: WireError;
      readonly executionAttemptId?: ExecutionAttemptId;
    }
  | { readonly kind: 'end-of-input'; readonly executionAttemptId: ExecutionAttemptId }
  | {
      readonly kind: 'checkpoint-acknowledged';
      readonly executionAttemptId: ExecutionAttemptId;
      readonly checkpointId: number;
      readonly snapshot: SubtaskSnapshot;
      readonly alignmentMs: number;
      readonly syncMs: number;
      readonly asyncMs: number;
    }
  | {
      readonly kind: 'checkpoint-declined';
      readonly executionAttemptId: ExecutionAttemptId;
      readonly checkpointId: number;
      readonly error: WireError;
    }
  | { readonly kind: 'commit-acknowledged'; readonly checkpointId: number }
  | { readonly kind: 'metrics'; readonly subtasks: readonly SubtaskMetrics[] }
  | { readonly kind: 'output'; readonly lines: readonly OutputLine[] };

/** One channel between two slots; both sides name it alike. `key` is unique among all channels of all jobs. */
export interface ChannelAddress {
  readonly key: string;
  readonly channel: ChannelDescriptor;
}

/** What happens on the producing side. Calls come on the slot's thread, never inside a call to the port. */
export interface SenderEvents {
  /** The consumer is there; frames may be sent. */
  onSubscribed(): void;
  /** A frame from the consumer: credit or a request for a split. */
  onUpstream(frame: Uint8Array): void;
  onClosed(error: WireError | undefined): void;
}

export interface ReceiverEvents {
  /** Frames arrive in the order sent, each once; the bytes belong to the receiver. */
  onFrame(frame: Uint8Array): void;
  onClosed(error: WireError | undefined): void;
}

export interface FrameSender {
  /** Frames stay in this process, and need no checksum. Known once the consumer has subscribed; the receiver says the same. */
  readonly isWithinProcess: boolean;
  /** The bytes, and the ArrayBuffer that they have for themselves, belong to the network afterwards. */
  send(frame: Uint8Array): void;
  close(): void;
}

export interface FrameReceiver {
  readonly isWithinProcess: boolean;
  sendUpstream(frame: Uint8Array): void;
  close(): void;
}

/** Channels to other slots. A consumer may subscribe before its producer is there; the network keeps it waiting. */
export interface ChannelNetwork {
  openSender(address: ChannelAddress, events: SenderEvents): FrameSender;
  openReceiver(address: ChannelAddress, events: ReceiverEvents): FrameReceiver;
}

export interface SlotPorts {
  readonly clock: Clock;
  /** `schedule(0, …)` yields to I/O and comes back. */
  readonly timers: TimerPort;
  readonly random: RandomPort;
  readonly log: Logger;
  /** Checkpoint files of this job. */
  readonly blobStore: BlobStore;
  /** A new, empty, disposable store; `name` is unique in the attempt. */
  openKeyValueStore(name: string): Promise<KeyValueStore>;
  readonly files: FilePort;
  readonly network: ChannelNetwork;
  report(report: SlotReportBody): void;
}
