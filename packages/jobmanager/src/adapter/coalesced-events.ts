// What a client that reads slowly is told: the newest status and the newest lines, however much happens meanwhile.
import type { JobEvent, JobStatus, OutputLine } from '@millrace/proto';

/** Text of lines that wait for one client, with what a line costs besides; the oldest are left out, and the client counts them. */
export const LINES_WAITING_BYTES_MAX = 32 * 1024 * 1024;
/** What a line costs besides its text: its numbers, and its place. */
export const LINE_OVERHEAD_BYTES = 64;
/** Lines of one message; a message may have 32 MiB. A single longer line is a message of its own. */
export const LINES_MESSAGE_BYTES = 256 * 1024;

/**
 * Stands between a job's events and one client's stream.
 * Contract: `write` returns false when it wants no more until `drained` is called. Events keep their order, but of the
 * statuses that wait only the newest is written, after the lines that wait.
 * Bounds: {@link LINES_WAITING_BYTES_MAX} of lines and one status. Threading: one thread.
 */
export class CoalescedEvents {
  readonly #write: (event: JobEvent) => boolean;
  #isBlocked = false;
  /** From `#first` on: those before it have been written or left out. */
  #lines: OutputLine[] = [];
  #first = 0;
  #waitingBytes = 0;
  #status: JobStatus | undefined;

  constructor(write: (event: JobEvent) => boolean) {
    this.#write = write;
  }

  offer(event: JobEvent): void {
    if (event.kind === 'status') this.#status = event.status;
    else this.#add(event.lines);
    if (!this.#isBlocked) this.#writeWaiting();
  }

  /** The client has read what was written. */
  drained(): void {
    this.#isBlocked = false;
    this.#writeWaiting();
  }

  /** Writes what waits, also when the client wants no more: nothing else will come. */
  flush(): void {
    do {
      this.#isBlocked = false;
      this.#writeWaiting();
    } while (this.#first < this.#lines.length || this.#status !== undefined);
  }

  #add(lines: readonly OutputLine[]): void {
    for (const line of lines) {
      this.#lines.push(line);
      this.#waitingBytes += bytesOf(line);
    }
    while (this.#waitingBytes > LINES_WAITING_BYTES_MAX) this.#take();
    this.#forgetTaken();
  }

  #writeWaiting(): void {
    while (!this.#isBlocked && this.#first < this.#lines.length)
      this.#isBlocked = !this.#write({ kind: 'output', lines: this.#nextMessage() });
    const status = this.#status;
    if (this.#isBlocked || status === undefined) return;
    this.#status = undefined;
    this.#isBlocked = !this.#write({ kind: 'status', status });
  }

  #nextMessage(): readonly OutputLine[] {
    const lines: OutputLine[] = [];
    let bytes = 0;
    while (this.#first < this.#lines.length) {
      bytes += bytesOf(this.#lines[this.#first] as OutputLine);
      if (lines.length > 0 && bytes > LINES_MESSAGE_BYTES) break;
      lines.push(this.#take());
    }
    this.#forgetTaken();
    return lines;
  }

  #take(): OutputLine {
    const line = this.#lines[this.#first++] as OutputLine;
    this.#waitingBytes -= bytesOf(line);
    return line;
  }

  /** At a cost of one move a line, whatever waits. */
  #forgetTaken(): void {
    if (this.#first * 2 < this.#lines.length) return;
    this.#lines = this.#lines.slice(this.#first);
    this.#first = 0;
  }
}

function bytesOf({ text }: OutputLine): number {
  return text.length * 2 + LINE_OVERHEAD_BYTES;
}
