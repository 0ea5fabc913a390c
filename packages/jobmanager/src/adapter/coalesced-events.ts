// What a client that reads slowly is told: the newest status and the newest lines, however much happens meanwhile.
import type { JobEvent, JobStatus, OutputLine } from '@millrace/proto';

/** Lines that wait for one client; the oldest are left out, as they are in what the JobManager keeps. */
export const LINES_WAITING_MAX = 1_000;

/**
 * Stands between a job's events and one client's stream.
 * Contract: `write` returns false when it wants no more until `drained` is called. Events keep their order, but of the
 * statuses that wait only the newest is written, after the lines that wait.
 * Bounds: {@link LINES_WAITING_MAX} lines and one status. Threading: one thread.
 */
export class CoalescedEvents {
  readonly #write: (event: JobEvent) => boolean;
  #isBlocked = false;
  #lines: readonly OutputLine[] = [];
  #status: JobStatus | undefined;

  constructor(write: (event: JobEvent) => boolean) {
    this.#write = write;
  }

  offer(event: JobEvent): void {
    if (event.kind === 'status') this.#status = event.status;
    else this.#lines = [...this.#lines, ...event.lines].slice(-LINES_WAITING_MAX);
    if (!this.#isBlocked) this.flush();
  }

  /** The client has read what was written. */
  drained(): void {
    this.#isBlocked = false;
    this.flush();
  }

  /** Writes what waits, also when the client wants no more: nothing else will come. */
  flush(): void {
    const lines = this.#lines;
    const status = this.#status;
    this.#lines = [];
    this.#status = undefined;
    if (lines.length > 0 && !this.#write({ kind: 'output', lines })) this.#isBlocked = true;
    if (status !== undefined && !this.#write({ kind: 'status', status })) this.#isBlocked = true;
  }
}
