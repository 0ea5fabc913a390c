// What happens outside the task's loop and must be handled inside it: promises that settle, frames, commands.

/** Something to do on the slot's thread, between two batches. */
export type Mail = () => void;

/**
 * Mails in the order of their arrival.
 * Contract: `put` may be called at any time, also while mails are run; `onMail` wakes the loop.
 * Bounds: one mail per promise that a task waits for, and per command of the JobManager. Threading: one thread.
 */
export class Mailbox {
  #mails: Mail[] = [];
  readonly #onMail: () => void;

  constructor(onMail: () => void) {
    this.#onMail = onMail;
  }

  put(mail: Mail): void {
    this.#mails.push(mail);
    this.#onMail();
  }

  get hasMail(): boolean {
    return this.#mails.length > 0;
  }

  /** Runs what has arrived, and what arrives meanwhile. */
  drain(): void {
    while (this.#mails.length > 0) {
      const mails = this.#mails;
      this.#mails = [];
      for (const mail of mails) mail();
    }
  }

  /** Lets a settled promise call back through the mailbox. */
  await<T>(promise: Promise<T>, onValue: (value: T) => void, onError: (error: unknown) => void): void {
    promise.then(
      (value) => this.put(() => onValue(value)),
      (error: unknown) => this.put(() => onError(error)),
    );
  }
}
