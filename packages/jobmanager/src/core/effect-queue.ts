// Notes commands during a step and keeps what is to happen when each is answered.
import { invariant, type JobId, type LogFields } from '@millrace/common';
import type { TaskExecutorMessage } from '@millrace/proto';
import type {
  Command,
  ConnectionId,
  Effects,
  Outcome,
  SavepointExport,
  StoreOperation,
  Token,
} from './effects.ts';

/** Answers that may be awaited at once. */
const PENDING_MAX = 100_000;

/** {@link Effects} that collect commands. Threading: one thread; used inside `step` only. */
export class EffectQueue implements Effects {
  #commands: Command[] = [];
  #nextToken: Token = 1;
  readonly #pending = new Map<Token, (outcome: Outcome) => void>();
  readonly #timers = new Map<Token, () => void>();
  #isHalted = false;
  readonly #instanceAt: (connectionId: ConnectionId) => string | undefined;

  constructor(instanceAt: (connectionId: ConnectionId) => string | undefined) {
    this.#instanceAt = instanceAt;
  }

  get isHalted(): boolean {
    return this.#isHalted;
  }

  /** Commands noted since the last call. */
  take(): readonly Command[] {
    const commands = this.#commands;
    this.#commands = [];
    return commands;
  }

  answer(token: Token, outcome: Outcome): void {
    const then = this.#pending.get(token);
    if (then === undefined) return;
    this.#pending.delete(token);
    then(outcome);
  }

  fire(token: Token): void {
    const then = this.#timers.get(token);
    if (then === undefined) return;
    this.#timers.delete(token);
    then();
  }

  command(command: Exclude<Command, { token: Token }>): void {
    this.#commands.push(command);
  }

  send(connectionId: ConnectionId, message: TaskExecutorMessage): void {
    const instanceId = this.#instanceAt(connectionId);
    if (instanceId !== undefined)
      this.#commands.push({ kind: 'send', connectionId, message: { ...message, instanceId } });
  }

  /** A write that fails may or may not have happened: only a new leader that reads the store anew can tell. */
  persist(operations: readonly StoreOperation[], then: () => void): void {
    const token = this.#await((outcome) => {
      if (outcome.ok) then();
      else {
        this.#isHalted = true;
        this.#commands.push({ kind: 'halt', error: outcome.error });
      }
    });
    this.#commands.push({ kind: 'persist', token, operations });
  }

  writeBlob(jobId: JobId, name: string, bytes: Uint8Array, then: (outcome: Outcome) => void): void {
    this.#commands.push({ kind: 'write-blob', token: this.#await(then), jobId, name, bytes });
  }

  readBlob(jobId: JobId, name: string, then: (outcome: Outcome) => void): void {
    this.#commands.push({ kind: 'read-blob', token: this.#await(then), jobId, name });
  }

  importCheckpoint(jobId: JobId, path: string, then: (outcome: Outcome) => void): void {
    this.#commands.push({ kind: 'import-checkpoint', token: this.#await(then), jobId, path });
  }

  exportSavepoint(savepoint: SavepointExport, then: (outcome: Outcome) => void): void {
    this.#commands.push({ kind: 'export-savepoint', token: this.#await(then), ...savepoint });
  }

  schedule(delayMs: number, then: () => void): { cancel(): void } {
    const token = this.#nextToken++;
    this.#timers.set(token, then);
    this.#commands.push({ kind: 'schedule', token, delayMs });
    return {
      cancel: () => {
        if (this.#timers.delete(token)) this.#commands.push({ kind: 'cancel-timer', token });
      },
    };
  }

  log(level: 'error' | 'warn' | 'info' | 'debug', message: string, fields: LogFields): void {
    this.#commands.push({ kind: 'log', level, message, fields });
  }

  #await(then: (outcome: Outcome) => void): Token {
    invariant(this.#pending.size < PENDING_MAX, 'too many answers are awaited');
    const token = this.#nextToken++;
    this.#pending.set(token, then);
    return token;
  }
}
