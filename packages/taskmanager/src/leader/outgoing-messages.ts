// What may be written to the leader: nothing larger than a message may be, and no more than the connection can carry.
import { MillraceError, toWireError } from '@millrace/common';
import { CONTROL_MESSAGE_BYTES_MAX, type OutputLine, type TaskManagerMessage } from '@millrace/proto';

/** Bytes that may wait before printed lines are left out. */
export const OUTPUT_WAITING_BYTES_MAX = 16 * 1024 * 1024;
/** Bytes that may wait for the connection before metrics are left out: lines alone never reach it. Newer ones follow. */
export const METRICS_WAITING_BYTES_MAX = OUTPUT_WAITING_BYTES_MAX + 2 * CONTROL_MESSAGE_BYTES_MAX;
/** How many lines were left out is said when no more bytes than these wait. */
const NOTICE_WAITING_BYTES_MAX = 1024 * 1024;
/** Bytes that may wait at all: the rest is a few messages a subtask. Beyond it the connection is given up. */
export const WAITING_BYTES_MAX = 8 * CONTROL_MESSAGE_BYTES_MAX;

export interface OutgoingMessagesOptions {
  readonly encode: (message: TaskManagerMessage) => Uint8Array;
  /** Gives bytes to the connection; `onSent` is called when they no longer wait. */
  readonly write: (bytes: Uint8Array, onSent: () => void) => void;
  /** The connection has not taken anything for long: gives it up. */
  readonly giveUp: () => void;
}

type Output = Extract<TaskManagerMessage, { kind: 'output' }>;

/**
 * The messages of one connection.
 * Contract: printed lines are left out first, and counted, then metrics: a line says how many were left out. A snapshot or an
 * error that is too large for a message becomes one that says so. Bounds: WAITING_BYTES_MAX. Threading: the main thread.
 */
export class OutgoingMessages {
  readonly #options: OutgoingMessagesOptions;
  #waitingBytes = 0;
  /** By slot and attempt: how many lines were left out, and the last of them, whose place the notice takes. */
  readonly #leftOut = new Map<string, { message: Output; line: OutputLine; count: number }>();

  constructor(options: OutgoingMessagesOptions) {
    this.#options = options;
  }

  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  send(message: TaskManagerMessage): void {
    if (message.kind === 'metrics' && this.#waitingBytes > METRICS_WAITING_BYTES_MAX) return;
    if (message.kind === 'output' && this.#waitingBytes > OUTPUT_WAITING_BYTES_MAX) this.#leaveOut(message);
    else this.#encodeAndWrite(message);
  }

  #encodeAndWrite(message: TaskManagerMessage): void {
    const bytes = this.#options.encode(message);
    if (bytes.byteLength <= CONTROL_MESSAGE_BYTES_MAX) {
      this.#write(bytes);
      return;
    }
    if (message.kind === 'output') this.#leaveOut(message);
    const smaller = smallerOf(message, bytes.byteLength);
    if (smaller !== undefined) this.#write(this.#options.encode(smaller));
  }

  #write(bytes: Uint8Array): void {
    this.#waitingBytes += bytes.byteLength;
    if (this.#waitingBytes > WAITING_BYTES_MAX) {
      this.#options.giveUp();
      return;
    }
    this.#options.write(bytes, () => {
      this.#waitingBytes -= bytes.byteLength;
      if (this.#leftOut.size > 0 && this.#waitingBytes <= NOTICE_WAITING_BYTES_MAX) this.#tellOfLeftOut();
    });
  }

  #leaveOut(message: Output): void {
    const line = message.lines.at(-1);
    if (line === undefined) return;
    const key = `${message.jobId}/${message.attemptNumber}/${message.slotIndex}`;
    const count = (this.#leftOut.get(key)?.count ?? 0) + message.lines.length;
    this.#leftOut.set(key, { message, line, count });
  }

  #tellOfLeftOut(): void {
    const leftOut = [...this.#leftOut.values()];
    this.#leftOut.clear();
    for (const { message, line, count } of leftOut) {
      const { nodeId, subtaskIndex, sequence } = line;
      const text = `… ${count} printed lines left out: the JobManager did not take them in time`;
      const notice: OutputLine = { nodeId, subtaskIndex, sequence, form: 'text', text };
      this.#encodeAndWrite({ ...message, lines: [notice] });
    }
  }
}

/** What says that `message` was too large, where somebody waits for it. */
function smallerOf(message: TaskManagerMessage, bytes: number): TaskManagerMessage | undefined {
  if (
    message.kind !== 'checkpoint-acknowledged' &&
    message.kind !== 'slot-failed' &&
    message.kind !== 'checkpoint-declined'
  )
    return undefined;
  const operators = message.kind === 'checkpoint-acknowledged' ? message.snapshot.operators : [];
  const names = operators.map(({ uid }) => `"${uid}"`).join(', ');
  const of = names === '' ? `message "${message.kind}"` : `the snapshot of ${names}`;
  const error = toWireError(
    new MillraceError(
      'MR_UNSUPPORTED_VALUE',
      `Cannot send ${of}: it takes ${bytes} bytes, at most ${CONTROL_MESSAGE_BYTES_MAX} fit into a message`,
      { details: { bytes, bytesMax: CONTROL_MESSAGE_BYTES_MAX } },
    ),
  );
  if (message.kind === 'checkpoint-acknowledged') {
    const {
      snapshot: _snapshot,
      alignmentMs: _alignment,
      syncMs: _sync,
      asyncMs: _async,
      ...header
    } = message;
    return { ...header, kind: 'checkpoint-declined', error };
  }
  const { code, fault, retry } = message.error;
  return { ...message, error: { ...error, code, fault, retry } };
}
