// What is asynchronous in a harness: answers wait until the harness lets them in, and the time of its clock is all the time
// there is.
import type { Cancellable } from '@millrace/common';
import type { AsynchronousPort } from '@millrace/runtime';

interface Alarm {
  readonly atMs: number;
  readonly call: () => void;
}

/** Contract: nothing calls back but {@link deliver} and {@link advance}. Threading: one thread. */
export class VirtualAnswers implements AsynchronousPort {
  readonly #nowMs: () => number;
  #mails: (() => void)[] = [];
  #alarms: Alarm[] = [];

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  await<T>(promise: Promise<T>, onValue: (value: T) => void, onError: (error: unknown) => void): void {
    promise.then(
      (value) => this.#mails.push(() => onValue(value)),
      (error: unknown) => this.#mails.push(() => onError(error)),
    );
  }

  put(call: () => void): void {
    this.#mails.push(call);
  }

  schedule(delayMs: number, call: () => void): Cancellable {
    const alarm: Alarm = { atMs: this.#nowMs() + delayMs, call };
    this.#alarms.push(alarm);
    return { cancel: () => void (this.#alarms = this.#alarms.filter((other) => other !== alarm)) };
  }

  /** Hands over what has been answered; false: nothing. */
  deliver(): boolean {
    const mails = this.#mails;
    this.#mails = [];
    for (const mail of mails) mail();
    return mails.length > 0;
  }

  /** Calls what is due by now, the earliest first. */
  advance(): void {
    for (;;) {
      const due = this.#alarms
        .filter(({ atMs }) => atMs <= this.#nowMs())
        .toSorted((a, b) => a.atMs - b.atMs);
      const first = due[0];
      if (first === undefined) return;
      this.#alarms = this.#alarms.filter((alarm) => alarm !== first);
      first.call();
    }
  }
}
