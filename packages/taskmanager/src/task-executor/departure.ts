// How a TaskManager leaves: it says so, and waits until the leader says that nobody needs it, for as long as it has.
import type { TaskManagerMessage } from '@millrace/proto';
import type { TaskExecutorCommand } from './task-executor-messages.ts';

/*
 * State    means                               goes to
 * staying  nobody asked it to leave            waiting, left (there is no leader who could move anything)
 * waiting  the leader was told                 left (told by the leader, out of time, or the leader is away)
 * left     the process was told that it may end
 */
type DepartureState = 'staying' | 'waiting' | 'left';

/** Threading: inside `step` only. */
export class Departure {
  #state: DepartureState = 'staying';
  readonly #emit: (command: TaskExecutorCommand) => void;

  constructor(emit: (command: TaskExecutorCommand) => void) {
    this.#emit = emit;
  }

  /** `from`: who leaves, as the leader knows it; undefined: there is no leader. */
  begin(
    limitMs: number,
    from: Pick<LeavingMessage, 'taskManagerId' | 'instanceId' | 'leaderEpoch'> | undefined,
  ): void {
    if (this.#state !== 'staying') return;
    this.#state = 'waiting';
    if (from === undefined) {
      this.end();
      return;
    }
    this.#emit({ kind: 'send', message: { kind: 'leaving', ...from, limitMs } });
    this.#emit({ kind: 'set-timer', timer: { kind: 'leave-limit' }, delayMs: limitMs });
  }

  /** There is nothing more to wait for. */
  end(): void {
    if (this.#state !== 'waiting') return;
    this.#state = 'left';
    this.#emit({ kind: 'clear-timer', timer: { kind: 'leave-limit' } });
    this.#emit({ kind: 'left' });
  }
}

type LeavingMessage = Extract<TaskManagerMessage, { readonly kind: 'leaving' }>;
