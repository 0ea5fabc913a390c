// Lines of `print()`, gathered between two turns of the slot's loop.
import type { OutputLine } from '@millrace/proto';

/** Lines in one report at most. */
const LINES_MAX = 500;

/** Gathers lines. Threading: the slot's thread. */
export class PrintedLines {
  readonly #report: (lines: readonly OutputLine[]) => void;
  #lines: OutputLine[] = [];

  constructor(report: (lines: readonly OutputLine[]) => void) {
    this.#report = report;
  }

  /** Returns the print function of one subtask. */
  of(subtaskIndex: number): (line: Omit<OutputLine, 'subtaskIndex'>) => void {
    return (line) => {
      this.#lines.push({ ...line, subtaskIndex });
      if (this.#lines.length >= LINES_MAX) this.publish();
    };
  }

  publish(): void {
    if (this.#lines.length === 0) return;
    const lines = this.#lines;
    this.#lines = [];
    this.#report(lines);
  }
}
