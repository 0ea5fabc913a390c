// What must hold of checkpoints under way: one at a time, as the leader tells it.
import type { AddressedMessage } from '@millrace/proto';

interface OfJob {
  readonly jobId: string;
  readonly checkpointId: number;
}

export class CheckpointInvariants {
  readonly #violated: (what: string) => void;
  /** By leader and job: the checkpoint that was triggered and has not ended. */
  readonly #pending = new Map<string, number>();

  constructor(violated: (what: string) => void) {
    this.#violated = violated;
  }

  /** A leader sends this. */
  onSent(message: AddressedMessage): void {
    switch (message.kind) {
      case 'trigger-checkpoint':
        return this.#onTrigger(message);
      case 'checkpoint-aborted':
        return this.onEnd(message.leaderEpoch, message);
      case 'deploy':
        // Whatever was under way has ended with the attempt before, of whom perhaps nobody was left to be told.
        this.#pending.delete(nameOf(message.leaderEpoch, message.deployment));
    }
  }

  /** It is complete, or aborted. */
  onEnd(leaderEpoch: number, of: OfJob): void {
    const name = nameOf(leaderEpoch, of);
    if (this.#pending.get(name) === of.checkpointId) this.#pending.delete(name);
  }

  /** All slots that have enumerators are told of one. */
  #onTrigger(message: OfJob & { readonly leaderEpoch: number }): void {
    const name = nameOf(message.leaderEpoch, message);
    const { checkpointId } = message;
    const pending = this.#pending.get(name);
    if (pending !== undefined && pending < checkpointId)
      this.#violated(`checkpoint ${checkpointId} starts while ${pending} is pending`);
    this.#pending.set(name, checkpointId);
  }
}

function nameOf(leaderEpoch: number, { jobId }: { readonly jobId: string }): string {
  return `${leaderEpoch}/${jobId}`;
}
