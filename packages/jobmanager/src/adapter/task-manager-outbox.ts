// What is written to one TaskManager: nothing larger than a message may be, and no more than its connection can carry.
import { MillraceError, toWireError, type WireError } from '@millrace/common';
import { CONTROL_MESSAGE_BYTES_MAX, type SlotDeployment, type AddressedMessage } from '@millrace/proto';

/** Bytes that may wait for one TaskManager: its deployments and a few small messages. Beyond it the connection is given up. */
export const TASK_MANAGER_WAITING_BYTES_MAX = 8 * CONTROL_MESSAGE_BYTES_MAX;

export interface TaskManagerOutboxOptions {
  readonly encode: (message: AddressedMessage) => Uint8Array;
  /** Gives bytes to the connection; `onSent` is called when they no longer wait. */
  readonly write: (bytes: Uint8Array, onSent: () => void) => void;
  /** The TaskManager has not taken anything for long. */
  readonly giveUp: () => void;
  /** A deployment is not sent, because it is too large. */
  readonly onOversize: (deployment: SlotDeployment, error: WireError) => void;
}

/** Bounds: TASK_MANAGER_WAITING_BYTES_MAX. Threading: the main thread. */
export class TaskManagerOutbox {
  readonly #options: TaskManagerOutboxOptions;
  #waitingBytes = 0;

  constructor(options: TaskManagerOutboxOptions) {
    this.#options = options;
  }

  send(message: AddressedMessage): void {
    const { encode, write, giveUp, onOversize } = this.#options;
    const bytes = encode(message);
    if (message.kind === 'deploy' && bytes.byteLength > CONTROL_MESSAGE_BYTES_MAX) {
      onOversize(message.deployment, tooLarge(message.deployment, bytes.byteLength));
      return;
    }
    this.#waitingBytes += bytes.byteLength;
    if (this.#waitingBytes > TASK_MANAGER_WAITING_BYTES_MAX) giveUp();
    else write(bytes, () => (this.#waitingBytes -= bytes.byteLength));
  }
}

/** Names the operator whose restored state takes the most of it. */
function tooLarge(deployment: SlotDeployment, bytes: number): WireError {
  const { jobName, slotIndex } = deployment;
  const byteLengths = new Map<string, number>();
  for (const { restore } of deployment.subtasks) {
    for (const { operators } of restore) {
      for (const operator of operators)
        byteLengths.set(operator.uid, (byteLengths.get(operator.uid) ?? 0) + JSON.stringify(operator).length);
    }
  }
  const [greatest] = [...byteLengths].toSorted((a, b) => b[1] - a[1]);
  const why =
    greatest === undefined
      ? ''
      : `; most of it is what operator "${greatest[0]}" restores, ${greatest[1]} characters`;
  return toWireError(
    new MillraceError(
      'MR_UNSUPPORTED_VALUE',
      `Cannot deploy slot ${slotIndex} of job "${jobName}": its description takes ${bytes} bytes, at most ${CONTROL_MESSAGE_BYTES_MAX} fit into a message${why}`,
      { details: { bytes, bytesMax: CONTROL_MESSAGE_BYTES_MAX, uid: greatest?.[0] ?? '' } },
    ),
  );
}
